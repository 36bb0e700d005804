/*
 * Reference solution: a list in order of use, and a hash table from pointers to keys in it to places in it.
 * Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
 * harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
 */
#ifndef LRU_CACHE_HPP
#define LRU_CACHE_HPP

#include <cstddef>
#include <functional>
#include <iterator>
#include <list>
#include <optional>
#include <stdexcept>
#include <unordered_map>
#include <utility>

template <class Key, class Value, class Hash = std::hash<Key>, class Equal = std::equal_to<Key>>
class lru_cache {
public:
    explicit lru_cache(std::size_t capacity) : capacity_(checked(capacity)) {}

    lru_cache(const lru_cache& other) : capacity_(other.capacity_) {
        for (const entry& each : other.entries_) {
            append(each);
        }
    }

    lru_cache(lru_cache&& other) : capacity_(other.capacity_) {
        entries_.swap(other.entries_);
        places_.swap(other.places_);
    }

    lru_cache& operator=(const lru_cache& other) {
        lru_cache copy(other);
        return *this = std::move(copy);
    }

    lru_cache& operator=(lru_cache&& other) {
        if (this != &other) {
            clear();
            capacity_ = other.capacity_;
            entries_.swap(other.entries_);
            places_.swap(other.places_);
        }
        return *this;
    }

    std::size_t capacity() const { return capacity_; }
    std::size_t size() const { return places_.size(); }

    std::optional<std::pair<Key, Value>> put(Key key, Value value) {
        if (Value* stored = get(key)) {
            *stored = std::move(value);
            return std::nullopt;
        }
        return add(std::move(key), std::move(value));
    }

    Value* get(const Key& key) {
        const auto found = places_.find(&key);
        if (found == places_.end()) {
            return nullptr;
        }
        entries_.splice(entries_.begin(), entries_, found->second);
        return &found->second->second;
    }

    const Value* peek(const Key& key) const {
        const auto found = places_.find(&key);
        return found == places_.end() ? nullptr : &found->second->second;
    }

    bool contains(const Key& key) const { return places_.find(&key) != places_.end(); }

    template <class Make>
    Value& get_or_create(const Key& key, Make make) {
        if (Value* stored = get(key)) {
            return *stored;
        }
        add(Key(key), make());
        return entries_.front().second;
    }

    bool erase(const Key& key) {
        const auto found = places_.find(&key);
        if (found == places_.end()) {
            return false;
        }
        const auto place = found->second;
        places_.erase(found);
        entries_.erase(place);
        return true;
    }

    void clear() {
        places_.clear();
        entries_.clear();
    }

    void resize(std::size_t capacity) {
        capacity_ = checked(capacity);
        while (places_.size() > capacity_) {
            places_.erase(places_.find(&entries_.back().first));
            entries_.pop_back();
        }
    }

    template <class Visit>
    void for_each(Visit visit) const {
        for (const entry& each : entries_) {
            visit(std::as_const(each.first), each.second);
        }
    }

private:
    using entry = std::pair<Key, Value>;
    using place = typename std::list<entry>::iterator;

    struct pointed_hash {
        std::size_t operator()(const Key* key) const { return Hash()(*key); }
    };
    struct pointed_equal {
        bool operator()(const Key* a, const Key* b) const { return Equal()(*a, *b); }
    };

    static std::size_t checked(std::size_t capacity) {
        if (capacity == 0) {
            throw std::invalid_argument("a cache needs a capacity of at least 1");
        }
        return capacity;
    }

    void append(const entry& source) {
        const place added = entries_.insert(entries_.end(), source);
        places_.emplace(&added->first, added);
    }

    /* All that may throw comes first: while the table does not grow, its iterators stay valid. */
    std::optional<entry> add(Key key, Value value) {
        std::list<entry> added;
        added.emplace_front(std::move(key), std::move(value));
        if (places_.size() >= places_.bucket_count()) {
            places_.reserve(2 * places_.size() + 1);
        }
        auto victim = places_.end();
        if (places_.size() == capacity_) {
            victim = places_.find(&entries_.back().first);
        }
        places_.emplace(&added.front().first, added.begin());
        entries_.splice(entries_.begin(), added);
        if (victim == places_.end()) {
            return std::nullopt;
        }
        const place last = std::prev(entries_.end());
        places_.erase(victim);
        std::optional<entry> evicted(std::move(*last));
        entries_.erase(last);
        return evicted;
    }

    std::size_t capacity_;
    std::list<entry> entries_;
    /* Its largest load factor is 1. */
    std::unordered_map<const Key*, place, pointed_hash, pointed_equal> places_;
};

#endif
