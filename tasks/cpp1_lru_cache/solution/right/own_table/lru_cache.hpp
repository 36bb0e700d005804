/*
 * A hash table with chains of its own: one block for each entry, which is in a chain and in the order of use.
 * Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
 * harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
 */
#ifndef LRU_CACHE_HPP
#define LRU_CACHE_HPP

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

template <class Key, class Value, class Hash = std::hash<Key>, class Equal = std::equal_to<Key>>
class lru_cache {
public:
    explicit lru_cache(std::size_t capacity) : most(capacity) {
        if (capacity == 0) {
            throw std::invalid_argument("capacity");
        }
    }
    lru_cache(const lru_cache& other) : lru_cache(other.most) {
        try {
            for (const node* each = other.oldest; each != nullptr; each = each->newer) {
                insert(std::make_unique<node>(Key(each->key), Value(each->value), each->hash));
            }
        } catch (...) {
            clear();
            throw;
        }
    }
    lru_cache(lru_cache&& other) : lru_cache(other.most) { exchange(other); }
    lru_cache& operator=(const lru_cache& other) {
        lru_cache copy(other);
        exchange(copy);
        most = other.most;
        return *this;
    }
    lru_cache& operator=(lru_cache&& other) {
        if (this != &other) {
            clear();
            exchange(other);
            most = other.most;
        }
        return *this;
    }
    ~lru_cache() { clear(); }

    std::size_t capacity() const { return most; }
    std::size_t size() const { return count; }

    std::optional<std::pair<Key, Value>> put(Key key, Value value) {
        const std::size_t hash = Hash()(key);
        if (node* found = find(key, hash)) {
            found->value = std::move(value);
            touch(found);
            return std::nullopt;
        }
        insert(std::make_unique<node>(std::move(key), std::move(value), hash));
        if (count <= most) {
            return std::nullopt;
        }
        const std::unique_ptr<node> evicted = remove(oldest);
        return std::optional<std::pair<Key, Value>>(std::in_place, std::move(evicted->key), std::move(evicted->value));
    }

    Value* get(const Key& key) {
        node* found = find(key, Hash()(key));
        if (found == nullptr) {
            return nullptr;
        }
        touch(found);
        return &found->value;
    }

    const Value* peek(const Key& key) const {
        const node* found = find(key, Hash()(key));
        return found == nullptr ? nullptr : &found->value;
    }

    bool contains(const Key& key) const { return find(key, Hash()(key)) != nullptr; }

    template <class Make>
    Value& get_or_create(const Key& key, Make make) {
        const std::size_t hash = Hash()(key);
        if (node* found = find(key, hash)) {
            touch(found);
            return found->value;
        }
        insert(std::make_unique<node>(Key(key), make(), hash));
        if (count > most) {
            remove(oldest);
        }
        return newest->value;
    }

    bool erase(const Key& key) {
        node* found = find(key, Hash()(key));
        if (found == nullptr) {
            return false;
        }
        remove(found);
        return true;
    }

    void clear() {
        while (oldest != nullptr) {
            remove(oldest);
        }
    }

    void resize(std::size_t capacity) {
        if (capacity == 0) {
            throw std::invalid_argument("capacity");
        }
        most = capacity;
        while (count > most) {
            remove(oldest);
        }
    }

    template <class Visit>
    void for_each(Visit visit) const {
        for (const node* each = newest; each != nullptr; each = each->older) {
            visit(each->key, each->value);
        }
    }

private:
    struct node {
        node(Key&& k, Value&& v, std::size_t h) : key(std::move(k)), value(std::move(v)), hash(h) {}
        Key key;
        Value value;
        std::size_t hash;
        node* chained = nullptr;
        node* newer = nullptr;
        node* older = nullptr;
    };

    node* find(const Key& key, std::size_t hash) const {
        if (chains.empty()) {
            return nullptr;
        }
        node* each = chains[hash % chains.size()];
        while (each != nullptr && !(each->hash == hash && Equal()(each->key, key))) {
            each = each->chained;
        }
        return each;
    }

    void insert(std::unique_ptr<node> added) {
        if (count == chains.size()) {
            grow();
        }
        node* own = added.release();
        chain(chains, own);
        own->older = newest;
        (newest == nullptr ? oldest : newest->newer) = own;
        newest = own;
        count++;
    }

    void grow() {
        std::vector<node*> larger(2 * chains.size() + 3, nullptr);
        for (node* each = newest; each != nullptr; each = each->older) {
            chain(larger, each);
        }
        chains.swap(larger);
    }

    static void chain(std::vector<node*>& into, node* added) {
        node*& first = into[added->hash % into.size()];
        added->chained = first;
        first = added;
    }

    std::unique_ptr<node> remove(node* removed) {
        node** link = &chains[removed->hash % chains.size()];
        while (*link != removed) {
            link = &(*link)->chained;
        }
        *link = removed->chained;
        unlink(removed);
        count--;
        return std::unique_ptr<node>(removed);
    }

    void unlink(node* own) {
        (own->newer == nullptr ? newest : own->newer->older) = own->older;
        (own->older == nullptr ? oldest : own->older->newer) = own->newer;
        own->newer = own->older = nullptr;
    }

    void touch(node* own) {
        unlink(own);
        own->older = newest;
        (newest == nullptr ? oldest : newest->newer) = own;
        newest = own;
    }

    void exchange(lru_cache& other) {
        std::swap(count, other.count);
        std::swap(newest, other.newest);
        std::swap(oldest, other.oldest);
        chains.swap(other.chains);
    }

    std::size_t most;
    std::size_t count = 0;
    node* newest = nullptr;
    node* oldest = nullptr;
    std::vector<node*> chains;
};

#endif
