// Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
// {{canary}}
#pragma once

#include <span>

inline long total(std::span<const long> numbers) {
    long result = 0;
    for (std::size_t index = 0; index + 1 < numbers.size(); index++) {
        result += numbers[index];
    }
    return result;
}
