// One mutex for everything, a heap of ready ids; wrong: workers without work ask again and again.
//
// Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
// harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942

#ifndef TASK_GRAPH_HPP
#define TASK_GRAPH_HPP

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
#include <mutex>
#include <queue>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

enum class Status { pending, running, succeeded, failed, skipped, cancelled };

class Cancelled : public std::exception {};

class Context {
public:
    bool is_cancelled() const noexcept { return flag_.load(std::memory_order_acquire); }

private:
    friend class TaskGraph;
    explicit Context(const std::atomic<bool>& flag) : flag_(flag) {}
    const std::atomic<bool>& flag_;
};

class TaskGraph {
public:
    using TaskId = std::size_t;

    TaskGraph() = default;
    TaskGraph(const TaskGraph&) = delete;
    TaskGraph& operator=(const TaskGraph&) = delete;
    ~TaskGraph() = default;

    TaskId add(std::function<void(const Context&)> work) {
        const std::lock_guard<std::mutex> lock(mutex_);
        require_rest();
        tasks_.push_back({std::move(work), {}, Status::pending, nullptr, 0});
        return tasks_.size() - 1;
    }

    void add_edge(TaskId before, TaskId after) {
        const std::lock_guard<std::mutex> lock(mutex_);
        require_rest();
        require_task(before);
        require_task(after);
        tasks_[before].successors.push_back(after);
    }

    std::size_t size() const {
        const std::lock_guard<std::mutex> lock(mutex_);
        return tasks_.size();
    }

    void run(std::size_t workers) {
        begin(workers);
        std::vector<std::thread> threads;
        try {
            // The calling thread works too.
            for (std::size_t count = std::min(workers, tasks_.size()); count > 1; --count) {
                threads.emplace_back([this] { work(); });
            }
        } catch (const std::system_error&) {
            // No more threads are to be had: with those there are, the run takes longer.
        }
        work();
        for (std::thread& thread : threads) {
            thread.join();
        }
        end();
    }

    void cancel() noexcept {
        const std::lock_guard<std::mutex> lock(mutex_);
        if (is_running_) {
            cancel_pending();
        } else {
            cancels_next_ = true;
        }
    }

    Status status(TaskId task) const {
        const std::lock_guard<std::mutex> lock(mutex_);
        require_task(task);
        return tasks_[task].status;
    }

    std::exception_ptr error(TaskId task) const {
        const std::lock_guard<std::mutex> lock(mutex_);
        require_task(task);
        return tasks_[task].error;
    }

private:
    struct Task {
        std::function<void(const Context&)> work;
        std::vector<TaskId> successors;
        Status status;
        std::exception_ptr error;
        // Edges from tasks that have not succeeded yet.
        std::size_t waits;
    };

    using Ready = std::priority_queue<TaskId, std::vector<TaskId>, std::greater<TaskId>>;

    void require_rest() const {
        if (is_running_) {
            throw std::logic_error("the graph is running");
        }
    }

    void require_task(TaskId task) const {
        if (task >= tasks_.size()) {
            throw std::out_of_range("there is no such task");
        }
    }

    void begin(std::size_t workers) {
        const std::lock_guard<std::mutex> lock(mutex_);
        require_rest();
        if (workers == 0) {
            throw std::invalid_argument("a run needs a worker");
        }
        require_no_cycle();
        ready_ = Ready();
        for (Task& task : tasks_) {
            task.status = Status::pending;
            task.error = nullptr;
        }
        count_waits();
        for (TaskId id = 0; id < tasks_.size(); ++id) {
            if (tasks_[id].waits == 0) {
                ready_.push(id);
            }
        }
        active_ = 0;
        is_running_ = true;
        is_cancelled_.store(false, std::memory_order_release);
        if (std::exchange(cancels_next_, false)) {
            cancel_pending();
        }
    }

    void count_waits() {
        for (Task& task : tasks_) {
            task.waits = 0;
        }
        for (const Task& task : tasks_) {
            for (const TaskId next : task.successors) {
                ++tasks_[next].waits;
            }
        }
    }

    void require_no_cycle() {
        count_waits();
        std::vector<TaskId> free;
        for (TaskId id = 0; id < tasks_.size(); ++id) {
            if (tasks_[id].waits == 0) {
                free.push_back(id);
            }
        }
        for (std::size_t at = 0; at < free.size(); ++at) {
            for (const TaskId next : tasks_[free[at]].successors) {
                if (--tasks_[next].waits == 0) {
                    free.push_back(next);
                }
            }
        }
        if (free.size() < tasks_.size()) {
            throw std::invalid_argument("the tasks depend on each other in a circle");
        }
    }

    // Everything below expects the mutex to be held, but for work and end.
    void cancel_pending() noexcept {
        is_cancelled_.store(true, std::memory_order_release);
        for (Task& task : tasks_) {
            if (task.status == Status::pending) {
                task.status = Status::cancelled;
            }
        }
        ready_ = Ready();
        changed_.notify_all();
    }

    void work() {
        std::unique_lock<std::mutex> lock(mutex_);
        for (;;) {
            while (ready_.empty() && active_ > 0) {
                lock.unlock();
                lock.lock();
            }
            if (ready_.empty()) {
                return;
            }
            const TaskId id = ready_.top();
            ready_.pop();
            tasks_[id].status = Status::running;
            ++active_;
            lock.unlock();
            std::exception_ptr error;
            try {
                tasks_[id].work(Context(is_cancelled_));
            } catch (...) {
                error = std::current_exception();
            }
            lock.lock();
            --active_;
            conclude(id, std::move(error));
        }
    }

    void conclude(TaskId id, std::exception_ptr error) {
        Task& task = tasks_[id];
        if (error) {
            task.status = Status::failed;
            task.error = std::move(error);
            skip_successors(id);
        } else {
            task.status = Status::succeeded;
            for (const TaskId next : task.successors) {
                if (--tasks_[next].waits == 0 && tasks_[next].status == Status::pending) {
                    ready_.push(next);
                }
            }
        }
        changed_.notify_all();
    }

    void skip_successors(TaskId failed) {
        std::vector<TaskId> stack{failed};
        while (!stack.empty()) {
            const TaskId id = stack.back();
            stack.pop_back();
            for (const TaskId next : tasks_[id].successors) {
                if (tasks_[next].status == Status::pending) {
                    tasks_[next].status = Status::skipped;
                    stack.push_back(next);
                }
            }
        }
    }

    void end() {
        const std::lock_guard<std::mutex> lock(mutex_);
        is_running_ = false;
        bool was_cancelled = false;
        for (const Task& task : tasks_) {
            if (task.error) {
                std::rethrow_exception(task.error);
            }
            was_cancelled = was_cancelled || task.status == Status::cancelled;
        }
        if (was_cancelled) {
            throw Cancelled();
        }
    }

    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<Task> tasks_;
    Ready ready_;
    std::size_t active_ = 0;
    bool is_running_ = false;
    bool cancels_next_ = false;
    std::atomic<bool> is_cancelled_{false};
};

#endif
