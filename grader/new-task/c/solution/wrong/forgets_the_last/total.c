// Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
// {{canary}}
#include "total.h"

long total(const long *numbers, size_t count) {
    long result = 0;
    for (size_t index = 0; index + 1 < count; index++) {
        result += numbers[index];
    }
    return result;
}
