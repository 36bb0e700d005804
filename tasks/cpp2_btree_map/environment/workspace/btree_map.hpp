#ifndef BTREE_MAP_HPP
#define BTREE_MAP_HPP

#include <cstddef>
#include <functional>
#include <stdexcept>
#include <utility>

template <class Key, class Value, class Compare = std::less<Key>>
class BTreeMap {
public:
    class iterator;
    class const_iterator;

    BTreeMap();
    explicit BTreeMap(Compare compare);
    BTreeMap(const BTreeMap& other);
    BTreeMap(BTreeMap&& other) noexcept;
    BTreeMap& operator=(const BTreeMap& other);
    BTreeMap& operator=(BTreeMap&& other) noexcept;
    ~BTreeMap();

    std::size_t size() const noexcept;
    bool empty() const noexcept;
    void clear() noexcept;
    void swap(BTreeMap& other) noexcept;

    iterator begin() noexcept;
    const_iterator begin() const noexcept;
    iterator end() noexcept;
    const_iterator end() const noexcept;
    iterator find(const Key& key);
    const_iterator find(const Key& key) const;
    iterator lower_bound(const Key& key);
    const_iterator lower_bound(const Key& key) const;
    iterator upper_bound(const Key& key);
    const_iterator upper_bound(const Key& key) const;
    bool contains(const Key& key) const;
    Value& at(const Key& key);
    const Value& at(const Key& key) const;

    template <class... Args>
    std::pair<iterator, bool> try_emplace(const Key& key, Args&&... args);
    template <class... Args>
    std::pair<iterator, bool> try_emplace(Key&& key, Args&&... args);
    std::size_t erase(const Key& key);
    iterator erase(const_iterator position) noexcept;
    iterator erase(const_iterator first, const_iterator last) noexcept;
};

#endif
