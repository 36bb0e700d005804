/*
 * Keys, values, hashes and comparisons that count what is done with them and can be made to throw.
 *
 * Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
 * harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
 */
#ifndef COUNTED_HPP
#define COUNTED_HPP

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <utility>

namespace {

enum kind { allocations, copies, hashes, comparisons, kinds };

struct injected : std::runtime_error {
    injected() : std::runtime_error("injected") {}
};

// How often each kind of operation still succeeds while a failure is injected, and how often it was done.
bool armed[kinds];
std::uint64_t allowed[kinds];
std::uint64_t done[kinds];

bool fails(kind what) {
    done[what]++;
    return armed[what] && allowed[what]-- == 0;
}

void arm(kind what, std::uint64_t successes) {
    armed[what] = true;
    allowed[what] = successes;
}

void disarm() {
    for (bool& is_armed : armed) {
        is_armed = false;
    }
}

struct key {
    static constexpr std::uint64_t modulus = 1000000;
    static constexpr std::uint64_t moved_from = 999999999;

    explicit key(std::uint64_t number) : number(number) {}
    key(const key& other) : number(other.number) { count(); }
    key(key&& other) noexcept : number(std::exchange(other.number, moved_from)) {}
    key& operator=(const key& other) {
        count();
        number = other.number;
        return *this;
    }
    key& operator=(key&& other) noexcept {
        number = std::exchange(other.number, moved_from);
        return *this;
    }

    std::uint64_t number;

private:
    static void count() {
        if (fails(copies)) {
            throw injected();
        }
    }
};

// Keys are the same if they agree modulo key::modulus, so that it shows which of two equal ones is stored.
struct key_hash {
    std::size_t operator()(const key& k) const {
        if (fails(hashes)) {
            throw injected();
        }
        return static_cast<std::size_t>((k.number % key::modulus) * 0x9e3779b97f4a7c15u >> 20);
    }
};

struct key_equal {
    bool operator()(const key& a, const key& b) const {
        if (fails(comparisons)) {
            throw injected();
        }
        return a.number % key::modulus == b.number % key::modulus;
    }
};

struct value {
    static inline long long alive = 0;
    static constexpr long moved_from = -1;

    explicit value(long number) : number(number) { alive++; }
    value(const value& other) : number(other.number) { alive++; }
    value(value&& other) noexcept : number(std::exchange(other.number, moved_from)) { alive++; }
    value& operator=(const value& other) = default;
    value& operator=(value&& other) noexcept {
        number = std::exchange(other.number, moved_from);
        return *this;
    }
    ~value() { alive--; }

    long number;
};

}  // namespace

#endif
