/*
 * Wrong: each entry has the time of its last use, and whoever evicts looks for the oldest among all of them.
 * Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
 * harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
 */
#ifndef LRU_CACHE_HPP
#define LRU_CACHE_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <stdexcept>
#include <unordered_map>
#include <utility>
#include <vector>

template <class Key, class Value, class Hash = std::hash<Key>, class Equal = std::equal_to<Key>>
class lru_cache {
public:
    explicit lru_cache(std::size_t capacity) : capacity_(checked(capacity)) {}

    lru_cache(const lru_cache&) = default;
    lru_cache(lru_cache&&) = default;
    lru_cache& operator=(const lru_cache&) = default;
    lru_cache& operator=(lru_cache&&) = default;

    std::size_t capacity() const { return capacity_; }
    std::size_t size() const { return entries_.size(); }

    std::optional<std::pair<Key, Value>> put(Key key, Value value) {
        if (Value* stored = get(key)) {
            *stored = std::move(value);
            return std::nullopt;
        }
        return add(std::move(key), std::move(value)).second;
    }

    Value* get(const Key& key) {
        const auto found = entries_.find(key);
        if (found == entries_.end()) {
            return nullptr;
        }
        found->second.used = ++now_;
        return &found->second.value;
    }

    const Value* peek(const Key& key) const {
        const auto found = entries_.find(key);
        return found == entries_.end() ? nullptr : &found->second.value;
    }

    bool contains(const Key& key) const { return entries_.find(key) != entries_.end(); }

    template <class Make>
    Value& get_or_create(const Key& key, Make make) {
        if (Value* stored = get(key)) {
            return *stored;
        }
        return *add(Key(key), make()).first;
    }

    bool erase(const Key& key) {
        const auto found = entries_.find(key);
        if (found == entries_.end()) {
            return false;
        }
        entries_.erase(found);
        return true;
    }

    void clear() { entries_.clear(); }

    void resize(std::size_t capacity) {
        capacity_ = checked(capacity);
        while (entries_.size() > capacity_) {
            entries_.erase(oldest());
        }
    }

    template <class Visit>
    void for_each(Visit visit) const {
        std::vector<typename table::const_iterator> all;
        for (auto each = entries_.begin(); each != entries_.end(); ++each) {
            all.push_back(each);
        }
        std::sort(all.begin(), all.end(), [](auto a, auto b) { return a->second.used > b->second.used; });
        for (const auto& each : all) {
            visit(each->first, each->second.value);
        }
    }

private:
    struct stamped {
        Value value;
        std::uint64_t used;
    };
    using table = std::unordered_map<Key, stamped, Hash, Equal>;

    static std::size_t checked(std::size_t capacity) {
        if (capacity == 0) {
            throw std::invalid_argument("a cache needs a capacity of at least 1");
        }
        return capacity;
    }

    typename table::iterator oldest() {
        return std::min_element(entries_.begin(), entries_.end(),
                                [](const auto& a, const auto& b) { return a.second.used < b.second.used; });
    }

    std::pair<Value*, std::optional<std::pair<Key, Value>>> add(Key key, Value value) {
        Value& added = entries_.try_emplace(std::move(key), stamped{std::move(value), ++now_}).first->second.value;
        std::optional<std::pair<Key, Value>> evicted;
        if (entries_.size() > capacity_) {
            const auto victim = oldest();
            auto node = entries_.extract(victim);
            evicted.emplace(std::move(node.key()), std::move(node.mapped().value));
        }
        return {&added, std::move(evicted)};
    }

    std::size_t capacity_;
    std::uint64_t now_ = 0;
    table entries_;
};

#endif
