// Statuses and counts of unfinished dependencies are atomic, so that most of the work needs no lock. A semaphore counts
// the tasks that workers may take, and the permits to go home at the end.
//
// Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
// harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942

#ifndef TASK_GRAPH_HPP
#define TASK_GRAPH_HPP

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

enum class Status { pending, running, succeeded, failed, skipped, cancelled };

class Cancelled : public std::exception {};

class Context {
public:
    bool is_cancelled() const noexcept { return is_cancelled_->load(); }

private:
    friend class TaskGraph;
    const std::atomic<bool>* is_cancelled_ = nullptr;
};

class TaskGraph {
    class Semaphore {
    public:
        void release(std::size_t count) {
            const std::lock_guard<std::mutex> lock(mutex_);
            permits_ += count;
            count == 1 ? changed_.notify_one() : changed_.notify_all();
        }
        void acquire() {
            std::unique_lock<std::mutex> lock(mutex_);
            changed_.wait(lock, [this] { return permits_ > 0; });
            --permits_;
        }

    private:
        std::mutex mutex_;
        std::condition_variable changed_;
        std::size_t permits_ = 0;
    };

    struct Node {
        explicit Node(std::function<void(const Context&)> given) : work(std::move(given)) {}
        std::function<void(const Context&)> work;
        std::vector<std::size_t> next;
        std::size_t edges_in = 0;
        std::atomic<std::size_t> open{0};
        std::atomic<Status> status{Status::pending};
        std::exception_ptr error;
    };

public:
    using TaskId = std::size_t;

    TaskGraph() = default;
    TaskGraph(const TaskGraph&) = delete;
    TaskGraph& operator=(const TaskGraph&) = delete;
    ~TaskGraph() = default;

    TaskId add(std::function<void(const Context&)> work) {
        const std::lock_guard<std::mutex> lock(mutex_);
        check_idle();
        nodes_.emplace_back(std::move(work));
        return nodes_.size() - 1;
    }

    void add_edge(TaskId before, TaskId after) {
        const std::lock_guard<std::mutex> lock(mutex_);
        check_idle();
        Node& target = nodes_.at(after);
        nodes_.at(before).next.push_back(after);
        ++target.edges_in;
    }

    std::size_t size() const {
        const std::lock_guard<std::mutex> lock(mutex_);
        return nodes_.size();
    }

    Status status(TaskId task) const {
        const std::lock_guard<std::mutex> lock(mutex_);
        return nodes_.at(task).status.load();
    }

    std::exception_ptr error(TaskId task) const {
        const std::lock_guard<std::mutex> lock(mutex_);
        return nodes_.at(task).error;
    }

    void cancel() noexcept {
        const std::lock_guard<std::mutex> lock(mutex_);
        if (!is_running_) {
            is_next_cancelled_ = true;
            return;
        }
        cancel_all_pending();
        finish_if_done();
    }

    void run(std::size_t workers) {
        prepare(workers);
        const std::size_t count = workers < nodes_.size() ? workers : nodes_.size();
        std::vector<std::thread> threads;
        for (std::size_t number = 1; number < count; ++number) {
            threads.emplace_back(&TaskGraph::take_turns, this);
        }
        take_turns();
        for (std::thread& thread : threads) {
            thread.join();
        }
        const std::lock_guard<std::mutex> lock(mutex_);
        is_running_ = false;
        for (const Node& node : nodes_) {
            if (node.error) {
                std::rethrow_exception(node.error);
            }
        }
        for (const Node& node : nodes_) {
            if (node.status.load() == Status::cancelled) {
                throw Cancelled();
            }
        }
    }

private:
    void check_idle() const {
        if (is_running_) {
            throw std::logic_error("not while the graph runs");
        }
    }

    void reset_counts() {
        for (Node& node : nodes_) {
            node.open.store(node.edges_in);
        }
    }

    std::vector<TaskId> roots() const {
        std::vector<TaskId> found;
        for (TaskId task = 0; task < nodes_.size(); ++task) {
            if (nodes_[task].edges_in == 0) {
                found.push_back(task);
            }
        }
        return found;
    }

    void prepare(std::size_t workers) {
        const std::lock_guard<std::mutex> lock(mutex_);
        check_idle();
        std::vector<TaskId> stack = roots();
        std::size_t reached = 0;
        reset_counts();
        while (!stack.empty()) {
            const TaskId task = stack.back();
            stack.pop_back();
            ++reached;
            for (const TaskId next : nodes_[task].next) {
                if (nodes_[next].open.fetch_sub(1) == 1) {
                    stack.push_back(next);
                }
            }
        }
        if (workers == 0 || reached < nodes_.size()) {
            throw std::invalid_argument(workers == 0 ? "no workers" : "a cycle");
        }
        reset_counts();
        for (Node& node : nodes_) {
            node.status.store(Status::pending);
            node.error = nullptr;
        }
        is_running_ = true;
        is_over_ = false;
        is_cancelled_.store(false);
        active_ = 0;
        const std::vector<TaskId> first = roots();
        ready_ = std::set<TaskId>(first.begin(), first.end());
        permits_.emplace_back();
        permits_.pop_front();
        permits_.back().release(ready_.size());
        if (is_next_cancelled_) {
            is_next_cancelled_ = false;
            cancel_all_pending();
        }
        finish_if_done();
    }

    void cancel_all_pending() {
        is_cancelled_.store(true);
        for (Node& node : nodes_) {
            Status expected = Status::pending;
            node.status.compare_exchange_strong(expected, Status::cancelled);
        }
        ready_.clear();
    }

    // Once nothing runs and nothing is ready, every worker gets a permit, finds nothing and goes.
    void finish_if_done() {
        if (active_ == 0 && ready_.empty() && !is_over_) {
            is_over_ = true;
            permits_.back().release(nodes_.size() + 1);
        }
    }

    void take_turns() {
        for (;;) {
            permits_.back().acquire();
            TaskId task = 0;
            {
                const std::lock_guard<std::mutex> lock(mutex_);
                if (ready_.empty()) {
                    if (is_over_) {
                        return;
                    }
                    // A permit of a task that was cancelled.
                    continue;
                }
                task = *ready_.begin();
                ready_.erase(ready_.begin());
                ++active_;
                nodes_[task].status.store(Status::running);
            }
            carry_out(task);
        }
    }

    void carry_out(TaskId task) {
        Node& node = nodes_[task];
        Context context;
        context.is_cancelled_ = &is_cancelled_;
        try {
            node.work(context);
        } catch (...) {
            const std::lock_guard<std::mutex> lock(mutex_);
            node.error = std::current_exception();
            node.status.store(Status::failed);
            skip_from(task);
            --active_;
            finish_if_done();
            return;
        }
        std::vector<TaskId> freed;
        for (const TaskId next : node.next) {
            if (nodes_[next].open.fetch_sub(1) == 1) {
                freed.push_back(next);
            }
        }
        const std::lock_guard<std::mutex> lock(mutex_);
        node.status.store(Status::succeeded);
        for (const TaskId next : freed) {
            if (nodes_[next].status.load() == Status::pending) {
                ready_.insert(next);
                permits_.back().release(1);
            }
        }
        --active_;
        finish_if_done();
    }

    void skip_from(TaskId failed) {
        std::deque<TaskId> open{failed};
        for (; !open.empty(); open.pop_front()) {
            for (const TaskId next : nodes_[open.front()].next) {
                Status expected = Status::pending;
                if (nodes_[next].status.compare_exchange_strong(expected, Status::skipped)) {
                    open.push_back(next);
                }
            }
        }
    }

    mutable std::mutex mutex_;
    std::deque<Node> nodes_;
    std::set<TaskId> ready_;
    std::deque<Semaphore> permits_{1};
    std::atomic<bool> is_cancelled_{false};
    std::size_t active_ = 0;
    bool is_running_ = false;
    bool is_over_ = false;
    bool is_next_cancelled_ = false;
};

#endif
