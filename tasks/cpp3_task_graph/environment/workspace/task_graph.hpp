#ifndef TASK_GRAPH_HPP
#define TASK_GRAPH_HPP

#include <cstddef>
#include <exception>
#include <functional>

enum class Status { pending, running, succeeded, failed, skipped, cancelled };

class Cancelled : public std::exception {};

class Context {
public:
    bool is_cancelled() const noexcept;
};

class TaskGraph {
public:
    using TaskId = std::size_t;

    TaskGraph();
    TaskGraph(const TaskGraph&) = delete;
    TaskGraph& operator=(const TaskGraph&) = delete;
    ~TaskGraph();

    TaskId add(std::function<void(const Context&)> work);
    void add_edge(TaskId before, TaskId after);
    std::size_t size() const;

    void run(std::size_t workers);
    void cancel() noexcept;

    Status status(TaskId task) const;
    std::exception_ptr error(TaskId task) const;
};

#endif
