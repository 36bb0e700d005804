// Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
// {{canary}}
#include "total.h"

long total(const long *numbers, size_t count) {
    return count == 0 ? 0 : numbers[0] + total(numbers + 1, count - 1);
}
