"""The checks of pt4_kv_layout. Values are only moved, so all of them are compared exactly.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parent / "candidate")]
from answers import Calls, Tensor, expect_error, expect_exact, expect_result, read_value, send_array  # noqa: E402
from checking import CheckFailed, Limits, run_checks  # noqa: E402
from layouts import Array, Cache, contiguous_layers, make_cache, paged, random_values  # noqa: E402

# All calls are tiny; nearly all of the time goes into importing PyTorch.
LIMITS = Limits(seconds=40, memory_bytes=3 * 1024**3)
CALLS = Calls(LIMITS)
SEEDS = iter(range(100, 1000))

Check = Callable[[], None]


def next_cache(lengths: list[int], layers: int = 2, heads: int = 3, width: int = 4) -> Cache:
    return make_cache(np.random.default_rng(next(SEEDS)), lengths, layers, heads, width)


def ask_paged(
    cache: Cache,
    padded_length: int,
    block_size: int,
    *,
    padding: float = 0.0,
    lengths: list[int] | None = None,
    **more: Any,
) -> int:
    layers = contiguous_layers(cache, padded_length, padding)
    return CALLS.add(
        {
            "function": "to_paged",
            "layers": [[send_array(key, **more), send_array(value, **more)] for key, value in layers],
            "tensors": {"lengths": send_array(cache.lengths if lengths is None else np.array(lengths, dtype=np.int64))},
            "block_size": block_size,
            "wants_arguments": True,
        }
    )


def ask_tensors(function: str, tensors: dict[str, Array], dtype: str | None = None, **more: Any) -> int:
    sent = {
        name: send_array(array, **({"as": dtype} if dtype and array.dtype == np.float32 else {}))
        for name, array in tensors.items()
    }
    return CALLS.add({"function": function, "tensors": sent, **more})


def expect_paged(what: str, number: int, cache: Cache, block_size: int, dtype: str = "float32") -> None:
    found = expect_result(what, CALLS.answer(number))
    if type(found) is not tuple or len(found) != 2:
        raise CheckFailed(f"{what}: expected a tuple of two tensors")
    pool, table = paged(cache, block_size)
    expect_exact(f"{what}: block_table", found[1], table, "int64")
    expect_exact(f"{what}: pool", found[0], pool, dtype)


def paged_check(
    lengths: list[int], padded_length: int, block_size: int, *, padding: float = 0.0, **sizes: int
) -> Check:
    cache = next_cache(lengths, **sizes)
    number = ask_paged(cache, padded_length, block_size, padding=padding)
    what = f"to_paged with lengths {lengths}, T {padded_length}, block_size {block_size}"
    return lambda: expect_paged(what, number, cache, block_size)


def paged_views_check() -> Check:
    cache = next_cache([4, 2, 5])
    orders = [[0, 2, 1, 3], [3, 1, 2, 0]]
    numbers = [ask_paged(cache, 6, 3, order=order) for order in orders]

    def check() -> None:
        for number in numbers:
            expect_paged("to_paged with non-contiguous views", number, cache, 3)

    return check


def paged_dtypes_check() -> Check:
    cache = next_cache([3, 5])
    dtypes = ["float16", "bfloat16", "float64"]
    numbers = [ask_paged(cache, 5, 2, **{"as": dtype}) for dtype in dtypes]

    def check() -> None:
        for dtype, number in zip(dtypes, numbers, strict=True):
            expect_paged(f"to_paged of {dtype}", number, cache, 2, dtype)

    return check


def paged_arguments_check() -> Check:
    cache = next_cache([1, 4])
    number = ask_paged(cache, 4, 2, padding=9.0)

    def check() -> None:
        answer = CALLS.answer(number)
        expect_result("to_paged", answer)
        *layers, lengths = read_value(answer["after"])
        for found, wanted in zip(layers, contiguous_layers(cache, 4, 9.0), strict=True):
            for tensor, array in zip(found, wanted, strict=True):
                expect_exact("to_paged: an argument after the call", tensor, array, "float32")
        expect_exact("to_paged: lengths after the call", lengths, cache.lengths, "int64")

    return check


def paged_errors_check(cases: list[tuple[list[int], int]]) -> Check:
    cache = next_cache([2, 3])
    numbers = [ask_paged(cache, 3, block_size, lengths=lengths) for lengths, block_size in cases]

    def check() -> None:
        for (lengths, block_size), number in zip(cases, numbers, strict=True):
            what = f"to_paged with lengths {lengths}, T 3, block_size {block_size}"
            expect_error(what, CALLS.answer(number), "ValueError")

    return check


def contiguous_check(
    lengths: list[int],
    block_size: int,
    table: list[list[int]],
    blocks: int,
    *,
    free: float = 0.0,
    dtype: str = "float32",
) -> Check:
    cache = next_cache(lengths)
    number = ask_contiguous(cache, block_size, table, blocks, free, dtype)
    return lambda: expect_contiguous(f"to_contiguous with lengths {lengths}, table {table}", number, cache, dtype)


def ask_contiguous(
    cache: Cache, block_size: int, table: list[list[int]], blocks: int, free: float = 0.0, dtype: str = "float32"
) -> int:
    pool, array = paged(cache, block_size, np.array(table, dtype=np.int64).reshape(len(table), -1), blocks, free)
    tensors = {"pool": pool, "block_table": array, "lengths": cache.lengths}
    return ask_tensors("to_contiguous", tensors, dtype, wants_arguments=True)


def expect_contiguous(what: str, number: int, cache: Cache, dtype: str = "float32") -> None:
    found = expect_result(what, CALLS.answer(number))
    wanted = contiguous_layers(cache, int(cache.lengths.max()), 0.0)
    if type(found) is not list or len(found) != len(wanted):
        raise CheckFailed(f"{what}: expected a list of {len(wanted)} tuples")
    for layer, (pair, arrays) in enumerate(zip(found, wanted, strict=True)):
        if type(pair) is not tuple or len(pair) != 2:
            raise CheckFailed(f"{what}: expected a list of tuples of two tensors")
        for name, tensor, array in zip(("key", "value"), pair, arrays, strict=True):
            expect_exact(f"{what}: the {name} of layer {layer}", tensor, array, dtype)


def shared_block_check() -> Check:
    randomness = np.random.default_rng(next(SEEDS))
    first = make_cache(randomness, [5, 7, 4], 2, 3, 4).tokens
    prefix = first[1][:4]
    cache = Cache([np.concatenate([prefix, first[0][4:]]), first[1], prefix])
    number = ask_contiguous(cache, 2, [[3, 0, 2, -1], [3, 0, 4, 1], [3, 0, -1, -1]], 6)
    return lambda: expect_contiguous("to_contiguous of sequences that share blocks", number, cache)


def contiguous_errors_check(cases: list[tuple[list[int], list[list[int]]]]) -> Check:
    numbers = []
    for lengths, table in cases:
        arrays = {
            "pool": random_values(np.random.default_rng(next(SEEDS)), (4, 2, 2, 3, 2, 4)),
            "block_table": np.array(table, dtype=np.int64),
            "lengths": np.array(lengths, dtype=np.int64),
        }
        numbers.append(ask_tensors("to_contiguous", arrays))

    def check() -> None:
        for (lengths, table), number in zip(cases, numbers, strict=True):
            what = f"to_contiguous with lengths {lengths}, table {table} and 4 blocks of 2 slots"
            expect_error(what, CALLS.answer(number), "ValueError")

    return check


def contiguous_arguments_check() -> Check:
    cache = next_cache([3, 1])
    table = [[1, 0], [2, -5]]
    number = ask_contiguous(cache, 2, table, 3, free=7.0)

    def check() -> None:
        answer = CALLS.answer(number)
        expect_result("to_contiguous", answer)
        pool, array = paged(cache, 2, np.array(table, dtype=np.int64), 3, 7.0)
        wanted = {"pool": pool, "block_table": array, "lengths": cache.lengths}
        expect_arguments("to_contiguous", read_value(answer["after"]), wanted, tuple(wanted))

    return check


def append_arrays(lengths: list[int], table: list[list[int]], block_size: int, blocks: int) -> dict[str, Array]:
    randomness = np.random.default_rng(next(SEEDS))
    return {
        "pool": random_values(randomness, (blocks, 2, 2, 3, block_size, 4)),
        "block_table": np.array(table, dtype=np.int64).reshape(len(table), -1),
        "lengths": np.array(lengths, dtype=np.int64),
        "keys": random_values(randomness, (2, len(lengths), 3, 4)),
        "values": random_values(randomness, (2, len(lengths), 3, 4)),
    }


def appended(arrays: dict[str, Array]) -> dict[str, Array]:
    result = {name: array.copy() for name, array in arrays.items()}
    block_size = arrays["pool"].shape[4]
    for sequence, length in enumerate(arrays["lengths"]):
        block = arrays["block_table"][sequence, length // block_size]
        for place, name in enumerate(("keys", "values")):
            result["pool"][block, :, place, :, length % block_size] = arrays[name][:, sequence]
    result["lengths"] += 1
    return result


def expect_arguments(
    what: str, found: Any, wanted: dict[str, Array], names: tuple[str, ...], dtype: str = "float32"
) -> None:
    tensors: dict[str, Tensor] = dict(zip(wanted, found, strict=True))
    for name in names:
        expected = dtype if wanted[name].dtype == np.float32 else "int64"
        expect_exact(f"{what}: {name} after the call", tensors[name], wanted[name], expected)


def append_check(
    lengths: list[int], table: list[list[int]], block_size: int, blocks: int, *names: str, dtype: str = "float32"
) -> Check:
    arrays = append_arrays(lengths, table, block_size, blocks)
    number = ask_tensors("append_token", arrays, dtype)
    what = f"append_token with lengths {lengths}, table {table}, block_size {block_size}"

    def check() -> None:
        answer = CALLS.answer(number)
        if expect_result(what, answer) is not None:
            raise CheckFailed(f"{what}: expected None")
        expect_arguments(what, read_value(answer["after"]), appended(arrays), names or tuple(arrays), dtype)

    return check


def append_errors_check(cases: list[tuple[list[int], list[list[int]]]], *, looks_at_arguments: bool) -> Check:
    asked = []
    for lengths, table in cases:
        arrays = append_arrays(lengths, table, 2, 5)
        what = f"append_token with lengths {lengths}, table {table}"
        asked.append((what, arrays, ask_tensors("append_token", arrays)))

    def check() -> None:
        for what, arrays, number in asked:
            expect_error(what, CALLS.answer(number), "ValueError")
            if looks_at_arguments:
                expect_arguments(what, read_value(CALLS.answer(number)["after"]), arrays, tuple(arrays))

    return check


def main() -> int:
    scattered = [[5, 1, -1], [4, 7, 0], [-1, -1, -1], [2, -1, -1]]
    block_0_free = [[5, 1, -1], [4, 7, 3], [-1, -1, -1], [2, -1, -1]]
    in_order = [[0, 1, -1], [2, 3, 4], [-1, -1, -1], [5, -1, -1]]
    full_blocks = [[0, 5, 9], [3, 1, 4], [2, -1, -1]]
    no_block = [([3, 1], [[0, -1], [1, 2]]), ([3, 4], [[0, 1], [2, 4]])]
    late = ([1, 2, 1], [[0, -1], [1, -1], [3, 2]])
    unappendable = [([2, 1], [[0], [1]]), late, ([0, 1], [[5], [1]])]
    unappendable_late = [late, ([1, 2], [[0, 3], [1, 5]])]
    checks = [
        ("tokens_go_to_their_slots", paged_check([6], 6, 3, layers=1, heads=1)),
        ("heads_layers_keys_and_values_stay_apart", paged_check([6, 6], 6, 3, layers=3, heads=2, width=5)),
        ("tokens_are_taken_from_the_right_end", paged_check([2, 5, 1], 7, 4)),
        ("blocks_are_given_out_sequence_by_sequence", paged_check([5, 1, 7], 7, 2)),
        ("a_full_last_block_is_followed_by_none", paged_check([4, 8, 2], 8, 4)),
        ("empty_sequences_get_no_block", paged_check([0, 3, 0], 4, 2)),
        ("a_batch_of_empty_sequences_gives_an_empty_pool", paged_check([0, 0], 3, 2)),
        ("the_table_is_as_wide_as_the_longest_sequence_needs", paged_check([3, 2], 9, 2)),
        ("a_block_may_be_longer_than_all_sequences", paged_check([2, 3], 3, 16)),
        ("padding_of_nan_reaches_no_slot", paged_check([1, 4, 0], 5, 3, padding=float("nan"))),
        ("views_of_any_strides_are_packed", paged_views_check()),
        ("packing_keeps_the_dtype", paged_dtypes_check()),
        ("packing_leaves_its_arguments", paged_arguments_check()),
        ("a_block_size_below_one_is_refused", paged_errors_check([([2, 3], 0), ([2, 3], -1)])),
        ("a_length_out_of_range_is_refused", paged_errors_check([([2, 4], 2), ([-1, 3], 2)])),
        ("unpacked_sequences_end_at_the_right", contiguous_check([3, 5, 0, 2], 2, in_order, 6)),
        ("blocks_are_found_by_the_table", contiguous_check([4, 5, 0, 1], 2, scattered, 8)),
        ("blocks_may_be_shared", shared_block_check()),
        ("free_slots_do_not_leak", contiguous_check([4, 5, 0, 1], 2, block_0_free, 8, free=float("nan"))),
        ("free_entries_of_the_table_are_ignored", contiguous_check([2, 3], 2, [[1, 99], [0, 2]], 3)),
        ("unpacking_keeps_the_dtype", contiguous_check([4, 5, 0, 1], 2, scattered, 8, dtype="bfloat16")),
        ("unpacking_empty_sequences_gives_a_length_of_zero", contiguous_check([0, 0], 2, [[-1], [7]], 1)),
        ("a_table_too_narrow_is_refused", contiguous_errors_check([([3, 1], [[0], [1]])])),
        ("a_needed_block_that_is_none_is_refused", contiguous_errors_check(no_block)),
        ("unpacking_leaves_its_arguments", contiguous_arguments_check()),
        ("an_appended_token_goes_to_the_next_slot", append_check([1, 3, 4], [[0, 9], [1, 3], [4, 2]], 3, 5, "pool")),
        ("an_appended_token_begins_a_new_block", append_check([2, 4, 0], full_blocks, 2, 6, "pool")),
        ("appending_counts_the_tokens", append_check([2, 4, 0], full_blocks, 2, 6, "lengths")),
        ("appending_leaves_its_other_arguments", append_check([1, 0], [[1], [0]], 2, 3, "block_table", "keys")),
        ("appending_keeps_the_dtype", append_check([1, 3], [[0, -1], [1, 2]], 2, 3, "pool", dtype="float16")),
        ("appending_without_a_block_is_refused", append_errors_check(unappendable, looks_at_arguments=False)),
        ("a_refused_append_changes_nothing", append_errors_check(unappendable_late, looks_at_arguments=True)),
    ]
    return run_checks(checks)


if __name__ == "__main__":
    sys.exit(main())
