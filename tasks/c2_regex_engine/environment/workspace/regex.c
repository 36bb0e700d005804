#include "regex.h"

/* Write the functions of regex.h here. */
