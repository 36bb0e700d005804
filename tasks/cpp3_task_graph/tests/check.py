"""The checks of cpp3_task_graph.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from checking import CheckFailed, new_nonce, run_checks
from graph_script import Graph, random_graph, require_right_events, smallest_ready_first
from program import Program
from scripts import Scripts

# Unoptimised, without what the other sanitizer finds as well: most of a grade is the compiler's time.
ADDRESSES = (
    "-pthread", "-fsanitize=address,undefined", "-fno-sanitize=vptr,null,alignment", "-fno-sanitize-recover=all", "-O0",
)  # fmt: skip
RACES = ("-pthread", "-fsanitize=thread", "-O0")
# All scripts together; a right executor needs a tenth of it.
SCRIPTS_SECONDS = 25.0
COST_SECONDS = 8.0
# One of four workers computes for 150 ms of processor time. Waiting, the others use up next to nothing; polling, they
# get no less than that worker, all three together, even if all share one processor.
COMPUTED_MILLISECONDS = 150
IDLE_MILLISECONDS_MAX = 60


def make_graphs() -> dict[str, list[Graph]]:
    def after(*before: int) -> Graph:
        """Task 9 depends on these, others on nothing."""
        return Graph().tasks(*["ok"] * 10).edge(*((task, 9) for task in before))

    diamond = Graph().tasks("throw:7", "ok", "ok", "ok", "ok", "ok").edge((0, 2), (2, 3), (1, 3), (1, 4), (3, 5))
    twice = Graph().tasks("ok", "ok", "throw:4").edge((0, 1), (0, 1), (0, 1), (1, 2), (1, 2))
    circle = Graph().tasks(*["ok"] * 5).edge((1, 2), (2, 3), (3, 1), (3, 4))
    one_worker = [random_graph(seed, 30, is_quiet=False) for seed in range(6)]
    return {
        "an_empty_graph_runs": [Graph().run(1).run(8).ask("statuses", "").quiet(1).statuses("p").run(1).statuses("s")],
        "one_worker_takes_the_smallest_ready_id": [
            Graph().tasks(*["ok"] * 6).edge((4, 0), (3, 1)).run(1).events("+2 -2 +3 -3 +1 -1 +4 -4 +0 -0 +5 -5"),
            *(graph.run(1).events(smallest_ready_first(graph)) for graph in one_worker)],
        "ready_tasks_run_at_the_same_time": [
            Graph().tasks("meet:1:3", "meet:1:3", "meet:1:3").run(3)
            .sorted_events("+0 +1 +2 -0 -1 -2 0:met 1:met 2:met"),
            Graph().tasks("ok", *["meet:1:4"] * 4, "ok").edge((0, 1), (0, 2), (0, 3), (0, 4), (4, 5)).run(8)
            .sorted_events("+0 -0 +1 -1 +2 -2 +3 -3 +4 -4 +5 -5 1:met 2:met 3:met 4:met")],
        "a_ready_task_does_not_wait_for_unrelated_ones": [
            Graph().tasks("meet:1:2", "ok", "ok", "meet:1:2").edge((1, 2), (2, 3)).run(2)
            .sorted_events("+0 +1 +2 +3 -0 -1 -2 -3 0:met 3:met"),
            Graph().tasks("meet:1:2", "throw:1", "ok", "meet:1:2", "ok").edge((1, 2)).run(2,
            "failure 1").statuses("sfkss")],
        "statuses_show_what_goes_on": [
            Graph().tasks("ok", "look", "ok", "look").edge((0, 1), (1, 2), (2, 3)).statuses("pppp").run(2).events(
                "+0 -0 +1 1:succeeded,running,pending,pending -1 +2 -2 +3 3:succeeded,succeeded,succeeded,running -3")
            .statuses("ssss")],
        "a_failure_skips_all_that_depends_on_it": [
            diamond.run(1, "failure 7").statuses("fskksk").events("+0 -0 +1 -1 +4 -4"), twice.run(2,
            "failure 4").statuses("ssf"),
            Graph().tasks("ok", "throw:1", *["ok"] * 4).edge((5, 4), (4, 3), (3, 2), (1, 4), (0, 5)).run(3, "failure 1")
            .statuses("sfkkks")],
        "a_failure_leaves_the_rest_running": [
            Graph().tasks("throw:1", *["ok"] * 5).edge((1, 2), (2, 3)).run(1, "failure 1").statuses("fsssss"),
            Graph().tasks("ok", "throw:3", "ok", "throw:2", "ok").edge((0, 2), (2, 4)).run(2,
            "failure 3").statuses("sfsfs")],
        "the_smallest_failed_id_is_thrown": [
            Graph().tasks("meet:1:2/sleep:60/throw:10", "meet:1:2/throw:11", "throw:12").run(3,
            "failure 10").statuses("fff"),
            Graph().tasks("throw:1", "ok", "throw:3").edge((2, 1), (1, 0)).run(1, "failure 3").statuses("kkf"),
            Graph().tasks("ok", "throw_number:5", "throw:6").run(1, "number 5")],
        "errors_are_kept_by_task": [
            Graph().tasks("ok", "throw:3", "ok", "throw_number:9").edge((1, 2)).ask("errors",
            "none; none; none; none; ")
            .run(2, "failure 3").ask("errors", "none; failure 3; none; number 9; ").ask("cancel", "cancelled")
            .run(1, "cancelled").ask("errors", "none; none; none; none; ")],
        "cancelling_starts_nothing_more": [
            Graph().tasks("ok", "cancel", "ok", "ok").edge((0, 3)).run(1, "cancelled").statuses("sscc")
            .events("+0 -0 +1 1:not_before 1:cancelled -1")],
        "pending_tasks_are_cancelled_at_once": [
            Graph().tasks("cancel/look", "ok", "ok").edge((0, 1)).run(1, "cancelled").sorted_events(
                "+0 -0 0:not_before 0:cancelled 0:running,cancelled,cancelled"),
            Graph().tasks("throw:1", "ok", "cancel/look", "ok", "ok").edge((0, 1), (0, 3), (2, 4)).run(1, "failure 1")
            .statuses("fkskc")],
        "running_tasks_are_told_of_a_cancellation": [
            Graph().tasks("meet:1:2/await", "meet:1:2/cancel", "ok").edge((0, 2)).run(2, "cancelled").statuses("ssc")
            .sorted_events("+0 +1 -0 -1 0:met 1:met 1:not_before 1:cancelled 0:told")],
        "a_cancelled_run_still_reports_failures": [
            Graph().tasks("cancel/throw:8", "ok").run(1, "failure 8").statuses("fc"),
            Graph().tasks("meet:1:2/await/throw:2", "meet:1:2/cancel", "ok").edge((0, 2)).run(2,
            "failure 2").statuses("fsc")],
        "cancelling_before_a_run_cancels_that_one": [
            Graph().tasks("ok", "ok").ask("cancel", "cancelled").ask("cancel", "cancelled").statuses("pp").run(2,
            "cancelled")
            .statuses("cc").ask("events", "").run(2).statuses("ss"),
            Graph().tasks("ok").ask("cancel", "cancelled").run(0, "invalid argument").statuses("p").run(1,
            "cancelled").run(1),
            Graph().ask("cancel", "cancelled").run(1).quiet(1).run(1)],
        "cancelling_too_late_changes_nothing": [
            Graph().tasks("ok", "cancel").edge((0, 1)).run(1).statuses("ss").run(1).statuses("ss")
            .events("+0 -0 +1 1:not_before 1:cancelled -1")],
        "a_circle_is_refused": [
            circle.run(2, "invalid argument").statuses("ppppp").ask("events", ""),
            Graph().tasks("ok", "ok").edge((1, 1)).run(1, "invalid argument").statuses("pp"),
            Graph().tasks("ok", "ok").run(1).edge((0, 1), (1, 0)).run(1, "invalid argument").statuses("ss")],
        "unknown_ids_and_no_workers_are_refused": [
            after(1).ask("edge 10 1", "out of range").ask("edge 1 10", "out of range").ask("edge 10 10", "out of range")
            .ask("status 10", "out of range").ask("error 10", "out of range").ask("status 9", "returned").run(0,
            "invalid argument")
            .run(1).run(0, "invalid argument").statuses("s" * 10)],
        "a_graph_runs_again": [
            Graph().tasks("ok", "throw:1", "ok", "ok").edge((1, 2)).run(1, "failure 1").statuses("sfks")
            .run(2, "failure 1").statuses("sfks").tasks("ok").statuses("sfksp").edge((2, 4)).run(1,
            "failure 1").statuses("sfksk")
            .events("+0 -0 +1 -1 +3 -3"),
            Graph().quiet(6).edges(1, 5, 1).run(3).sums().run(2).sums().quiet(2).edges(7, 7, 3).run(4).sums()],
        "a_running_graph_may_not_be_changed": [
            Graph().tasks("meddle", "ok").run(2).statuses("ss").sorted_events(
                "+0 -0 +1 -1 0:logic_error 0:logic_error 0:logic_error 0:logic_error 0:2").run(1)],
        "tasks_see_what_those_before_them_wrote": [
            *(random_graph(seed, 120, is_quiet=True).run(workers).sums() for seed, workers in enumerate((1, 2, 3, 8))),
            Graph().quiet(3000).edges(50, 2999, 50).edges(7, 2999, 7).run(4).sums()],
        "long_chains_are_run_and_skipped": [
            Graph().quiet(100_000).edges(1, 99_999, 1).run(2).ask("counts", "succeeded 100000 ").ask("cancel",
            "cancelled")
            .run(2, "cancelled").ask("counts", "cancelled 100000 ").ask("edge 99999 0", "returned")
            .run(2, "invalid argument"),
            Graph().quiet(1, 5).quiet(99_999).edges(1, 99_999, 1).run(2, "failure 5")
            .ask("counts", "failed 1 skipped 99999 ")],
    }  # fmt: skip


def make_races() -> dict[str, list[Graph]]:
    """Under the thread sanitizer."""
    random_graphs = [random_graph(10 + seed, 80, is_quiet=True) for seed in range(4)]
    return {
        "what_tasks_wrote_is_published_without_races": [
            *(graph.run(4).sums().run(3).sums() for graph in random_graphs),
            Graph().quiet(1, 3).quiet(40).edges(1, 40, 1).run(4, "failure 3").sums(frozenset(range(1, 41))).statuses(
                "f" + "k" * 40)],
        "watching_a_run_races_with_nothing": [
            random_graph(20, 60, is_quiet=True).ask("run_watched 3 0", "returned").sums(),
            Graph().tasks("throw:4", *["sleep:3"] * 24, "ok").edge((0, 25)).ask("run_watched 3 0", "failure 4")],
        "cancelling_from_another_thread_races_with_nothing": [
            Graph().tasks("meet:0:2/await", "meet:0:2/await", "ok", "ok").edge((0, 2), (1, 3))
            .ask("run_watched 2 2", "cancelled").statuses("sscc")
            .sorted_events("+0 +1 -0 -1 0:met 1:met 0:told 1:told")],
    }  # fmt: skip


def ask(program: Program, requests: list[str], seconds: float) -> list[str]:
    """The answers, or CheckFailed if there is not one for each request."""
    nonce = new_nonce()
    ended = program.run("".join(line + "\n" for line in [nonce, *requests]).encode(), seconds)
    lines = ended.answer.decode("utf-8", "replace").split("\n")[:-1]
    if ended.fault is not None or len(lines) != len(requests) + 1 or lines[-1] != f"end {nonce}":
        last = requests[min(len(lines), len(requests) - 1)]
        raise CheckFailed(f"at {last[:100]}: the program {ended.fault or 'answered otherwise'} {ended.errors[-600:]}")
    return lines[:-1]


def check_events(program: Program) -> None:
    runs = [(random_graph(30 + seed, 50, is_quiet=False), 1 + seed % 5) for seed in range(10)]
    requests: list[str] = []
    places = []
    for graph, workers in runs:
        requests += [*(request for request, _ in graph.steps), f"run {workers}", "events"]
        places.append(len(requests) - 1)
    answers = ask(program, requests, SCRIPTS_SECONDS)
    for (graph, workers), place in zip(runs, places, strict=True):
        if answers[place - 1] != "returned":
            raise CheckFailed(f"a run of {len(graph.before)} tasks that succeed: expected it to return,"
                              f" {answers[place - 1]}")
        require_right_events(graph, workers, answers[place])


def check_idle_workers(program: Program) -> None:
    requests = ["new", f"task compute:{COMPUTED_MILLISECONDS}", *["task ok"] * 3, "edge 0 1", "edge 0 2", "edge 0 3",
    "processor 4"]
    used = int(ask(program, requests, COST_SECONDS)[-1]) - COMPUTED_MILLISECONDS
    if used > IDLE_MILLISECONDS_MAX:
        raise CheckFailed(
            f"while a task computed for {COMPUTED_MILLISECONDS} ms, waiting workers used the processor for {used} ms"
        )


def make_checks() -> list[tuple[str, Callable[[], None]]]:
    addresses = Program("task_graph.hpp", "driver", ADDRESSES)
    races = Program("task_graph.hpp", "driver", RACES)

    def compile_all() -> None:
        addresses.compile()
        races.compile()

    graphs = {name: [graph.steps for graph in some] for name, some in make_graphs().items()}
    raced = {name: [graph.steps for graph in some] for name, some in make_races().items()}
    scripts = Scripts(lambda request: addresses.run(request, SCRIPTS_SECONDS), graphs)
    race_scripts = Scripts(lambda request: races.run(request, SCRIPTS_SECONDS), raced)
    many = Graph().quiet(20_000).run(4).ask("counts", "succeeded 20000 ").quiet(20_000).edges(20_100, 39_999,
    100).run(4)
    costs = Scripts(lambda request: addresses.run(request, COST_SECONDS), {"many": [many.steps]})
    return [
        ("the_header_compiles", compile_all),
        *((name, partial(scripts.check, name)) for name in graphs),
        ("tasks_run_once_behind_those_they_depend_on", lambda: check_events(addresses)),
        ("workers_without_work_sleep", lambda: check_idle_workers(addresses)),
        ("many_tasks_are_handled_in_time", lambda: costs.check("many")),
        *((name, partial(race_scripts.check, name)) for name in raced),
    ]


def main() -> int:
    return run_checks(make_checks())


if __name__ == "__main__":
    sys.exit(main())
