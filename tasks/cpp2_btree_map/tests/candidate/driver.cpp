// Runs a script of calls on maps and sends what each returned; knows nothing of the right answers.
//
// Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
// harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <iterator>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace counts {
// What would throw counts down from here; 0 is never reached from 0.
long fuse = 0;
long comparisons = 0;
long key_moves = 0;
long key_copies = 0;
long allocations = 0;
long held = 0;
long alive = 0;

struct Blown {};

void burn() {
    if (fuse > 0 && --fuse == 0) {
        throw Blown();
    }
}

void* allocate(std::size_t size) {
    if (fuse > 0 && --fuse == 0) {
        throw std::bad_alloc();
    }
    void* memory = std::malloc(size > 0 ? size : 1);
    if (memory == nullptr) {
        throw std::bad_alloc();
    }
    ++allocations;
    ++held;
    return memory;
}

void release(void* memory) noexcept {
    if (memory != nullptr) {
        --held;
        std::free(memory);
    }
}
}  // namespace counts

void* operator new(std::size_t size) { return counts::allocate(size); }
void* operator new[](std::size_t size) { return counts::allocate(size); }
void operator delete(void* memory) noexcept { counts::release(memory); }
void operator delete[](void* memory) noexcept { counts::release(memory); }
void operator delete(void* memory, std::size_t) noexcept { counts::release(memory); }
void operator delete[](void* memory, std::size_t) noexcept { counts::release(memory); }

#include "btree_map.hpp"

namespace {

constexpr int moved_from = -7777;

// A number that counts its copies, moves and life, and whose copies may throw.
template <bool is_key>
struct Number {
    int number;

    explicit Number(int wanted) : number(wanted) {
        counts::burn();
        ++counts::alive;
    }
    Number(const Number& other) : number(other.number) {
        counts::burn();
        ++counts::alive;
        counts::key_copies += is_key;
    }
    Number(Number&& other) noexcept : number(std::exchange(other.number, moved_from)) {
        ++counts::alive;
        counts::key_moves += is_key;
    }
    Number& operator=(const Number& other) {
        counts::burn();
        number = other.number;
        counts::key_copies += is_key;
        return *this;
    }
    Number& operator=(Number&& other) noexcept {
        number = std::exchange(other.number, moved_from);
        counts::key_moves += is_key;
        return *this;
    }
    ~Number() {
        number = -8888;
        --counts::alive;
    }
};

using Key = Number<true>;
using Value = Number<false>;

struct Order {
    int direction;

    bool operator()(const Key& one, const Key& other) const {
        ++counts::comparisons;
        counts::burn();
        return direction > 0 ? one.number < other.number : other.number < one.number;
    }
};

using Map = BTreeMap<Key, Value, Order>;

std::FILE* pipe_to_judge;
Map* maps[4];

void send(const std::string& line) { std::fprintf(pipe_to_judge, "%s\n", line.c_str()); }

long larger(long one, long other) { return one < other ? other : one; }

std::string shown(int number) { return std::to_string(number); }

template <class Iterator>
std::string entry(const Iterator& at, const Iterator& end) {
    return at == end ? "end" : shown(at.key().number) + "=" + shown(at.value().number);
}

template <class AnyMap>
std::string forwards(AnyMap& map) {
    std::string text;
    std::size_t count = 0;
    for (auto at = map.begin(); at != map.end() && count <= map.size(); ++at, ++count) {
        text += entry(at, map.end()) + " ";
    }
    return text;
}

template <class AnyMap>
std::string backwards(AnyMap& map) {
    std::string text;
    auto at = map.end();
    for (std::size_t count = 0; at != map.begin() && count <= map.size(); ++count) {
        text += entry(--at, map.end()) + " ";
    }
    return text;
}

// The entry, the one before and the one behind it.
template <class Iterator>
std::string around(Iterator at, const Iterator& begin, const Iterator& end) {
    Iterator before = at;
    Iterator behind = at;
    std::string text = at == begin ? "begin" : entry(--before, end);
    text += " " + entry(at, end) + " ";
    return text + (at == end ? "none" : entry(++behind, end));
}

struct Words {
    std::vector<std::string> words;

    int number(std::size_t at) const { return at < words.size() ? std::atoi(words[at].c_str()) : 0; }
};

Key unfailing_key(int number) {
    const long fuse = std::exchange(counts::fuse, 0);
    Key key(number);
    counts::fuse = fuse;
    return key;
}

// What the map under test was to do is done: the driver's own allocations shall not fail.
std::string inserted(Map& map, const std::pair<Map::iterator, bool>& result) {
    counts::fuse = 0;
    return std::string(result.second ? "new " : "old ") + around(result.first, map.begin(), map.end());
}

std::string emplace(Map& map, const Words& words) {
    const Key key = unfailing_key(words.number(2));
    return inserted(map, map.try_emplace(key, words.number(3)));
}

// Shows what became of the arguments too.
std::string emplace_moving(Map& map, const Words& words) {
    Key key = unfailing_key(words.number(2));
    const long fuse = std::exchange(counts::fuse, 0);
    Value value(words.number(3));
    counts::fuse = fuse;
    try {
        const std::string text = inserted(map, map.try_emplace(std::move(key), std::move(value)));
        return text + " " + shown(key.number) + " " + shown(value.number);
    } catch (...) {
        if (key.number != words.number(2)) {
            send("the key was moved from");
        }
        throw;
    }
}

// As above, of a value whose constructor throws sooner or later.
std::string emplace_key(Map& map, const Words& words) {
    Key key = unfailing_key(words.number(2));
    try {
        const std::string text = inserted(map, map.try_emplace(std::move(key), words.number(3)));
        return text + " " + shown(key.number);
    } catch (...) {
        if (key.number != words.number(2)) {
            send("the key was moved from");
        }
        throw;
    }
}

std::string change(Map& map, const Words& words) {
    const std::string& what = words.words[0];
    if (what == "put") {
        return emplace(map, words);
    }
    if (what == "put_moving") {
        return emplace_moving(map, words);
    }
    if (what == "put_key") {
        return emplace_key(map, words);
    }
    if (what == "erase") {
        const Key key = unfailing_key(words.number(2));
        const std::size_t count = map.erase(key);
        counts::fuse = 0;
        return std::to_string(count);
    }
    if (what == "copy") {
        Map copy(map);
        counts::fuse = 0;
        std::string text = forwards(copy);
        return text + emplace(copy, Words{{"put", "", "1000", "1"}}) + "; " + std::to_string(map.size());
    }
    map = *maps[words.number(2)];
    counts::fuse = 0;
    return forwards(map);
}

// Tries with a failure at the first chance, the second and so on, until none is left; shows the states behind failures.
std::string trial(Map& map, const Words& words) {
    std::vector<std::string> states;
    const Map& constant = map;
    for (long chance = 1;; ++chance) {
        const Map::const_iterator kept = constant.begin();
        const long alive = counts::alive;
        bool is_done = true;
        std::string said;
        counts::fuse = chance;
        try {
            said = change(map, words);
        } catch (const counts::Blown&) {
            is_done = false;
        } catch (const std::bad_alloc&) {
            is_done = false;
        }
        counts::fuse = 0;
        if (is_done) {
            std::string text = said + " | ";
            for (const std::string& state : states) {
                text += state + " | ";
            }
            return text;
        }
        std::string state = forwards(map) + backwards(map) + entry(kept, constant.end());
        state += " " + std::to_string(counts::alive - alive);
        bool is_known = false;
        for (const std::string& other : states) {
            is_known = is_known || other == state;
        }
        if (!is_known) {
            states.push_back(state);
        }
    }
}

std::string lookup(const std::string& what, Map& map, int wanted) {
    const Key key(wanted);
    const Map& constant = map;
    if (what == "find") {
        return around(map.find(key), map.begin(), map.end()) + ", " +
               around(constant.find(key), constant.begin(), constant.end()) + (map.contains(key) ? ", yes" : ", no");
    }
    if (what == "lower") {
        return around(map.lower_bound(key), map.begin(), map.end()) + ", " +
               around(constant.lower_bound(key), constant.begin(), constant.end());
    }
    if (what == "upper") {
        return around(map.upper_bound(key), map.begin(), map.end()) + ", " +
               around(constant.upper_bound(key), constant.begin(), constant.end());
    }
    try {
        const int before = constant.at(key).number;
        map.at(key).number += 1;
        return shown(before) + " " + shown(map.find(key).value().number);
    } catch (const std::out_of_range&) {
        return "out of range";
    }
}

std::string walk(Map& map) {
    const Map& constant = map;
    const std::string text = forwards(map) + "/ " + backwards(map) + "/ ";
    const bool is_same = forwards(map) == forwards(constant) && backwards(map) == backwards(constant);
    return text + std::to_string(map.size()) + (map.empty() ? " empty" : " filled") + (is_same ? "" : " not the same");
}

std::string steps(Map& map) {
    Map::iterator at;
    Map::const_iterator other;
    at = map.begin();
    other = at;
    std::string text = entry(at++, map.end()) + " ";
    text += entry(at, map.end()) + " ";
    text += entry(at--, map.end()) + " ";
    text += entry(++other, Map::const_iterator(map.end())) + " ";
    text += other == Map::const_iterator(at) ? "same " : "other ";
    text += Map::const_iterator(++at) != other ? "other " : "same ";
    at.value().number = 77;
    return text + shown(other.value().number);
}

struct Cost {
    long allocations = counts::allocations;
    long moves = counts::key_moves;
    long copies = counts::key_copies;
    long comparisons = counts::comparisons;

    std::string since() const {
        std::string text = std::to_string(counts::allocations - allocations);
        text += " " + std::to_string(counts::key_moves - moves) + " " + std::to_string(counts::key_copies - copies);
        return text + " " + std::to_string(counts::comparisons - comparisons);
    }
};

// The number of an order: 0 ascending, 1 descending, otherwise scattered.
int place(int order, int at, int count) {
    if (order < 2) {
        return order == 0 ? at : count - 1 - at;
    }
    return static_cast<int>((static_cast<long long>(at) * 7919 + 13) % count);
}

std::string fill(Map& map, int order, int count) {
    long most = 0;
    const Cost cost;
    for (int at = 0; at < count; ++at) {
        const long before = counts::comparisons;
        map.try_emplace(Key(place(order, at, count)), at);
        most = larger(most, counts::comparisons - before);
    }
    return cost.since() + " " + std::to_string(most);
}

// Erases all by position, from the front, the back, or by turns behind scattered keys.
std::string empty_out(Map& map, int order, int count) {
    const Cost cost;
    long sum = 0;
    for (int at = 0; at < count && !map.empty(); ++at) {
        Map::iterator victim = map.begin();
        if (order == 1) {
            victim = --map.end();
        } else if (order == 2) {
            victim = map.lower_bound(Key(place(order, at, count)));
        }
        sum = (sum * 31 + victim.key().number) % 1000003;
        map.erase(victim);
    }
    return cost.since() + " " + std::to_string(sum) + " " + std::to_string(map.size());
}

std::string look_up_all(Map& map, int count) {
    long most = 0;
    for (int at = -1; at <= count; ++at) {
        const Key key(at);
        const auto costs = [&most](auto call) {
            const long before = counts::comparisons;
            call();
            most = larger(most, counts::comparisons - before);
        };
        costs([&] { (void)map.find(key); });
        costs([&] { (void)map.contains(key); });
        costs([&] { (void)map.lower_bound(key); });
        costs([&] { (void)map.upper_bound(key); });
        costs([&] { (void)map.try_emplace(key, 0); });
        costs([&] { (void)map.erase(key); });
        if (at >= 0 && at < count) {
            map.try_emplace(key, at);
            costs([&] { (void)map.at(key); });
        }
    }
    return std::to_string(most);
}

std::string erase_range(Map& map, int from, int to, bool is_costed) {
    const Key first(from);
    const Key last(to);
    const Map::const_iterator begin = map.lower_bound(first);
    const Map::const_iterator end = map.lower_bound(last);
    const std::size_t before = map.size();
    const Cost cost;
    const Map::iterator behind = map.erase(begin, end);
    const std::string text = cost.since();
    return std::to_string(before - map.size()) + " " + (is_costed ? text : around(behind, map.begin(), map.end()));
}

std::string run(const Words& words) {
    const std::string& what = words.words[0];
    static long held = 0;
    if (what == "new") {
        held = counts::held;
        for (Map*& map : maps) {
            delete map;
            map = new Map(Order{words.number(1)});
        }
        return "new";
    }
    if (what == "end") {
        for (Map*& map : maps) {
            delete std::exchange(map, nullptr);
        }
        return std::to_string(counts::alive) + " " + std::to_string(counts::held - held);
    }
    Map& map = *maps[words.number(1)];
    Map& other = *maps[words.number(2) & 3];
    if (what == "trial") {
        return trial(map, Words{{words.words.begin() + 2, words.words.end()}});
    }
    if (what == "find" || what == "lower" || what == "upper" || what == "at") {
        return lookup(what, map, words.number(2));
    }
    if (what == "walk") {
        return walk(map);
    }
    if (what == "steps") {
        return steps(map);
    }
    if (what == "erase_at") {
        const Key key(words.number(2));
        const Map::iterator behind = map.erase(map.find(key));
        return around(behind, map.begin(), map.end());
    }
    if (what == "erase_range" || what == "cost_range") {
        return erase_range(map, words.number(2), words.number(3), what == "cost_range");
    }
    if (what == "erase_all") {
        const Map::iterator behind = map.erase(map.begin(), map.end());
        return around(behind, map.begin(), map.end());
    }
    if (what == "clear") {
        map.clear();
        return "cleared";
    }
    if (what == "assign_copy") {
        map = static_cast<const Map&>(other);
        return "assigned";
    }
    if (what == "assign_move") {
        map = std::move(other);
        return "assigned";
    }
    if (what == "make_copy" || what == "make_move") {
        Map* made = what == "make_copy" ? new Map(other) : new Map(std::move(other));
        delete std::exchange(maps[words.number(1)], made);
        return "made";
    }
    if (what == "order") {
        delete std::exchange(maps[words.number(1)], new Map(Order{words.number(2)}));
        return "ordered";
    }
    if (what == "swap") {
        map.swap(other);
        return "swapped";
    }
    if (what == "fill") {
        return fill(map, words.number(2), words.number(3));
    }
    if (what == "empty_out") {
        return empty_out(map, words.number(2), words.number(3));
    }
    if (what == "look_up_all") {
        return look_up_all(map, words.number(2));
    }
    return change(map, words);
}

bool read_line(std::string& line) {
    line.clear();
    for (int character; (character = std::getchar()) != EOF;) {
        if (character == '\n') {
            return true;
        }
        line += static_cast<char>(character);
    }
    return false;
}

}  // namespace

int main() {
    pipe_to_judge = fdopen(std::atoi(std::getenv("ANSWER_PIPE")), "w");
    std::string nonce;
    std::string line;
    line.reserve(1000);
    read_line(nonce);
    while (read_line(line)) {
        if (line == "script") {
            std::fflush(pipe_to_judge);
            send(line);
            continue;
        }
        Words words;
        for (std::size_t start = 0; start < line.size();) {
            const std::size_t blank = line.find(' ', start);
            const std::size_t end = blank == std::string::npos ? line.size() : blank;
            words.words.push_back(line.substr(start, end - start));
            start = end + 1;
        }
        try {
            send(run(words));
        } catch (...) {
            send("an unexpected exception");
        }
    }
    send("end " + nonce);
    std::fclose(pipe_to_judge);
    std::_Exit(0);
}
