#ifndef LRU_CACHE_HPP
#define LRU_CACHE_HPP

#include <cstddef>
#include <functional>
#include <optional>
#include <utility>

template <class Key, class Value, class Hash = std::hash<Key>, class Equal = std::equal_to<Key>>
class lru_cache {
public:
    explicit lru_cache(std::size_t capacity);

    std::size_t capacity() const;
    std::size_t size() const;

    std::optional<std::pair<Key, Value>> put(Key key, Value value);
    Value* get(const Key& key);
    const Value* peek(const Key& key) const;
    bool contains(const Key& key) const;

    template <class Make>
    Value& get_or_create(const Key& key, Make make);

    bool erase(const Key& key);
    void clear();
    void resize(std::size_t capacity);

    template <class Visit>
    void for_each(Visit visit) const;
};

#endif
