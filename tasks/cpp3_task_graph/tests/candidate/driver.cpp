// Builds graphs as a script says, runs them and sends what happened; knows nothing of the right answers.
//
// Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
// harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "task_graph.hpp"

namespace {

// How long a task waits for others that should be running.
constexpr std::chrono::seconds patience(3);

using Words = std::vector<std::string>;

struct Failure {
    int number;
};

std::size_t number_at(const Words& words, std::size_t at) {
    return at < words.size() ? std::strtoul(words[at].c_str(), nullptr, 10) : 0;
}

const char* name_of(Status status) {
    switch (status) {
        case Status::pending:
            return "pending";
        case Status::running:
            return "running";
        case Status::succeeded:
            return "succeeded";
        case Status::failed:
            return "failed";
        case Status::skipped:
            return "skipped";
        case Status::cancelled:
            return "cancelled";
    }
    return "unknown";
}

std::string what_throws(const std::function<void()>& call) {
    try {
        call();
    } catch (const Failure& failure) {
        return "failure " + std::to_string(failure.number);
    } catch (const Cancelled&) {
        return "cancelled";
    } catch (const std::invalid_argument&) {
        return "invalid argument";
    } catch (const std::out_of_range&) {
        return "out of range";
    } catch (const std::logic_error&) {
        return "logic error";
    } catch (int number) {
        return "number " + std::to_string(number);
    } catch (...) {
        return "something else";
    }
    return "returned";
}

// A graph with what its tasks need. Quiet tasks share nothing but their cells, which nothing here protects.
struct Stage {
    TaskGraph graph;
    std::mutex mutex;
    std::condition_variable changed;
    std::string events;
    std::size_t arrivals[3] = {};
    std::vector<std::vector<std::size_t>> before;
    std::vector<long> cells;
    std::vector<int> calls;

    void note(const std::string& event) {
        const std::lock_guard<std::mutex> lock(mutex);
        events += event + " ";
    }

    // Waits until so many tasks have come to a place.
    void meet(std::size_t place, std::size_t count, std::size_t task) {
        std::unique_lock<std::mutex> lock(mutex);
        ++arrivals[place];
        changed.notify_all();
        const bool is_met = changed.wait_for(lock, patience, [&] { return arrivals[place] >= count; });
        events += std::to_string(task) + (is_met ? ":met " : ":alone ");
    }

    void await(const Context& context, std::size_t task) {
        const auto end = std::chrono::steady_clock::now() + patience;
        while (!context.is_cancelled() && std::chrono::steady_clock::now() < end) {
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
        note(std::to_string(task) + (context.is_cancelled() ? ":told" : ":not_told"));
    }

    void act(const Context& context, std::size_t task, const Words& words) {
        const std::string& what = words[0];
        const std::string own = std::to_string(task);
        if (what == "throw") {
            throw Failure{static_cast<int>(number_at(words, 1))};
        } else if (what == "throw_number") {
            throw static_cast<int>(number_at(words, 1));
        } else if (what == "meet") {
            meet(number_at(words, 1), number_at(words, 2), task);
        } else if (what == "cancel") {
            note(own + (context.is_cancelled() ? ":before" : ":not_before"));
            graph.cancel();
            note(own + (context.is_cancelled() ? ":cancelled" : ":not_cancelled"));
        } else if (what == "await") {
            await(context, task);
        } else if (what == "look") {
            note(own + ":" + statuses());
        } else if (what == "meddle") {
            const auto try_to = [&](const std::function<void()>& call) {
                const std::string said = what_throws(call);
                note(own + (said == "logic error" ? ":logic_error" : ":other"));
            };
            try_to([&] { graph.add([](const Context&) {}); });
            try_to([&] { graph.add_edge(0, 1); });
            try_to([&] { graph.run(1); });
            try_to([&] { graph.run(0); });
            note(own + ":" + std::to_string(graph.size()));
        } else if (what == "compute") {
            // By this thread's own processor time: how loaded the machine is plays no part.
            const auto used = [] {
                timespec time{};
                clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
                return time.tv_sec * 1000 + time.tv_nsec / 1000000;
            };
            for (const auto start = used(); used() - start < static_cast<long>(number_at(words, 1));) {
            }
        } else if (what == "sleep") {
            std::this_thread::sleep_for(std::chrono::milliseconds(number_at(words, 1)));
        }
    }

    // The actions are separated by slashes, their words by colons.
    void add(const std::string& actions) {
        std::vector<Words> parts(1, Words(1));
        for (const char character : actions) {
            if (character == '/') {
                parts.emplace_back(1);
            } else if (character == ':') {
                parts.back().emplace_back();
            } else {
                parts.back().back() += character;
            }
        }
        const std::size_t task = before.size();
        before.emplace_back();
        graph.add([this, task, parts](const Context& context) {
            note("+" + std::to_string(task));
            struct Ending {
                Stage& stage;
                std::size_t task;
                ~Ending() { stage.note("-" + std::to_string(task)); }
            } ending{*this, task};
            for (const Words& words : parts) {
                act(context, task, words);
            }
        });
    }

    void add_quiet(int failing) {
        const std::size_t task = before.size();
        before.emplace_back();
        graph.add([this, task, failing](const Context&) {
            ++calls[task];
            long sum = 1;
            for (const std::size_t other : before[task]) {
                sum += cells[other];
            }
            cells[task] = sum % 1000003;
            if (failing > 0) {
                throw Failure{failing};
            }
        });
    }

    std::string statuses() const {
        std::string text;
        for (std::size_t task = 0; task < before.size(); ++task) {
            text += (task > 0 ? "," : "") + std::string(name_of(graph.status(task)));
        }
        return text;
    }

    std::string errors() const {
        std::string text;
        for (std::size_t task = 0; task < before.size(); ++task) {
            const std::exception_ptr error = graph.error(task);
            text += error ? what_throws([&] { std::rethrow_exception(error); }) + "; " : "none; ";
        }
        return text;
    }

    std::string sums() const {
        long sum = 0;
        int most = 0;
        int all = 0;
        for (std::size_t task = 0; task < before.size(); ++task) {
            sum = (sum * 31 + cells[task]) % 1000003;
            most = calls[task] > most ? calls[task] : most;
            all += calls[task];
        }
        return std::to_string(sum) + " " + std::to_string(all) + " " + std::to_string(most);
    }

    // So many of each status.
    std::string counts() const {
        std::size_t found[6] = {};
        for (std::size_t task = 0; task < before.size(); ++task) {
            ++found[static_cast<std::size_t>(graph.status(task))];
        }
        std::string text;
        for (std::size_t status = 0; status < 6; ++status) {
            if (found[status] > 0) {
                text += name_of(static_cast<Status>(status)) + (" " + std::to_string(found[status])) + " ";
            }
        }
        return text;
    }

    // Runs while another thread asks all it may ask, and cancels when so many tasks have met at place 0.
    std::string run_watched(std::size_t workers, std::size_t count) {
        std::atomic<bool> is_over(false);
        std::thread watcher([&] {
            bool is_cancelling = count > 0;
            const std::size_t size = graph.size();
            for (int round = 1; !is_over.load(std::memory_order_relaxed); ++round) {
                // For many rounds one kind of question only: the lock that another one may take would hide a race.
                for (std::size_t task = 0; task < size; ++task) {
                    if (round % 16 == 0) {
                        (void)graph.error(task);
                    } else {
                        (void)graph.status(task);
                    }
                }
                if (is_cancelling) {
                    std::unique_lock<std::mutex> lock(mutex);
                    if (arrivals[0] >= count) {
                        lock.unlock();
                        graph.cancel();
                        is_cancelling = false;
                    }
                }
                std::this_thread::sleep_for(std::chrono::milliseconds(1));
            }
        });
        const std::string text = what_throws([&] { graph.run(workers); });
        is_over.store(true, std::memory_order_relaxed);
        watcher.join();
        return text;
    }
};

std::unique_ptr<Stage> stage;

std::string run(const Words& words) {
    const std::string& what = words[0];
    if (what == "new") {
        stage = std::make_unique<Stage>();
        return "new";
    }
    TaskGraph& graph = stage->graph;
    if (what == "task") {
        stage->add(words[1]);
        return std::to_string(graph.size());
    }
    if (what == "quiet") {
        for (std::size_t left = number_at(words, 1); left > 0; --left) {
            stage->add_quiet(static_cast<int>(number_at(words, 2)));
        }
        return std::to_string(graph.size());
    }
    if (what == "edge") {
        const std::size_t first = number_at(words, 1);
        const std::size_t second = number_at(words, 2);
        const std::string said = what_throws([&] { graph.add_edge(first, second); });
        if (said == "returned") {
            stage->before[second].push_back(first);
        }
        return said;
    }
    // Every task from the first to the last depends on the one so many before it.
    if (what == "edges") {
        for (std::size_t task = number_at(words, 1); task <= number_at(words, 2); ++task) {
            graph.add_edge(task - number_at(words, 3), task);
            stage->before[task].push_back(task - number_at(words, 3));
        }
        return "added";
    }
    if (what == "run" || what == "run_watched") {
        stage->events.clear();
        for (std::size_t& count : stage->arrivals) {
            count = 0;
        }
        stage->cells.assign(stage->before.size(), 0);
        stage->calls.assign(stage->before.size(), 0);
        if (what == "run_watched") {
            return stage->run_watched(number_at(words, 1), number_at(words, 2));
        }
        return what_throws([&] { graph.run(number_at(words, 1)); });
    }
    if (what == "processor") {
        const std::clock_t start = std::clock();
        graph.run(number_at(words, 1));
        return std::to_string((std::clock() - start) * 1000 / CLOCKS_PER_SEC);
    }
    if (what == "cancel") {
        graph.cancel();
        return "cancelled";
    }
    if (what == "status" || what == "error") {
        const std::size_t task = number_at(words, 1);
        return what_throws([&] { what == "status" ? (void)graph.status(task) : (void)graph.error(task); });
    }
    if (what == "events") {
        return stage->events;
    }
    if (what == "sorted") {
        std::vector<std::string> events(1);
        for (const char character : stage->events) {
            if (character == ' ') {
                for (std::size_t at = events.size() - 1; at > 0 && events[at] < events[at - 1]; --at) {
                    events[at].swap(events[at - 1]);
                }
                events.emplace_back();
            } else {
                events.back() += character;
            }
        }
        std::string event;
        for (const std::string& each : events) {
            event += each.empty() ? "" : each + " ";
        }
        return event;
    }
    if (what == "statuses") {
        return stage->statuses();
    }
    if (what == "counts") {
        return stage->counts();
    }
    if (what == "errors") {
        return stage->errors();
    }
    return stage->sums();
}

bool read_line(std::string& line) {
    line.clear();
    for (int character; (character = std::getchar()) != EOF;) {
        if (character == '\n') {
            return true;
        }
        line += static_cast<char>(character);
    }
    return false;
}

}  // namespace

int main() {
    std::FILE* pipe_to_judge = fdopen(std::atoi(std::getenv("ANSWER_PIPE")), "w");
    std::string nonce;
    std::string line;
    read_line(nonce);
    while (read_line(line)) {
        std::string said = line;
        if (line == "script") {
            std::fflush(pipe_to_judge);
        } else {
            Words words(1);
            for (const char character : line) {
                if (character == ' ') {
                    words.emplace_back();
                } else {
                    words.back() += character;
                }
            }
            try {
                said = run(words);
            } catch (...) {
                said = "an unexpected exception";
            }
        }
        std::fprintf(pipe_to_judge, "%s\n", said.c_str());
    }
    stage.reset();
    std::fprintf(pipe_to_judge, "end %s\n", nonce.c_str());
    std::fclose(pipe_to_judge);
    return 0;
}
