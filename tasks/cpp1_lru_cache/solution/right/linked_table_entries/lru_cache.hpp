/*
 * The entries of a std::unordered_map are linked to one another; a call that fails late takes back what it added.
 * Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
 * harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
 */
#ifndef LRU_CACHE_HPP
#define LRU_CACHE_HPP

#include <cstddef>
#include <functional>
#include <optional>
#include <stdexcept>
#include <unordered_map>
#include <utility>

template <class Key, class Value, class Hash = std::hash<Key>, class Equal = std::equal_to<Key>>
class lru_cache {
    struct linked;
    using table = std::unordered_map<Key, linked, Hash, Equal>;
    using entry = std::pair<const Key, linked>;

    struct linked {
        explicit linked(Value&& given) : value(std::move(given)) {}
        Value value;
        entry* newer = nullptr;
        entry* older = nullptr;
    };

public:
    explicit lru_cache(std::size_t capacity) : limit(capacity) {
        if (limit == 0) {
            throw std::invalid_argument("the capacity must not be 0");
        }
    }

    lru_cache(const lru_cache& other) : limit(other.limit) {
        for (const entry* each = other.last; each != nullptr; each = each->second.newer) {
            link(*entries.try_emplace(each->first, Value(each->second.value)).first);
        }
    }

    lru_cache(lru_cache&& other) : limit(other.limit) { swap_entries(other); }

    lru_cache& operator=(lru_cache other) {
        limit = other.limit;
        swap_entries(other);
        return *this;
    }

    std::size_t capacity() const { return limit; }
    std::size_t size() const { return entries.size(); }

    std::optional<std::pair<Key, Value>> put(Key key, Value value) {
        const auto found = entries.find(key);
        if (found != entries.end()) {
            found->second.value = std::move(value);
            touch(*found);
            return std::nullopt;
        }
        return add(std::move(key), std::move(value));
    }

    Value* get(const Key& key) {
        const auto found = entries.find(key);
        if (found == entries.end()) {
            return nullptr;
        }
        touch(*found);
        return &found->second.value;
    }

    const Value* peek(const Key& key) const {
        const auto found = entries.find(key);
        return found == entries.end() ? nullptr : &found->second.value;
    }

    bool contains(const Key& key) const { return entries.contains(key); }

    template <class Make>
    Value& get_or_create(const Key& key, Make make) {
        if (Value* found = get(key)) {
            return *found;
        }
        add(key, make());
        return first->second.value;
    }

    bool erase(const Key& key) {
        const auto found = entries.find(key);
        if (found == entries.end()) {
            return false;
        }
        unlink(*found);
        entries.erase(found);
        return true;
    }

    void clear() {
        entries.clear();
        first = last = nullptr;
    }

    void resize(std::size_t capacity) {
        if (capacity == 0) {
            throw std::invalid_argument("the capacity must not be 0");
        }
        limit = capacity;
        while (entries.size() > limit) {
            entry& victim = *last;
            const auto place = entries.find(victim.first);
            unlink(victim);
            entries.erase(place);
        }
    }

    template <class Visit>
    void for_each(Visit visit) const {
        for (const entry* each = first; each != nullptr; each = each->second.older) {
            visit(each->first, each->second.value);
        }
    }

private:
    template <class GivenKey>
    std::optional<std::pair<Key, Value>> add(GivenKey&& key, Value&& value) {
        const auto added = entries.try_emplace(std::forward<GivenKey>(key), std::move(value)).first;
        if (entries.size() <= limit) {
            link(*added);
            return std::nullopt;
        }
        auto victim = added;
        try {
            victim = entries.find(last->first);
        } catch (...) {
            entries.erase(added);
            throw;
        }
        unlink(*victim);
        link(*added);
        auto node = entries.extract(victim);
        return std::optional<std::pair<Key, Value>>(std::in_place, std::move(node.key()),
                                                    std::move(node.mapped().value));
    }

    void link(entry& added) {
        added.second.older = first;
        added.second.newer = nullptr;
        (first == nullptr ? last : first->second.newer) = &added;
        first = &added;
    }

    void unlink(entry& removed) {
        const linked& links = removed.second;
        (links.newer == nullptr ? first : links.newer->second.older) = links.older;
        (links.older == nullptr ? last : links.older->second.newer) = links.newer;
    }

    void touch(entry& used) {
        unlink(used);
        link(used);
    }

    void swap_entries(lru_cache& other) {
        entries.swap(other.entries);
        std::swap(first, other.first);
        std::swap(last, other.last);
    }

    std::size_t limit;
    table entries;
    entry* first = nullptr;
    entry* last = nullptr;
};

#endif
