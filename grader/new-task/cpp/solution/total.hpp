// Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
// {{canary}}
#pragma once

#include <numeric>
#include <span>

inline long total(std::span<const long> numbers) {
    return std::accumulate(numbers.begin(), numbers.end(), 0L);
}
