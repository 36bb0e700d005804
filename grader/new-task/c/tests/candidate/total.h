// Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
// {{canary}}
#ifndef TOTAL_H
#define TOTAL_H

#include <stddef.h>

long total(const long *numbers, size_t count);

#endif
