// A treap of blocks of entries, balanced by random priorities. Blocks are split when full and removed when empty.
//
// Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
// harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942

#ifndef BTREE_MAP_HPP
#define BTREE_MAP_HPP

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>

template <class Key, class Value, class Compare = std::less<Key>>
class BTreeMap {
    static constexpr std::size_t capacity = 64;

    struct Block {
        Block* parent = nullptr;
        Block* child[2] = {};
        unsigned priority = 0;
        std::size_t count = 0;
        Key* keys = nullptr;
        Value* values = nullptr;

        Block() : keys(std::allocator<Key>().allocate(capacity)) {
            try {
                values = std::allocator<Value>().allocate(capacity);
            } catch (...) {
                std::allocator<Key>().deallocate(keys, capacity);
                throw;
            }
        }
        Block(const Block& other) : Block() {
            for (; count < other.count; ++count) {
                std::construct_at(keys + count, other.keys[count]);
                try {
                    std::construct_at(values + count, other.values[count]);
                } catch (...) {
                    std::destroy_at(keys + count);
                    throw;
                }
            }
        }
        ~Block() {
            std::destroy_n(keys, count);
            std::destroy_n(values, count);
            std::allocator<Key>().deallocate(keys, capacity);
            std::allocator<Value>().deallocate(values, capacity);
        }

        void move_entry(std::size_t to, Block& from, std::size_t at) noexcept {
            std::construct_at(keys + to, std::move(from.keys[at]));
            std::construct_at(values + to, std::move(from.values[at]));
            std::destroy_at(from.keys + at);
            std::destroy_at(from.values + at);
        }

        // Ends the entries from one place up to another.
        void cut(std::size_t from, std::size_t to) noexcept {
            std::destroy(keys + from, keys + to);
            std::destroy(values + from, values + to);
            for (std::size_t at = to; at < count; ++at) {
                move_entry(from + at - to, *this, at);
            }
            count -= to - from;
        }
    };

    struct Place {
        Block* block = nullptr;
        std::size_t at = 0;
        bool operator==(const Place&) const = default;
    };

    // The outermost block on one side (0 is the left one) of a block and those below it.
    static Block* outermost(Block* block, int side) {
        while (block != nullptr && block->child[side] != nullptr) {
            block = block->child[side];
        }
        return block;
    }

    // The next block in the order of keys on one side.
    static Block* neighbour(Block* block, int side) {
        if (block->child[side] != nullptr) {
            return outermost(block->child[side], 1 - side);
        }
        while (block->parent != nullptr && block->parent->child[side] == block) {
            block = block->parent;
        }
        return block->parent;
    }

public:
    class const_iterator;

    class iterator {
    public:
        iterator() = default;
        const Key& key() const { return place_.block->keys[place_.at]; }
        Value& value() const { return place_.block->values[place_.at]; }
        iterator& operator++() {
            if (++place_.at == place_.block->count) {
                place_ = {neighbour(place_.block, 1), 0};
            }
            return *this;
        }
        iterator& operator--() {
            if (place_.at == 0) {
                place_.block = place_.block == nullptr ? outermost(map_->root_, 1) : neighbour(place_.block, 0);
                place_.at = place_.block->count;
            }
            --place_.at;
            return *this;
        }
        iterator operator++(int) {
            iterator old(*this);
            ++*this;
            return old;
        }
        iterator operator--(int) {
            iterator old(*this);
            --*this;
            return old;
        }
        bool operator==(const iterator& other) const { return place_ == other.place_; }

    private:
        friend class BTreeMap;
        friend class const_iterator;
        iterator(const BTreeMap* map, Place place) : map_(map), place_(place) {}
        const BTreeMap* map_ = nullptr;
        Place place_;
    };

    class const_iterator {
    public:
        const_iterator() = default;
        const_iterator(const iterator& at) : inner_(at) {}
        const Key& key() const { return inner_.key(); }
        const Value& value() const { return inner_.value(); }
        const_iterator& operator++() { return ++inner_, *this; }
        const_iterator& operator--() { return --inner_, *this; }
        const_iterator operator++(int) { return inner_++; }
        const_iterator operator--(int) { return inner_--; }
        bool operator==(const const_iterator& other) const { return inner_ == other.inner_; }

    private:
        friend class BTreeMap;
        iterator inner_;
    };

    BTreeMap() = default;
    explicit BTreeMap(Compare compare) : state_(std::in_place, std::move(compare)) {}
    BTreeMap(const BTreeMap& other) : BTreeMap(Compare(*other.state_)) {
        // The destructor takes back what a failed copy has made, since a constructor has run to its end.
        for (Block* block = outermost(other.root_, 0); block != nullptr; block = neighbour(block, 1)) {
            Block* last = outermost(root_, 1);
            attach(new Block(*block), last, 1);
            size_ += block->count;
        }
    }
    BTreeMap(BTreeMap&& other) noexcept
        : state_(std::in_place, *other.state_),
          root_(std::exchange(other.root_, nullptr)),
          size_(std::exchange(other.size_, 0)) {}
    BTreeMap& operator=(const BTreeMap& other) { return *this = BTreeMap(other); }
    BTreeMap& operator=(BTreeMap&& other) noexcept {
        BTreeMap taken(std::move(other));
        swap(taken);
        return *this;
    }
    ~BTreeMap() { clear(); }

    std::size_t size() const noexcept { return size_; }
    bool empty() const noexcept { return size_ == 0; }
    void clear() noexcept {
        while (root_ != nullptr) {
            detach(outermost(root_, 0));
        }
        size_ = 0;
    }
    void swap(BTreeMap& other) noexcept {
        const std::optional<Compare> mine(std::in_place, *state_);
        state_.emplace(Compare(*other.state_));
        other.state_.emplace(*mine);
        std::swap(root_, other.root_);
        std::swap(size_, other.size_);
    }

    iterator begin() noexcept { return {this, {outermost(root_, 0), 0}}; }
    const_iterator begin() const noexcept { return iterator(this, {outermost(root_, 0), 0}); }
    iterator end() noexcept { return {this, {}}; }
    const_iterator end() const noexcept { return iterator(this, {}); }
    iterator find(const Key& key) { return {this, same(key)}; }
    const_iterator find(const Key& key) const { return iterator(this, same(key)); }
    iterator lower_bound(const Key& key) { return {this, bound(key, false)}; }
    const_iterator lower_bound(const Key& key) const { return iterator(this, bound(key, false)); }
    iterator upper_bound(const Key& key) { return {this, bound(key, true)}; }
    const_iterator upper_bound(const Key& key) const { return iterator(this, bound(key, true)); }
    bool contains(const Key& key) const { return same(key).block != nullptr; }
    Value& at(const Key& key) { return value_of(key); }
    const Value& at(const Key& key) const { return value_of(key); }

    template <class... Args>
    std::pair<iterator, bool> try_emplace(const Key& key, Args&&... args) {
        return add(key, key, std::forward<Args>(args)...);
    }

    template <class... Args>
    std::pair<iterator, bool> try_emplace(Key&& key, Args&&... args) {
        return add(key, std::move(key), std::forward<Args>(args)...);
    }

    std::size_t erase(const Key& key) {
        const Place place = same(key);
        if (place.block == nullptr) {
            return 0;
        }
        cut(place, place.at + 1);
        return 1;
    }

    iterator erase(const_iterator position) noexcept {
        const Place place = position.inner_.place_;
        return {this, cut(place, place.at + 1)};
    }

    iterator erase(const_iterator first, const_iterator last) noexcept {
        Place from = first.inner_.place_;
        const Place to = last.inner_.place_;
        while (from.block != to.block) {
            from = cut(from, from.block->count);
        }
        return {this, from.at < to.at ? cut(from, to.at) : from};
    }

private:
    // Whether an entry comes before what is looked for.
    bool is_before(const Key& entry, const Key& key, bool is_behind) const {
        const Compare& compare = *state_;
        return is_behind ? !compare(key, entry) : compare(entry, key);
    }

    // The first place that is not before what is looked for.
    Place bound(const Key& key, bool is_behind) const {
        Block* found = nullptr;
        for (Block* block = root_; block != nullptr;) {
            if (is_before(block->keys[block->count - 1], key, is_behind)) {
                block = block->child[1];
            } else {
                found = block;
                block = block->child[0];
            }
        }
        if (found == nullptr) {
            return {};
        }
        std::size_t first = 0;
        std::size_t last = found->count - 1;
        while (first < last) {
            const std::size_t middle = (first + last) / 2;
            if (is_before(found->keys[middle], key, is_behind)) {
                first = middle + 1;
            } else {
                last = middle;
            }
        }
        return {found, first};
    }

    bool is_at(const Place& place, const Key& key) const {
        const Compare& compare = *state_;
        return place.block != nullptr && !compare(key, place.block->keys[place.at]);
    }

    Place same(const Key& key) const {
        const Place place = bound(key, false);
        return is_at(place, key) ? place : Place{};
    }

    Value& value_of(const Key& key) const {
        const Place place = same(key);
        if (place.block == nullptr) {
            throw std::out_of_range("no such key");
        }
        return place.block->values[place.at];
    }

    template <class Given, class... Args>
    std::pair<iterator, bool> add(const Key& key, Given&& given, Args&&... args) {
        Place place = bound(key, false);
        if (is_at(place, key)) {
            return {{this, place}, false};
        }
        if (place.block == nullptr && root_ != nullptr) {
            place.block = outermost(root_, 1);
            place.at = place.block->count;
        }
        std::unique_ptr<Block> added;
        if (root_ == nullptr || place.block->count == capacity) {
            added = std::make_unique<Block>();
        }
        Value value(std::forward<Args>(args)...);
        Key made(std::forward<Given>(given));
        if (added) {
            split(place, added.release());
        }
        Block& block = *place.block;
        for (std::size_t at = block.count; at > place.at; --at) {
            block.move_entry(at, block, at - 1);
        }
        std::construct_at(block.keys + place.at, std::move(made));
        std::construct_at(block.values + place.at, std::move(value));
        ++block.count;
        ++size_;
        return {{this, place}, true};
    }

    void split(Place& place, Block* added) noexcept {
        attach(added, place.block, 1);
        if (place.block == nullptr) {
            place.block = added;
            return;
        }
        Block& left = *place.block;
        const std::size_t half = left.count / 2;
        for (std::size_t at = half; at < left.count; ++at) {
            added->move_entry(added->count++, left, at);
        }
        left.count = half;
        if (place.at > half) {
            place = {added, place.at - half};
        }
    }

    // Erases entries of one block; returns the place behind them.
    Place cut(Place from, std::size_t to) noexcept {
        Block* block = from.block;
        size_ -= to - from.at;
        block->cut(from.at, to);
        if (from.at < block->count) {
            return from;
        }
        Block* next = neighbour(block, 1);
        if (block->count == 0) {
            detach(block);
        }
        return {next, 0};
    }

    Block*& link_to(Block* block) noexcept {
        return block->parent == nullptr ? root_ : block->parent->child[block->parent->child[1] == block];
    }

    // Puts a child into its parent's place and the parent below it.
    void rotate_up(Block* block) noexcept {
        Block* parent = block->parent;
        const int side = parent->child[1] == block;
        link_to(parent) = block;
        block->parent = parent->parent;
        parent->child[side] = block->child[1 - side];
        if (parent->child[side] != nullptr) {
            parent->child[side]->parent = parent;
        }
        block->child[1 - side] = parent;
        parent->parent = block;
    }

    // Makes a block the next on one side of another, or the only one.
    void attach(Block* block, Block* other, int side) noexcept {
        seed_ = seed_ * 1664525U + 1013904223U;
        block->priority = seed_ >> 8;
        if (other == nullptr) {
            root_ = block;
            return;
        }
        if (other->child[side] != nullptr) {
            other = outermost(other->child[side], 1 - side);
            side = 1 - side;
        }
        other->child[side] = block;
        block->parent = other;
        while (block->parent != nullptr && block->parent->priority < block->priority) {
            rotate_up(block);
        }
    }

    // Turns a block down until it has no two children, and deletes it.
    void detach(Block* block) noexcept {
        while (block->child[0] != nullptr && block->child[1] != nullptr) {
            rotate_up(block->child[block->child[1]->priority > block->child[0]->priority]);
        }
        Block* child = block->child[block->child[0] == nullptr];
        if (child != nullptr) {
            child->parent = block->parent;
        }
        link_to(block) = child;
        delete block;
    }

    std::optional<Compare> state_{std::in_place};
    Block* root_ = nullptr;
    std::size_t size_ = 0;
    unsigned seed_ = 12345;
};

#endif
