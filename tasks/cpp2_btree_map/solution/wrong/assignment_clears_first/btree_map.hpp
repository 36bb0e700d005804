// A B-tree whose nodes know how many entries are below them; wrong: a copy assignment clears the map before it copies.
//
// Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
// harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942

#ifndef BTREE_MAP_HPP
#define BTREE_MAP_HPP

#include <cstddef>
#include <functional>
#include <memory>
#include <new>
#include <stdexcept>
#include <type_traits>
#include <utility>

template <class Key, class Value, class Compare = std::less<Key>>
class BTreeMap {
    static constexpr int most = 31;
    static constexpr int least = most / 2;

    struct Entry {
        Key key;
        Value value;

        Entry(Key&& moved_key, Value&& moved_value) noexcept : key(std::move(moved_key)), value(std::move(moved_value)) {}
        Entry(const Key& copied_key, Value&& moved_value) : key(copied_key), value(std::move(moved_value)) {}
        Entry(Entry&& other) noexcept : key(std::move(other.key)), value(std::move(other.value)) {}
        Entry(const Entry& other) : key(other.key), value(other.value) {}
    };

    struct Node {
        Node* parent = nullptr;
        int index = 0;
        int count = 0;
        bool is_leaf = true;
        std::size_t total = 0;
        // One more of each than stays: a node is overfull until it is split.
        Node* children[most + 2] = {};
        alignas(Entry) unsigned char storage[(most + 1) * sizeof(Entry)];

        Entry* entries() noexcept { return reinterpret_cast<Entry*>(storage); }
        Entry& entry(int at) noexcept { return *std::launder(entries() + at); }

        void adopt(int at, Node* child) noexcept {
            children[at] = child;
            child->parent = this;
            child->index = at;
        }

        void recount() noexcept {
            total = static_cast<std::size_t>(count);
            for (int at = 0; !is_leaf && at <= count; ++at) {
                total += children[at]->total;
            }
        }

        // Moves an entry to a place where there is none.
        void transfer(int to, Node& from, int at) noexcept {
            ::new (static_cast<void*>(entries() + to)) Entry(std::move(from.entry(at)));
            from.entry(at).~Entry();
        }

        void open_gap(int at) noexcept {
            for (int other = count; other > at; --other) {
                transfer(other, *this, other - 1);
            }
            ++count;
        }

        void close_gap(int at) noexcept {
            --count;
            for (int other = at; other < count; ++other) {
                transfer(other, *this, other + 1);
            }
        }
    };

    template <bool is_const>
    class Position {
        using Shown = std::conditional_t<is_const, const Value, Value>;

    public:
        Position() = default;
        template <bool other, class = std::enable_if_t<is_const && !other>>
        Position(const Position<other>& at) noexcept : map_(at.map_), node_(at.node_), at_(at.at_) {}

        const Key& key() const noexcept { return node_->entry(at_).key; }
        Shown& value() const noexcept { return node_->entry(at_).value; }

        Position& operator++() noexcept {
            if (!node_->is_leaf) {
                node_ = first_leaf(node_->children[at_ + 1]);
                at_ = 0;
                return *this;
            }
            ++at_;
            climb_if_behind();
            return *this;
        }

        Position& operator--() noexcept {
            if (node_ == nullptr) {
                node_ = last_leaf(map_->root_);
                at_ = node_->count - 1;
            } else if (!node_->is_leaf) {
                node_ = last_leaf(node_->children[at_]);
                at_ = node_->count - 1;
            } else {
                while (at_ == 0) {
                    at_ = node_->index;
                    node_ = node_->parent;
                }
                --at_;
            }
            return *this;
        }

        Position operator++(int) noexcept {
            Position before = *this;
            ++*this;
            return before;
        }

        Position operator--(int) noexcept {
            Position before = *this;
            --*this;
            return before;
        }

        friend bool operator==(const Position& one, const Position& other) noexcept {
            return one.node_ == other.node_ && one.at_ == other.at_;
        }

    private:
        friend class BTreeMap;
        template <bool>
        friend class Position;

        Position(const BTreeMap* map, Node* node, int at) noexcept : map_(map), node_(node), at_(at) {}

        // A place behind a leaf's last entry is the next entry further up, or the end.
        void climb_if_behind() noexcept {
            while (node_ != nullptr && at_ == node_->count) {
                at_ = node_->index;
                node_ = node_->parent;
            }
            if (node_ == nullptr) {
                at_ = 0;
            }
        }

        const BTreeMap* map_ = nullptr;
        Node* node_ = nullptr;
        int at_ = 0;
    };

public:
    class iterator : public Position<false> {
    public:
        iterator() = default;
        iterator(const Position<false>& at) noexcept : Position<false>(at) {}
        iterator& operator++() noexcept { return Position<false>::operator++(), *this; }
        iterator& operator--() noexcept { return Position<false>::operator--(), *this; }
        iterator operator++(int) noexcept { return Position<false>::operator++(0); }
        iterator operator--(int) noexcept { return Position<false>::operator--(0); }
    };

    class const_iterator : public Position<true> {
    public:
        const_iterator() = default;
        const_iterator(const Position<true>& at) noexcept : Position<true>(at) {}
        const_iterator(const iterator& at) noexcept : Position<true>(static_cast<const Position<false>&>(at)) {}
        const_iterator& operator++() noexcept { return Position<true>::operator++(), *this; }
        const_iterator& operator--() noexcept { return Position<true>::operator--(), *this; }
        const_iterator operator++(int) noexcept { return Position<true>::operator++(0); }
        const_iterator operator--(int) noexcept { return Position<true>::operator--(0); }
    };

    BTreeMap() : BTreeMap(Compare()) {}
    explicit BTreeMap(Compare compare) : compare_(std::move(compare)) {}
    BTreeMap(const BTreeMap& other) : compare_(other.compare_) {
        if (other.root_ != nullptr) {
            root_ = copy(other.root_);
        }
    }
    BTreeMap(BTreeMap&& other) noexcept : compare_(other.compare_), root_(std::exchange(other.root_, nullptr)) {}
    BTreeMap& operator=(const BTreeMap& other) {
        if (this != &other) {
            clear();
            BTreeMap copied(other);
            swap(copied);
        }
        return *this;
    }
    BTreeMap& operator=(BTreeMap&& other) noexcept {
        if (this != &other) {
            BTreeMap moved(std::move(other));
            swap(moved);
        }
        return *this;
    }
    ~BTreeMap() { clear(); }

    std::size_t size() const noexcept { return root_ == nullptr ? 0 : root_->total; }
    bool empty() const noexcept { return root_ == nullptr; }
    void clear() noexcept { destroy(std::exchange(root_, nullptr)); }
    void swap(BTreeMap& other) noexcept {
        // A Compare may be copied but not assigned.
        Compare mine(std::move(compare_));
        replace(compare_, std::move(other.compare_));
        replace(other.compare_, std::move(mine));
        std::swap(root_, other.root_);
    }

    iterator begin() noexcept { return first(); }
    const_iterator begin() const noexcept { return const_iterator(first()); }
    iterator end() noexcept { return place(nullptr, 0); }
    const_iterator end() const noexcept { return const_iterator(place(nullptr, 0)); }
    iterator find(const Key& key) { return seek_same(key); }
    const_iterator find(const Key& key) const { return const_iterator(seek_same(key)); }
    iterator lower_bound(const Key& key) { return seek(key, false); }
    const_iterator lower_bound(const Key& key) const { return const_iterator(seek(key, false)); }
    iterator upper_bound(const Key& key) { return seek(key, true); }
    const_iterator upper_bound(const Key& key) const { return const_iterator(seek(key, true)); }
    bool contains(const Key& key) const { return seek_same(key).node_ != nullptr; }
    Value& at(const Key& key) { return present(key); }
    const Value& at(const Key& key) const { return present(key); }

    template <class... Args>
    std::pair<iterator, bool> try_emplace(const Key& key, Args&&... args) {
        return emplace(key, key, std::forward<Args>(args)...);
    }

    template <class... Args>
    std::pair<iterator, bool> try_emplace(Key&& key, Args&&... args) {
        return emplace(key, std::move(key), std::forward<Args>(args)...);
    }

    std::size_t erase(const Key& key) {
        const iterator at = seek_same(key);
        if (at.node_ == nullptr) {
            return 0;
        }
        remove(at.node_, at.at_);
        return 1;
    }

    iterator erase(const_iterator position) noexcept {
        const std::size_t rank = rank_of(position);
        remove(position.node_, position.at_);
        return nth(rank);
    }

    iterator erase(const_iterator first, const_iterator last) noexcept {
        const std::size_t rank = rank_of(first);
        for (std::size_t left = rank_of(last) - rank; left > 0; --left) {
            const iterator at = nth(rank);
            remove(at.node_, at.at_);
        }
        return nth(rank);
    }

private:
    // Nodes made before anything changes, linked by their parents.
    struct Spares {
        Node* first = nullptr;

        ~Spares() {
            while (first != nullptr) {
                delete take();
            }
        }
        void add() {
            Node* node = new Node;
            node->parent = first;
            first = node;
        }
        Node* take() noexcept {
            Node* node = first;
            first = node->parent;
            node->parent = nullptr;
            return node;
        }
    };

    template <class Replaced>
    static void replace(Replaced& old, Replaced&& other) noexcept {
        std::destroy_at(&old);
        std::construct_at(&old, std::move(other));
    }

    static Node* first_leaf(Node* node) noexcept {
        while (!node->is_leaf) {
            node = node->children[0];
        }
        return node;
    }

    static Node* last_leaf(Node* node) noexcept {
        while (!node->is_leaf) {
            node = node->children[node->count];
        }
        return node;
    }

    static void destroy(Node* node) noexcept {
        if (node == nullptr) {
            return;
        }
        for (int at = 0; at < node->count; ++at) {
            node->entry(at).~Entry();
        }
        for (int at = 0; !node->is_leaf && at <= node->count; ++at) {
            destroy(node->children[at]);
        }
        delete node;
    }

    static Node* copy(Node* other) {
        // A node that is not complete has no child behind its last entry.
        struct Rollback {
            Node* node;
            ~Rollback() {
                for (int at = 0; node != nullptr && at < node->count; ++at) {
                    node->entry(at).~Entry();
                }
                for (int at = 0; node != nullptr && at < most + 2; ++at) {
                    destroy(node->children[at]);
                }
                delete node;
            }
        } rollback{new Node};
        Node* node = rollback.node;
        for (; node->count < other->count; ++node->count) {
            ::new (static_cast<void*>(node->entries() + node->count)) Entry(other->entry(node->count));
        }
        for (int at = 0; !other->is_leaf && at <= other->count; ++at) {
            node->adopt(at, copy(other->children[at]));
        }
        node->is_leaf = other->is_leaf;
        node->total = other->total;
        rollback.node = nullptr;
        return node;
    }

    iterator place(Node* node, int at) const noexcept { return iterator(Position<false>(this, node, at)); }

    iterator first() const noexcept { return root_ == nullptr ? place(nullptr, 0) : place(first_leaf(root_), 0); }

    // The first entry behind a key, or not before it.
    iterator seek(const Key& key, bool is_behind) const {
        iterator found = place(nullptr, 0);
        for (Node* node = root_; node != nullptr;) {
            int low = 0;
            for (int high = node->count; low < high;) {
                const int middle = (low + high) / 2;
                const Key& other = node->entry(middle).key;
                if (is_behind ? !compare_(key, other) : compare_(other, key)) {
                    low = middle + 1;
                } else {
                    high = middle;
                }
            }
            if (low < node->count) {
                found = place(node, low);
            }
            node = node->is_leaf ? nullptr : node->children[low];
        }
        return found;
    }

    iterator seek_same(const Key& key) const {
        const iterator at = seek(key, false);
        return at.node_ == nullptr || compare_(key, at.key()) ? place(nullptr, 0) : at;
    }

    Value& present(const Key& key) const {
        const iterator at = seek_same(key);
        if (at.node_ == nullptr) {
            throw std::out_of_range("the key is not in the map");
        }
        return at.value();
    }

    std::size_t rank_of(const const_iterator& at) const noexcept {
        if (at.node_ == nullptr) {
            return size();
        }
        std::size_t rank = static_cast<std::size_t>(at.at_);
        for (int child = 0; !at.node_->is_leaf && child <= at.at_; ++child) {
            rank += at.node_->children[child]->total;
        }
        for (const Node* node = at.node_; node->parent != nullptr; node = node->parent) {
            rank += static_cast<std::size_t>(node->index);
            for (int child = 0; child < node->index; ++child) {
                rank += node->parent->children[child]->total;
            }
        }
        return rank;
    }

    iterator nth(std::size_t rank) const noexcept {
        if (rank == size()) {
            return place(nullptr, 0);
        }
        Node* node = root_;
        while (!node->is_leaf) {
            int child = 0;
            while (rank > node->children[child]->total) {
                rank -= node->children[child]->total + 1;
                ++child;
            }
            if (rank == node->children[child]->total) {
                return place(node, child);
            }
            node = node->children[child];
        }
        return place(node, static_cast<int>(rank));
    }

    template <class Given, class... Args>
    std::pair<iterator, bool> emplace(const Key& key, Given&& given, Args&&... args) {
        const iterator behind = seek(key, false);
        if (behind.node_ != nullptr && !compare_(key, behind.key())) {
            return {behind, false};
        }
        Node* leaf = behind.node_;
        int at = behind.at_;
        if (leaf == nullptr && root_ != nullptr) {
            leaf = last_leaf(root_);
            at = leaf->count;
        } else if (leaf != nullptr && !leaf->is_leaf) {
            leaf = last_leaf(leaf->children[at]);
            at = leaf->count;
        }
        Spares spares;
        Node* top = leaf;
        for (; top != nullptr && top->count == most; top = top->parent) {
            spares.add();
        }
        if (top == nullptr) {
            spares.add();
        }
        // The value first: its constructor may throw, and the key must not have been moved by then.
        Value value(std::forward<Args>(args)...);
        Entry entry(std::forward<Given>(given), std::move(value));
        if (leaf == nullptr) {
            leaf = root_ = spares.take();
        }
        leaf->open_gap(at);
        ::new (static_cast<void*>(leaf->entries() + at)) Entry(std::move(entry));
        for (Node* node = leaf; node != nullptr; node = node->parent) {
            ++node->total;
        }
        return {split(leaf, at, spares), true};
    }

    // Splits overfull nodes upwards; returns where the entry of the given place is then.
    iterator split(Node* node, int at, Spares& spares) noexcept {
        Node* place_node = node;
        int place_at = at;
        while (node->count > most) {
            if (node->parent == nullptr) {
                root_ = spares.take();
                root_->is_leaf = false;
                root_->adopt(0, node);
            }
            Node* parent = node->parent;
            Node* right = spares.take();
            right->is_leaf = node->is_leaf;
            const int middle = node->count / 2;
            for (int other = middle + 1; other < node->count; ++other) {
                right->transfer(right->count++, *node, other);
            }
            for (int child = 0; !node->is_leaf && child <= right->count; ++child) {
                right->adopt(child, node->children[middle + 1 + child]);
            }
            for (int child = parent->count; child > node->index; --child) {
                parent->adopt(child + 1, parent->children[child]);
            }
            parent->open_gap(node->index);
            parent->transfer(node->index, *node, middle);
            parent->adopt(node->index + 1, right);
            if (place_node == node && place_at >= middle) {
                place_node = place_at == middle ? parent : right;
                place_at = place_at == middle ? node->index : place_at - middle - 1;
            }
            node->count = middle;
            node->recount();
            right->recount();
            parent->recount();
            node = parent;
        }
        return place(place_node, place_at);
    }

    void remove(Node* node, int at) noexcept {
        if (node->is_leaf) {
            node->entry(at).~Entry();
        } else {
            Node* leaf = last_leaf(node->children[at]);
            node->entry(at).~Entry();
            node->transfer(at, *leaf, leaf->count - 1);
            node = leaf;
            at = leaf->count - 1;
        }
        node->close_gap(at);
        for (Node* above = node; above != nullptr; above = above->parent) {
            --above->total;
        }
        while (node->parent != nullptr && node->count < least) {
            Node* parent = node->parent;
            if (node->index > 0 && parent->children[node->index - 1]->count > least) {
                rotate_right(*parent->children[node->index - 1], *node);
                return;
            }
            if (node->index < parent->count && parent->children[node->index + 1]->count > least) {
                rotate_left(*node, *parent->children[node->index + 1]);
                return;
            }
            merge(*parent, node->index > 0 ? node->index - 1 : 0);
            node = parent;
        }
        if (root_->count == 0) {
            Node* old = root_;
            root_ = old->is_leaf ? nullptr : old->children[0];
            if (root_ != nullptr) {
                root_->parent = nullptr;
                root_->index = 0;
            }
            delete old;
        }
    }

    static void rotate_right(Node& left, Node& right) noexcept {
        Node& parent = *left.parent;
        for (int child = right.count; !right.is_leaf && child >= 0; --child) {
            right.adopt(child + 1, right.children[child]);
        }
        right.open_gap(0);
        right.transfer(0, parent, left.index);
        parent.transfer(left.index, left, left.count - 1);
        if (!left.is_leaf) {
            right.adopt(0, left.children[left.count]);
        }
        --left.count;
        left.recount();
        right.recount();
    }

    static void rotate_left(Node& left, Node& right) noexcept {
        Node& parent = *left.parent;
        left.transfer(left.count++, parent, left.index);
        parent.transfer(left.index, right, 0);
        if (!left.is_leaf) {
            left.adopt(left.count, right.children[0]);
        }
        right.close_gap(0);
        for (int child = 0; !right.is_leaf && child <= right.count; ++child) {
            right.adopt(child, right.children[child + 1]);
        }
        left.recount();
        right.recount();
    }

    // Joins the child of this number, the entry behind it and the next child.
    static void merge(Node& parent, int index) noexcept {
        Node& left = *parent.children[index];
        Node* right = parent.children[index + 1];
        left.transfer(left.count++, parent, index);
        for (int child = 0; !left.is_leaf && child <= right->count; ++child) {
            left.adopt(left.count + child, right->children[child]);
        }
        for (int at = 0; at < right->count; ++at) {
            left.transfer(left.count++, *right, at);
        }
        parent.close_gap(index);
        for (int child = index + 1; child <= parent.count; ++child) {
            parent.adopt(child, parent.children[child + 1]);
        }
        delete right;
        left.recount();
    }

    Compare compare_;
    Node* root_ = nullptr;
};

#endif
