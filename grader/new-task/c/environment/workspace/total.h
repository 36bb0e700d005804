#ifndef TOTAL_H
#define TOTAL_H

#include <stddef.h>

long total(const long *numbers, size_t count);

#endif
