"""Checks on a few hand-made events each, by name. What the query has to find is computed by sessions.py.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

from sessions import Filling
from zones import HOUR, at, show_time

BERLIN, NEW_YORK, SAO_PAULO = "Europe/Berlin", "America/New_York", "America/Sao_Paulo"


def seen(zone_offset: int, *utc_times: str, delay: int = 5) -> list[tuple[str, str]]:
    """Events at these UTC times on a clock with this offset, each received so many seconds after."""
    moments = [at(text) for text in utc_times]
    return [(show_time(moment + zone_offset), show_time(moment + delay)) for moment in moments]


example = Filling(
    rules=[(BERLIN, 946684800, 3600), (BERLIN, 1679792400, 7200), (BERLIN, 1698541200, 3600)],
    visitors=[(1, BERLIN), (2, BERLIN)],
    events=[
        (1, 1, "2023-03-26 01:55:00", 1679792101),
        (2, 1, "2023-03-26 03:05:00", 1679792701),
        (3, 1, "2023-03-26 02:30:00", 1679792790),
        (4, 2, "2023-10-29 02:30:00", 1698539405),
        (5, 2, "2023-10-29 02:30:00", 1698543001),
        (6, 2, "2023-10-29 02:30:00", 1698549999),
        (7, 2, "2023-10-29 02:05:00", 1698552000),
        (8, 2, "2023-10-29 02:20:00", 1698998400),
    ],
)

# 12:00, 12:20 and 12:40 UTC; the middle one comes in last and has the smallest id.
bridge = Filling(gap=1500).add_visitor(
    1, BERLIN, ("2023-01-10 13:20:00", "2023-01-10 20:00:00"), ("2023-01-10 13:40:00", "2023-01-10 12:40:02"),
    ("2023-01-10 13:00:00", "2023-01-10 12:00:03"),
)  # fmt: skip

gap_events = seen(HOUR, "2023-01-10 12:00:00", "2023-01-10 12:30:00", "2023-01-10 13:00:01", "2023-01-10 13:01:02")

late_events = [
    ("2023-01-10 13:00:00", "2023-01-11 12:00:00"),
    ("2023-01-10 13:05:00", "2023-01-11 12:05:01"),
    ("2023-01-10 13:10:00", "2023-01-10 12:10:01"),
    ("2023-01-10 15:00:00", "2023-01-20 14:00:00"),
]

back_unordered = [
    ("2023-10-29 02:30:00", "2023-10-29 00:30:00"),
    ("2023-10-29 02:40:00", "2023-10-29 01:39:59"),
    ("2023-10-29 02:50:00", "2023-10-29 01:50:00"),
    ("2023-10-29 02:55:00", "2023-10-29 14:00:00"),
]

STORIES: list[tuple[str, list[Filling]]] = [
    ("the_example_has_its_result", [example]),
    ("without_events_there_are_no_rows", [Filling(), Filling().add_visitor(1, BERLIN)]),
    ("a_lone_event_is_a_session_of_no_length", [
        Filling().add_visitor(7, BERLIN, ("2023-01-10 12:00:00", "2023-01-10 11:00:01"))]),
    ("a_distance_equal_to_the_gap_stays_in_the_session", [Filling().add_visitor(1, BERLIN, *gap_events)]),
    ("gap_and_lateness_come_from_the_table", [
        Filling(gap=60).add_visitor(1, BERLIN, *gap_events), Filling(gap=61).add_visitor(1, BERLIN, *gap_events),
        Filling(lateness=600).add_visitor(1, BERLIN, *late_events), Filling(lateness=0).add_visitor(
            1, BERLIN, ("2023-01-10 13:00:00", "2023-01-10 12:00:00"),
            ("2023-01-10 13:01:00", "2023-01-10 12:01:01"))]),
    ("a_late_event_joins_what_lies_around_it", [bridge]),
    ("an_event_received_too_late_is_left_out", [Filling().add_visitor(1, BERLIN, *late_events)]),
    ("an_event_received_before_it_happened_stays", [Filling(lateness=0).add_visitor(
        1, BERLIN, ("2023-01-10 13:00:00", "2023-01-10 11:59:00"), ("2023-01-10 13:02:00", "2023-01-08 00:00:00"))]),
    ("equal_instants_count_once", [Filling().add_visitor(
        1, BERLIN, *seen(HOUR, "2023-01-10 12:00:00", "2023-01-10 12:00:00", "2023-01-10 12:05:00"),
        ("2023-01-10 13:00:00", "2023-01-10 12:00:00"))]),
    ("a_repeated_delivery_was_received_with_its_first", [Filling().add_visitor(
        1, BERLIN, ("2023-01-10 13:00:00", "2023-01-10 19:00:00"), ("2023-01-10 13:00:00", "2023-01-10 12:00:09"),
        ("2023-01-10 13:01:00", "2023-01-10 12:01:30"), ("2023-01-10 13:01:00", "2023-01-12 12:01:00"))]),
    ("visitors_have_nothing_to_do_with_one_another", [
        Filling()
        .add_visitor(30, BERLIN, *seen(HOUR, "2023-01-10 12:00:00", "2023-01-10 12:10:00", "2023-01-10 15:00:00"))
        .add_visitor(4, BERLIN, *seen(HOUR, "2023-01-10 11:55:00", "2023-01-10 12:00:00", "2023-01-10 14:00:00"))
        .add_visitor(5, NEW_YORK, *seen(-5 * HOUR, "2023-01-10 12:05:00", "2023-01-10 16:00:00"))]),
    ("summer_and_winter_have_their_offsets", [
        Filling()
        .add_visitor(1, BERLIN, *seen(HOUR, "2023-01-10 12:00:00"), *seen(2 * HOUR, "2023-07-10 12:00:00"))
        .add_visitor(2, NEW_YORK, *seen(-5 * HOUR, "2023-01-10 12:00:00"), *seen(-4 * HOUR, "2023-07-10 12:00:00"))
        .add_visitor(3, "Asia/Kathmandu", *seen(20_700, "2023-07-10 12:00:00"))]),
    ("times_close_to_a_change_have_the_right_offset", [
        Filling()
        .add_visitor(1, BERLIN, *seen(HOUR, "2023-03-26 00:30:00", "2023-03-26 00:59:59"),
            *seen(2 * HOUR, "2023-03-26 01:00:00", "2023-03-26 01:29:59", "2023-03-26 02:00:01", "2023-03-26 03:00:00"))
        .add_visitor(2, NEW_YORK, *seen(-5 * HOUR, "2023-03-12 01:00:00", "2023-03-12 06:59:59"),
            *seen(-4 * HOUR, "2023-03-12 07:00:00", "2023-03-12 11:00:00"))
        .add_visitor(3, NEW_YORK, *seen(-4 * HOUR, "2023-11-05 03:30:00", "2023-11-05 04:59:59"),
            *seen(-5 * HOUR, "2023-11-05 07:00:00", "2023-11-05 09:30:00"))]),
    ("a_skipped_time_happens_at_the_change", [
        Filling()
        .add_visitor(1, BERLIN, ("2023-03-26 02:30:00", "2023-03-26 01:30:00"),
            ("2023-03-26 01:40:00", "2023-03-26 00:41:00"))
        .add_visitor(2, BERLIN, ("2023-03-26 02:00:00", "2023-03-26 01:00:02"))
        .add_visitor(3, BERLIN, ("2023-03-26 02:59:59", "2023-03-26 01:00:02"),
            ("2023-03-26 03:00:00", "2023-03-26 01:00:01"))
        .add_visitor(4, BERLIN, ("2023-03-26 03:20:00", "2023-03-26 01:20:00"),
            ("2023-03-26 02:01:00", "2023-03-26 01:09:00"))]),
    ("skipped_times_of_one_change_are_one_event", [Filling().add_visitor(
        1, BERLIN, ("2023-03-26 02:10:00", "2023-03-26 01:30:00"), ("2023-03-26 02:50:00", "2023-03-26 01:20:00"),
        ("2023-03-26 02:20:00", "2023-03-26 01:40:00"))]),
    ("a_repeated_time_is_the_latest_before_its_receipt", [
        Filling().add_visitor(1, BERLIN, *back_unordered),
        Filling().add_visitor(1, BERLIN, ("2023-10-29 02:00:00", "2023-10-29 00:59:59"),
        ("2023-10-29 02:59:59", "2023-10-29 01:59:58"))
        .add_visitor(2, BERLIN, ("2023-10-29 02:00:00", "2023-10-29 01:00:00"),
            ("2023-10-29 02:59:59", "2023-10-29 01:59:59"))
        .add_visitor(3, BERLIN, ("2023-10-29 01:59:59", "2023-10-29 09:00:00"),
            ("2023-10-29 03:00:00", "2023-10-29 09:00:00"))]),
    ("a_repeated_time_received_before_both_is_the_first", [Filling().add_visitor(
        1, BERLIN, ("2023-10-29 02:30:00", "2023-10-29 00:29:59"), ("2023-10-29 02:10:00", "2023-10-28 12:00:00"))]),
    ("one_local_time_in_both_hours_is_two_events", [Filling(gap=HOUR).add_visitor(
        1, BERLIN, ("2023-10-29 02:30:00", "2023-10-29 00:31:00"), ("2023-10-29 02:30:00", "2023-10-29 01:31:00"))]),
    ("lateness_is_reckoned_from_the_instant", [Filling(lateness=1200).add_visitor(
        1, BERLIN, ("2023-10-29 02:30:00", "2023-10-29 00:50:00"), ("2023-10-29 02:10:00", "2023-10-29 01:30:00"),
        ("2023-10-29 02:12:00", "2023-10-29 00:32:01"), ("2023-03-26 02:45:00", "2023-03-26 01:20:01"),
        ("2023-03-26 02:40:00", "2023-03-26 01:19:00"))]),
    ("distances_are_real_time_when_clocks_change", [
        Filling()
        .add_visitor(1, BERLIN, *seen(HOUR, "2023-03-26 00:58:00"), *seen(2 * HOUR, "2023-03-26 01:20:00"))
        .add_visitor(2, BERLIN, *seen(2 * HOUR, "2023-10-29 00:50:00"), *seen(HOUR, "2023-10-29 01:10:00"))
        .add_visitor(3, BERLIN, *seen(2 * HOUR, "2023-10-29 00:20:00"), *seen(HOUR, "2023-10-29 01:25:00"))]),
    ("sessions_end_at_local_midnight", [
        Filling()
        .add_visitor(1, BERLIN, *seen(2 * HOUR, "2023-07-10 21:50:00", "2023-07-10 21:59:59", "2023-07-10 22:00:00"))
        .add_visitor(2, NEW_YORK, *seen(-4 * HOUR, "2023-07-10 23:55:00", "2023-07-11 00:05:00", "2023-07-11 04:10:00"))
        .add_visitor(3, NEW_YORK, *seen(-4 * HOUR, "2023-07-11 03:59:00", "2023-07-11 04:01:00"))]),
    ("midnight_itself_may_be_skipped", [
        Filling(gap=2 * HOUR)
        .add_visitor(1, SAO_PAULO, *seen(-3 * HOUR, "2023-10-15 02:50:00"), *seen(-2 * HOUR, "2023-10-15 03:10:00"))
        .add_visitor(2, SAO_PAULO, ("2023-10-15 00:30:00", "2023-10-15 03:01:00"),
            ("2023-10-14 23:45:00", "2023-10-15 02:46:00"))]),
    ("a_whole_day_may_be_skipped", [Filling().add_visitor(
        1, "Pacific/Apia", ("2011-12-29 23:50:00", "2011-12-30 09:50:10"),
        ("2011-12-30 12:00:00", "2011-12-30 10:00:05"),
        ("2011-12-31 00:05:00", "2011-12-30 10:05:00"), ("2011-12-30 00:00:00", "2011-12-30 10:00:03"))]),
    ("the_hour_before_midnight_may_be_repeated", [Filling().add_visitor(
        1, SAO_PAULO, *seen(-2 * HOUR, "2023-02-19 01:40:00", "2023-02-19 01:59:00"),
        *seen(-3 * HOUR, "2023-02-19 02:20:00", "2023-02-19 02:40:00", "2023-02-19 02:59:59", "2023-02-19 03:00:00"))]),
    ("a_date_may_come_back", [Filling().add_visitor(
        1, "Test/Over_Midnight", *seen(0, "2021-06-09 23:50:00", "2021-06-10 00:10:00", "2021-06-10 00:29:59"),
        *seen(-HOUR, "2021-06-10 00:30:00", "2021-06-10 00:50:00", "2021-06-10 01:10:00"))]),
    ("clocks_may_change_by_other_amounts_than_an_hour", [
        Filling()
        .add_visitor(1, "Australia/Lord_Howe", *seen(37_800, "2023-09-30 15:29:00"),
            *seen(39_600, "2023-09-30 15:31:00"),
            ("2023-10-01 02:15:00", "2023-09-30 15:32:00"))
        .add_visitor(2, "Australia/Lord_Howe", *seen(39_600, "2023-04-01 14:45:00"),
            *seen(37_800, "2023-04-01 15:15:00"))
        .add_visitor(3, "Antarctica/Troll", *seen(0, "2023-03-26 00:59:00"),
            ("2023-03-26 02:59:59", "2023-03-26 01:04:00"),
            *seen(2 * HOUR, "2023-10-29 00:10:00"), *seen(0, "2023-10-29 01:20:00", "2023-10-29 02:10:00"))]),
    ("rules_that_change_nothing_change_nothing", [Filling(gap=4 * HOUR).add_visitor(
        1, "Test/Same", *seen(1172, "2021-06-10 11:59:59", "2021-06-10 12:00:00", "2021-06-10 12:30:00",
        "2021-06-10 13:00:00"),
        *seen(4772, "2021-06-10 14:00:00"), ("2021-06-10 14:40:00", "2021-06-10 14:00:30"))]),
    ("what_cannot_be_placed_is_left_out", [
        Filling(lateness=10**9)
        .add_visitor(1, "Test/Over_Midnight", ("2019-12-31 23:59:59", "2020-01-01 00:00:00"),
            ("2020-01-01 00:00:00", "2020-01-01 00:00:00"))
        .add_visitor(2, "Mars/Olympus", ("2023-01-10 12:00:00", "2023-01-10 12:00:00"))
        .add_visitor(3, "europe/berlin", ("2023-01-10 12:00:00", "2023-01-10 12:00:00"))
        .add_event(99, "2023-01-10 12:00:00", at("2023-01-10 12:00:00"))]),
    ("idle_time_is_counted_from_the_session_before", [Filling().add_visitor(
        1, BERLIN, *seen(HOUR, "2023-01-10 12:00:00", "2023-01-10 12:20:00", "2023-01-10 13:00:00",
        "2023-01-10 22:50:00",
        "2023-01-10 23:10:00"))]),
]  # fmt: skip
