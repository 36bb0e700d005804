// Compiles only if the map has its declarations and demands no more of its types than described. Never run.
//
// Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
// harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942

#include "btree_map.hpp"

#include <cstddef>
#include <type_traits>
#include <utility>

// Can be made of a number, moved and destroyed, and nothing else.
template <int kind>
class Austere {
public:
    explicit Austere(int number) : number_(number) {}
    Austere(Austere&& other) noexcept : number_(other.number_) {}
    Austere(const Austere&) = delete;
    Austere& operator=(const Austere&) = delete;
    Austere& operator=(Austere&&) = delete;
    int number() const { return number_; }

private:
    int number_;
};

template <int kind>
struct Copied : Austere<kind> {
    using Austere<kind>::Austere;
    Copied(const Copied& other) : Austere<kind>(other.number()) {}
    Copied(Copied&& other) noexcept : Austere<kind>(std::move(other)) {}
};

class Order {
public:
    explicit Order(int sign) : sign_(sign) {}
    template <class Key>
    bool operator()(const Key& one, const Key& other) const {
        return one.number() * sign_ < other.number() * sign_;
    }

private:
    int sign_;
};

template <class Map, class Key>
int use(Map& map, Key&& key, const std::remove_reference_t<Key>& same) {
    const Map& constant = map;
    const std::pair<typename Map::iterator, bool> result = map.try_emplace(std::move(key), 1);
    typename Map::iterator at = result.first;
    typename Map::const_iterator fixed = at;
    fixed = map.begin();
    static_assert(std::is_same_v<decltype(at.key()), const std::remove_reference_t<Key>&>);
    static_assert(!std::is_const_v<std::remove_reference_t<decltype(at.value())>>);
    static_assert(std::is_const_v<std::remove_reference_t<decltype(fixed.value())>>);
    static_assert(std::is_same_v<decltype(constant.begin()), typename Map::const_iterator>);
    static_assert(std::is_same_v<decltype(constant.end()), typename Map::const_iterator>);
    static_assert(std::is_same_v<decltype(constant.find(same)), typename Map::const_iterator>);
    static_assert(std::is_same_v<decltype(constant.lower_bound(same)), typename Map::const_iterator>);
    static_assert(std::is_same_v<decltype(constant.upper_bound(same)), typename Map::const_iterator>);
    static_assert(std::is_same_v<decltype(map.lower_bound(same)), typename Map::iterator>);
    static_assert(std::is_same_v<decltype(map.upper_bound(same)), typename Map::iterator>);
    static_assert(std::is_same_v<decltype(map.find(same)), typename Map::iterator>);
    static_assert(std::is_same_v<decltype(constant.size()), std::size_t>);
    static_assert(std::is_same_v<decltype(map.erase(same)), std::size_t>);
    static_assert(noexcept(map.erase(fixed)) && noexcept(map.erase(fixed, fixed)) && noexcept(map.clear()));
    static_assert(noexcept(map.swap(map)) && noexcept(constant.size()) && noexcept(constant.empty()));
    static_assert(std::is_nothrow_move_constructible_v<Map> && std::is_nothrow_move_assignable_v<Map>);
    at = map.erase(fixed);
    at = map.erase(fixed, map.end());
    bool found = map.contains(same) && at == map.end() && constant.end() != fixed;
    found = found && map.find(same) == map.upper_bound(same);
    found = found && constant.find(same) == constant.lower_bound(same) && constant.upper_bound(same) == fixed;
    ++fixed;
    --at;
    at++;
    fixed--;
    Map other(std::move(map));
    map = std::move(other);
    map.swap(other);
    map.clear();
    return map.at(same).number() + constant.at(same).number() + static_cast<int>(map.erase(same)) + found;
}

int use_all() {
    BTreeMap<Austere<0>, Austere<1>, Order> austere(Order(1));
    BTreeMap<Copied<0>, Copied<1>, Order> copied(Order(-1));
    const Copied<0> key(5);
    copied.try_emplace(key, 7);
    copied.try_emplace(key, Copied<1>(8));
    BTreeMap<Copied<0>, Copied<1>, Order> copy(copied);
    copied = copy;
    BTreeMap<int, long> plain;
    BTreeMap<int, long>::iterator nowhere{};
    BTreeMap<int, long>::const_iterator nowhere_either{};
    nowhere = plain.try_emplace(3).first;
    nowhere_either = nowhere;
    return use(austere, Austere<0>(3), Austere<0>(4)) + use(copied, Copied<0>(3), Copied<0>(4));
}
