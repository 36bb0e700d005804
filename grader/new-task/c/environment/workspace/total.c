#include "total.h"

/* Write the function of total.h here. */
