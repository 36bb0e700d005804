#include "slab.h"

/* Write the functions of slab.h here. */
