// The calling thread decides alone what starts next. Each worker has a box of its own, which takes one task at a time.
//
// Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
// harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942

#ifndef TASK_GRAPH_HPP
#define TASK_GRAPH_HPP

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

enum class Status { pending, running, succeeded, failed, skipped, cancelled };

class Cancelled : public std::exception {};

class Context {
public:
    explicit Context(std::function<bool()> question) : question_(std::move(question)) {}
    bool is_cancelled() const noexcept { return question_(); }

private:
    std::function<bool()> question_;
};

class TaskGraph {
public:
    using TaskId = std::size_t;

    TaskGraph() {}
    TaskGraph(const TaskGraph&) = delete;
    TaskGraph& operator=(const TaskGraph&) = delete;
    ~TaskGraph() {}

    TaskId add(std::function<void(const Context&)> work) {
        Lock lock(mutex_);
        refuse_if_busy();
        works_.push_back(std::move(work));
        edges_.emplace_back();
        statuses_.push_back(Status::pending);
        errors_.emplace_back();
        return works_.size() - 1;
    }

    void add_edge(TaskId before, TaskId after) {
        Lock lock(mutex_);
        refuse_if_busy();
        edges_.at(before);
        edges_.at(after);
        edges_[before].insert(after);
    }

    std::size_t size() const {
        Lock lock(mutex_);
        return works_.size();
    }

    Status status(TaskId task) const {
        Lock lock(mutex_);
        return statuses_.at(task);
    }

    std::exception_ptr error(TaskId task) const {
        Lock lock(mutex_);
        return errors_.at(task);
    }

    void cancel() noexcept {
        Lock lock(mutex_);
        cancel_wanted_ = true;
        if (is_busy_) {
            cancel_now();
        }
    }

    void run(std::size_t workers) {
        std::unique_lock<std::mutex> lock(mutex_);
        refuse_if_busy();
        if (workers == 0) {
            throw std::invalid_argument("no workers");
        }
        std::vector<std::size_t> missing = count_missing();
        if (topological_length(missing) < works_.size()) {
            throw std::invalid_argument("a cycle");
        }
        is_busy_ = true;
        statuses_.assign(works_.size(), Status::pending);
        errors_.assign(works_.size(), nullptr);
        std::set<TaskId> ready;
        for (TaskId task = 0; task < works_.size(); ++task) {
            if (missing[task] == 0) {
                ready.insert(task);
            }
        }
        if (cancel_wanted_) {
            cancel_now();
        }
        std::deque<Worker> crew;
        std::vector<Worker*> idle;
        std::size_t active = 0;
        for (;;) {
            while (!ready.empty() && statuses_[*ready.begin()] != Status::pending) {
                ready.erase(ready.begin());
            }
            if (!ready.empty() && active < workers) {
                if (idle.empty()) {
                    Worker& worker = crew.emplace_back();
                    worker.thread = std::thread([this, &worker] { serve(worker); });
                    idle.push_back(&worker);
                }
                Worker& worker = *idle.back();
                idle.pop_back();
                worker.task = *ready.begin();
                ready.erase(ready.begin());
                statuses_[*worker.task] = Status::running;
                ++active;
                worker.wake.notify_one();
                continue;
            }
            if (active == 0) {
                break;
            }
            report_.wait(lock, [this] { return !reports_.empty(); });
            while (!reports_.empty()) {
                Report report = std::move(reports_.front());
                reports_.pop_front();
                --active;
                idle.push_back(report.worker);
                settle(report.task, missing, ready);
            }
        }
        for (Worker& worker : crew) {
            worker.is_dismissed = true;
            worker.wake.notify_one();
        }
        lock.unlock();
        for (Worker& worker : crew) {
            worker.thread.join();
        }
        lock.lock();
        is_busy_ = false;
        cancel_wanted_ = false;
        throw_result();
    }

private:
    using Lock = std::lock_guard<std::mutex>;

    struct Worker {
        std::thread thread;
        std::condition_variable wake;
        std::optional<TaskId> task;
        bool is_dismissed = false;
    };

    struct Report {
        Worker* worker;
        TaskId task;
    };

    void refuse_if_busy() const {
        if (is_busy_) {
            throw std::logic_error("a run goes on");
        }
    }

    std::vector<std::size_t> count_missing() const {
        std::vector<std::size_t> missing(works_.size());
        for (const std::set<TaskId>& others : edges_) {
            for (const TaskId other : others) {
                ++missing[other];
            }
        }
        return missing;
    }

    std::size_t topological_length(std::vector<std::size_t> missing) const {
        std::deque<TaskId> open;
        for (TaskId task = 0; task < missing.size(); ++task) {
            if (missing[task] == 0) {
                open.push_back(task);
            }
        }
        std::size_t length = 0;
        for (; !open.empty(); open.pop_front(), ++length) {
            for (const TaskId other : edges_[open.front()]) {
                if (--missing[other] == 0) {
                    open.push_back(other);
                }
            }
        }
        return length;
    }

    void cancel_now() {
        for (Status& status : statuses_) {
            status = status == Status::pending ? Status::cancelled : status;
        }
    }

    void serve(Worker& worker) {
        std::unique_lock<std::mutex> lock(mutex_);
        for (;;) {
            worker.wake.wait(lock, [&worker] { return worker.task.has_value() || worker.is_dismissed; });
            if (!worker.task.has_value()) {
                return;
            }
            const TaskId task = *worker.task;
            worker.task.reset();
            lock.unlock();
            std::exception_ptr error;
            const Context context([this] {
                Lock inner(mutex_);
                return cancel_wanted_;
            });
            try {
                works_[task](context);
            } catch (...) {
                error = std::current_exception();
            }
            lock.lock();
            errors_[task] = error;
            statuses_[task] = error ? Status::failed : Status::succeeded;
            if (error) {
                skip_behind(task);
            }
            reports_.push_back({&worker, task});
            report_.notify_one();
        }
    }

    void settle(TaskId task, std::vector<std::size_t>& missing, std::set<TaskId>& ready) {
        if (statuses_[task] != Status::succeeded) {
            return;
        }
        for (const TaskId other : edges_[task]) {
            if (--missing[other] == 0) {
                ready.insert(other);
            }
        }
    }

    void skip_behind(TaskId task) {
        std::deque<TaskId> open{task};
        for (; !open.empty(); open.pop_front()) {
            for (const TaskId other : edges_[open.front()]) {
                if (statuses_[other] == Status::pending) {
                    statuses_[other] = Status::skipped;
                    open.push_back(other);
                }
            }
        }
    }

    void throw_result() const {
        for (const std::exception_ptr& error : errors_) {
            if (error) {
                std::rethrow_exception(error);
            }
        }
        for (const Status status : statuses_) {
            if (status == Status::cancelled) {
                throw Cancelled();
            }
        }
    }

    mutable std::mutex mutex_;
    std::vector<std::function<void(const Context&)>> works_;
    std::vector<std::set<TaskId>> edges_;
    std::vector<Status> statuses_;
    std::vector<std::exception_ptr> errors_;
    std::deque<Report> reports_;
    std::condition_variable report_;
    bool is_busy_ = false;
    bool cancel_wanted_ = false;
};

#endif
