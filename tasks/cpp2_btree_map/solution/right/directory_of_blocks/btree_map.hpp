// Two levels: a sorted array of pointers to blocks of entries. Blocks are split when full and removed when empty.
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
#include <vector>

template <class Key, class Value, class Compare = std::less<Key>>
class BTreeMap {
    static constexpr std::size_t capacity = 64;

    struct Block {
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
        std::size_t block = 0;
        std::size_t at = 0;
        bool operator==(const Place&) const = default;
    };

    using Directory = std::vector<std::unique_ptr<Block>>;

public:
    class const_iterator;

    class iterator {
    public:
        iterator() = default;
        const Key& key() const { return (*blocks_)[place_.block]->keys[place_.at]; }
        Value& value() const { return (*blocks_)[place_.block]->values[place_.at]; }
        iterator& operator++() {
            if (++place_.at == (*blocks_)[place_.block]->count) {
                place_ = {place_.block + 1, 0};
            }
            return *this;
        }
        iterator& operator--() {
            if (place_.at == 0) {
                --place_.block;
                place_.at = (*blocks_)[place_.block]->count;
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
        iterator(const Directory* blocks, Place place) : blocks_(blocks), place_(place) {}
        const Directory* blocks_ = nullptr;
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
    BTreeMap(const BTreeMap& other) : state_(std::in_place, *other.state_) {
        blocks_.reserve(other.blocks_.size());
        for (const std::unique_ptr<Block>& block : other.blocks_) {
            blocks_.push_back(std::make_unique<Block>(*block));
            size_ += block->count;
        }
    }
    BTreeMap(BTreeMap&& other) noexcept
        : state_(std::in_place, *other.state_),
          blocks_(std::exchange(other.blocks_, {})),
          size_(std::exchange(other.size_, 0)) {}
    BTreeMap& operator=(const BTreeMap& other) { return *this = BTreeMap(other); }
    BTreeMap& operator=(BTreeMap&& other) noexcept {
        BTreeMap taken(std::move(other));
        swap(taken);
        return *this;
    }
    ~BTreeMap() = default;

    std::size_t size() const noexcept { return size_; }
    bool empty() const noexcept { return size_ == 0; }
    void clear() noexcept {
        blocks_.clear();
        size_ = 0;
    }
    void swap(BTreeMap& other) noexcept {
        const std::optional<Compare> mine(std::in_place, *state_);
        state_.emplace(Compare(*other.state_));
        other.state_.emplace(*mine);
        blocks_.swap(other.blocks_);
        std::swap(size_, other.size_);
    }

    iterator begin() noexcept { return {&blocks_, {}}; }
    const_iterator begin() const noexcept { return iterator(&blocks_, {}); }
    iterator end() noexcept { return {&blocks_, {blocks_.size(), 0}}; }
    const_iterator end() const noexcept { return iterator(&blocks_, {blocks_.size(), 0}); }
    iterator find(const Key& key) { return {&blocks_, same(key)}; }
    const_iterator find(const Key& key) const { return iterator(&blocks_, same(key)); }
    iterator lower_bound(const Key& key) { return {&blocks_, bound(key, false)}; }
    const_iterator lower_bound(const Key& key) const { return iterator(&blocks_, bound(key, false)); }
    iterator upper_bound(const Key& key) { return {&blocks_, bound(key, true)}; }
    const_iterator upper_bound(const Key& key) const { return iterator(&blocks_, bound(key, true)); }
    bool contains(const Key& key) const { return same(key).block != blocks_.size(); }
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
        if (place.block == blocks_.size()) {
            return 0;
        }
        cut(place, place.at + 1);
        return 1;
    }

    iterator erase(const_iterator position) noexcept {
        const Place place = position.inner_.place_;
        return {&blocks_, cut(place, place.at + 1)};
    }

    iterator erase(const_iterator first, const_iterator last) noexcept {
        const Place from = first.inner_.place_;
        const Place to = last.inner_.place_;
        if (from.block == to.block) {
            return {&blocks_, from.at == to.at ? from : cut(from, to.at)};
        }
        // The end of the range first, then the blocks in it, so that places before them stay right.
        if (to.at > 0) {
            cut({to.block, 0}, to.at);
        }
        const auto whole = [this](std::size_t block) { return blocks_.begin() + static_cast<std::ptrdiff_t>(block); };
        const std::size_t kept = from.at > 0 ? from.block + 1 : from.block;
        for (std::size_t block = kept; block < to.block; ++block) {
            size_ -= blocks_[block]->count;
        }
        blocks_.erase(whole(kept), whole(to.block));
        if (from.at > 0) {
            cut(from, blocks_[from.block]->count);
        }
        return {&blocks_, {kept, 0}};
    }

private:
    // Whether an entry comes before what is looked for.
    bool is_before(const Key& entry, const Key& key, bool is_behind) const {
        const Compare& compare = *state_;
        return is_behind ? !compare(key, entry) : compare(entry, key);
    }

    // The first place that is not before what is looked for.
    Place bound(const Key& key, bool is_behind) const {
        std::size_t low = 0;
        std::size_t high = blocks_.size();
        while (low < high) {
            const std::size_t middle = (low + high) / 2;
            const Block& block = *blocks_[middle];
            if (is_before(block.keys[block.count - 1], key, is_behind)) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        if (low == blocks_.size()) {
            return {low, 0};
        }
        const Block& block = *blocks_[low];
        std::size_t first = 0;
        std::size_t last = block.count - 1;
        while (first < last) {
            const std::size_t middle = (first + last) / 2;
            if (is_before(block.keys[middle], key, is_behind)) {
                first = middle + 1;
            } else {
                last = middle;
            }
        }
        return {low, first};
    }

    bool is_at(const Place& place, const Key& key) const {
        const Compare& compare = *state_;
        return place.block < blocks_.size() && !compare(key, blocks_[place.block]->keys[place.at]);
    }

    Place same(const Key& key) const {
        const Place place = bound(key, false);
        return is_at(place, key) ? place : Place{blocks_.size(), 0};
    }

    Value& value_of(const Key& key) const {
        const Place place = same(key);
        if (place.block == blocks_.size()) {
            throw std::out_of_range("no such key");
        }
        return blocks_[place.block]->values[place.at];
    }

    template <class Given, class... Args>
    std::pair<iterator, bool> add(const Key& key, Given&& given, Args&&... args) {
        Place place = bound(key, false);
        if (is_at(place, key)) {
            return {{&blocks_, place}, false};
        }
        if (place.block == blocks_.size() && !blocks_.empty()) {
            place = {blocks_.size() - 1, blocks_.back()->count};
        }
        std::unique_ptr<Block> added;
        if (blocks_.empty() || blocks_[place.block]->count == capacity) {
            added = std::make_unique<Block>();
            if (blocks_.size() == blocks_.capacity()) {
                blocks_.reserve(2 * blocks_.size() + 4);
            }
        }
        Value value(std::forward<Args>(args)...);
        Key made(std::forward<Given>(given));
        if (added) {
            split(place, std::move(added));
        }
        Block& block = *blocks_[place.block];
        for (std::size_t at = block.count; at > place.at; --at) {
            block.move_entry(at, block, at - 1);
        }
        std::construct_at(block.keys + place.at, std::move(made));
        std::construct_at(block.values + place.at, std::move(value));
        ++block.count;
        ++size_;
        return {{&blocks_, place}, true};
    }

    void split(Place& place, std::unique_ptr<Block> added) noexcept {
        if (blocks_.empty()) {
            blocks_.push_back(std::move(added));
            return;
        }
        Block& left = *blocks_[place.block];
        Block& right = *added;
        const std::size_t half = left.count / 2;
        for (std::size_t at = half; at < left.count; ++at) {
            right.move_entry(right.count++, left, at);
        }
        left.count = half;
        blocks_.insert(blocks_.begin() + static_cast<std::ptrdiff_t>(place.block) + 1, std::move(added));
        if (place.at > half) {
            place = {place.block + 1, place.at - half};
        }
    }

    // Erases entries of one block; returns the place behind them.
    Place cut(Place from, std::size_t to) noexcept {
        Block& block = *blocks_[from.block];
        size_ -= to - from.at;
        block.cut(from.at, to);
        if (block.count == 0) {
            blocks_.erase(blocks_.begin() + static_cast<std::ptrdiff_t>(from.block));
            return {from.block, 0};
        }
        return from.at == block.count ? Place{from.block + 1, 0} : from;
    }

    std::optional<Compare> state_{std::in_place};
    Directory blocks_;
    std::size_t size_ = 0;
};

#endif
