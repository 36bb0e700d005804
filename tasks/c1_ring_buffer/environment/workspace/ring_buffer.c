#include "ring_buffer.h"

/* Write the functions of ring_buffer.h here. */
