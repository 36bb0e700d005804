/*
 * Runs scripts of cache calls from stdin and sends what each returned; knows nothing of the right answers.
 *
 * Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
 * harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
 */
#include "counted.hpp"
#include "lru_cache.hpp"
#include "lru_cache.hpp"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>

// From sanitizer/allocator_interface.h, which not every compiler installs.
extern "C" std::size_t __sanitizer_get_current_allocated_bytes(void);

namespace {

using cache = lru_cache<key, value, key_hash, key_equal>;
using unique_cache = lru_cache<std::string, std::unique_ptr<long>>;

constexpr std::size_t slots = 4;
std::FILE* answers;
char buffer[1 << 16];

[[noreturn]] void give_up(const char* reason) {
    std::fprintf(stderr, "the driver gave up: %s\n", reason);
    std::exit(3);
}

struct word {
    word() {
        if (std::scanf("%39s", text) != 1) {
            give_up("a word is missing");
        }
    }
    bool is(const char* other) const { return std::strcmp(text, other) == 0; }

    char text[40];
};

std::uint64_t scan_number() {
    const word number;
    return number.is("max") ? SIZE_MAX : std::strtoull(number.text, nullptr, 10);
}

long scan_long() {
    return static_cast<long>(scan_number());
}

std::string described(const value* v) {
    return v == nullptr ? "none" : std::to_string(v->number);
}

std::string described(const std::optional<std::pair<key, value>>& evicted) {
    return evicted ? std::to_string(evicted->first.number) + "=" + std::to_string(evicted->second.number) : "none";
}

// Capacity, size, how many values are alive in all caches, and the entries.
std::string state(const cache& c) {
    std::string text =
        std::to_string(c.capacity()) + " " + std::to_string(c.size()) + " " + std::to_string(value::alive);
    c.for_each([&text](const key& k, const value& v) {
        text += " " + std::to_string(k.number) + "=" + std::to_string(v.number);
    });
    return text;
}

std::string call_put(cache& c, std::uint64_t number, long content, const kind* failing, std::uint64_t successes) {
    key k(number);
    value v(content);
    if (failing != nullptr) {
        arm(*failing, successes);
    }
    const std::optional<std::pair<key, value>> evicted = c.put(std::move(k), std::move(v));
    disarm();
    return described(evicted);
}

std::string call_make(cache& c, std::uint64_t number, long content, const kind* failing, std::uint64_t successes) {
    const key k(number);
    int calls = 0;
    if (failing != nullptr) {
        arm(*failing, successes);
    }
    value& v = c.get_or_create(k, [content, &calls] {
        calls++;
        return value(content);
    });
    disarm();
    return std::to_string(v.number) + " " + std::to_string(calls);
}

// Has the first, the second, ... operation of a kind fail until a call gets through; sends each different state that a
// failure left behind, then the result.
template <class Call>
void send_trials(cache& c, Call call, kind failing) {
    std::string states;
    std::string last;
    for (std::uint64_t successes = 0; successes < 100; successes++) {
        try {
            const std::string result = call(c, &failing, successes);
            std::fprintf(answers, "%s\n%s\n", states.empty() ? "never" : states.c_str(), result.c_str());
            return;
        } catch (const std::exception&) {
            disarm();
        }
        const std::string now = state(c);
        if (now != last) {
            states += (states.empty() ? "" : " then ") + now;
            last = now;
        }
    }
    give_up("a call fails for ever");
}

kind scan_kind() {
    const word name;
    return name.is("allocations") ? allocations : name.is("copies") ? copies : name.is("hashes") ? hashes : comparisons;
}

void trial(cache& c) {
    const kind failing = scan_kind();
    const word operation;
    const std::uint64_t number = scan_number();
    const long content = scan_long();
    const auto call = operation.is("put") ? call_put : call_make;
    send_trials(
        c,
        [=](cache& cached, const kind* what, std::uint64_t successes) {
            return call(cached, number, content, what, successes);
        },
        failing);
}

// A get_or_create whose `make` throws.
void fail_to_make(cache& c) {
    const key k(scan_number());
    int calls = 0;
    try {
        c.get_or_create(k, [&calls]() -> value {
            calls++;
            throw injected();
        });
        std::fprintf(answers, "returned %d\n", calls);
    } catch (const injected&) {
        std::fprintf(answers, "injected %d\n", calls);
    }
}

// Many calls on keys below a bound; sends a digest of what they returned, then the calls of hash and comparison for
// each of them, rounded down.
void churn(cache& c) {
    const std::uint64_t calls = scan_number();
    const std::uint64_t bound = scan_number();
    std::uint64_t random = scan_number();
    std::uint64_t digest = 0;
    done[hashes] = done[comparisons] = 0;
    for (std::uint64_t i = 0; i < calls; i++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        const key k((random >> 33) % bound);
        const long content = static_cast<long>(i);
        std::uint64_t result = 0;
        switch (random >> 20 & 3) {
        case 0: {
            const auto evicted = c.put(k, value(content));
            result = evicted ? evicted->first.number * 31 + static_cast<std::uint64_t>(evicted->second.number) + 1 : 0;
            break;
        }
        case 1:
            result = static_cast<std::uint64_t>(c.get_or_create(k, [content] { return value(content); }).number);
            break;
        case 2:
            result = c.erase(k) ? 1 : 0;
            break;
        default: {
            const value* v = c.get(k);
            result = v == nullptr ? 0 : static_cast<std::uint64_t>(v->number) + 1;
        }
        }
        digest = (digest ^ result) * 1099511628211u;
    }
    std::fprintf(answers, "%llu\n%llu %llu\n", static_cast<unsigned long long>(digest),
                 static_cast<unsigned long long>(done[hashes] / calls),
                 static_cast<unsigned long long>(done[comparisons] / calls));
}

// One call for a cache that is there; false for an operation that is none.
bool perform(const word& operation, cache& c, const value*& held) {
    std::string result;
    if (operation.is("state")) {
        result = state(c);
    } else if (operation.is("put")) {
        const std::uint64_t number = scan_number();
        result = call_put(c, number, scan_long(), nullptr, 0);
    } else if (operation.is("make")) {
        const std::uint64_t number = scan_number();
        result = call_make(c, number, scan_long(), nullptr, 0);
    } else if (operation.is("get")) {
        result = described(c.get(key(scan_number())));
    } else if (operation.is("peek")) {
        result = described(std::as_const(c).peek(key(scan_number())));
    } else if (operation.is("contains")) {
        result = std::as_const(c).contains(key(scan_number())) ? "true" : "false";
    } else if (operation.is("erase")) {
        result = c.erase(key(scan_number())) ? "true" : "false";
    } else if (operation.is("clear")) {
        c.clear();
        result = "cleared";
    } else if (operation.is("resize")) {
        try {
            c.resize(scan_number());
            result = "resized";
        } catch (const std::invalid_argument&) {
            result = "invalid_argument";
        }
    } else if (operation.is("hold")) {
        held = c.get(key(scan_number()));
        result = described(held);
    } else if (operation.is("held")) {
        result = described(held);
    } else if (operation.is("trial")) {
        trial(c);
        return true;
    } else if (operation.is("fail")) {
        fail_to_make(c);
        return true;
    } else if (operation.is("churn")) {
        churn(c);
        return true;
    } else {
        return false;
    }
    std::fprintf(answers, "%s\n", result.c_str());
    return true;
}

std::unique_ptr<cache> create() {
    try {
        auto created = std::make_unique<cache>(scan_number());
        std::fprintf(answers, "created\n");
        return created;
    } catch (const std::invalid_argument&) {
        std::fprintf(answers, "invalid_argument\n");
        return nullptr;
    }
}

// One call on a cache whose values can only be moved.
void perform_unique(unique_cache& c) {
    const word operation;
    const word name;
    std::string result = "none";
    if (operation.is("put")) {
        if (const auto evicted = c.put(name.text, std::make_unique<long>(scan_long()))) {
            result = evicted->first + "=" + std::to_string(*evicted->second);
        }
    } else if (operation.is("make")) {
        const long content = scan_long();
        result = std::to_string(*c.get_or_create(name.text, [content] { return std::make_unique<long>(content); }));
    } else if (const std::unique_ptr<long>* found = c.get(name.text)) {
        result = std::to_string(**found);
    }
    std::fprintf(answers, "%s\n", result.c_str());
}

// Copies or moves between caches; false for an operation that is neither.
bool transfer(const word& operation, std::unique_ptr<cache>& source, std::unique_ptr<cache>& target) {
    if (operation.is("copy")) {
        target = std::make_unique<cache>(std::as_const(*source));
    } else if (operation.is("move")) {
        target = std::make_unique<cache>(std::move(*source));
    } else if (operation.is("assign") && target != nullptr) {
        *target = std::as_const(*source);
    } else if (operation.is("moveassign") && target != nullptr) {
        *target = std::move(*source);
    } else {
        return false;
    }
    std::fprintf(answers, "done\n");
    return true;
}

// Runs one script up to its end; false if there was no more of it.
bool run_script() {
    const std::size_t allocated_before = __sanitizer_get_current_allocated_bytes();
    {
        std::unique_ptr<cache> caches[slots];
        const value* held = nullptr;
        unique_cache movable(3);
        for (word operation; !operation.is("allocated"); operation = word()) {
            if (operation.is("end")) {
                return false;
            }
            if (operation.is("unique")) {
                perform_unique(movable);
                continue;
            }
            std::unique_ptr<cache>& own = caches[scan_number() % slots];
            if (operation.is("create")) {
                own = create();
            } else if (operation.is("destroy")) {
                own.reset();
                std::fprintf(answers, "%lld\n", value::alive);
            } else if (own == nullptr) {
                give_up("there is no cache");
            } else if (!perform(operation, *own, held) && !transfer(operation, own, caches[scan_number() % slots])) {
                give_up("unknown operation");
            }
            std::fflush(answers);
        }
    }
    std::fprintf(answers, "%zu\n", __sanitizer_get_current_allocated_bytes() - allocated_before);
    return word().is("next");
}

}  // namespace

void* operator new(std::size_t size) {
    void* block = fails(allocations) ? nullptr : std::malloc(size == 0 ? 1 : size);
    if (block == nullptr) {
        throw std::bad_alloc();
    }
    return block;
}

void operator delete(void* block) noexcept {
    std::free(block);
}

void operator delete(void* block, std::size_t) noexcept {
    std::free(block);
}

int main() {
    const char* pipe = std::getenv("ANSWER_PIPE");
    if (pipe == nullptr) {
        give_up("no answer pipe");
    }
    const word nonce;
    answers = fdopen(std::atoi(pipe), "w");
    if (answers == nullptr) {
        give_up("the answer pipe cannot be opened");
    }
    // A stream's own buffer would be counted as allocated by the code under test.
    std::setvbuf(answers, buffer, _IOFBF, sizeof buffer);
    while (run_script()) {
        std::fprintf(answers, "done %s\n", nonce.text);
        std::fflush(answers);
    }
    return std::fclose(answers) == 0 ? 0 : 3;
}
