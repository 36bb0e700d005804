"""What the report holds for a filling of the tables: the meaning of slow.sql, without SQL.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

import bisect
import itertools
from collections import defaultdict

from shops import Shop

RECENT_SECONDS = 2_592_000

Row = tuple[int | None, ...]


def expected_rows(shop: Shop) -> list[Row]:
    """The rows in their order."""
    regions = dict(shop.customers)
    recalled: dict[str | None, set[int | None]] = defaultdict(set)
    for _, product, region in shop.recalls:
        recalled[region].add(product)
    sold, customers = _progress(shop)
    prices = _price_lines(shop)
    payments: dict[int | None, list[int]] = defaultdict(list)
    visits: dict[int | None, list[int]] = defaultdict(list)
    for _, product, customer, sold_at, _, paid in shop.sales:
        if paid is not None:
            payments[product].append(paid)
        visits[customer].append(sold_at)
    for numbers in itertools.chain(payments.values(), visits.values()):
        numbers.sort()

    rows: list[Row] = []
    for number, product, customer, sold_at, _, paid in sorted(shop.sales, key=lambda sale: (sale[3], sale[0])):
        region = regions.get(customer) if customer is not None else None
        hidden = recalled[region] if region is not None else set()
        if hidden and (product is None or None in hidden or product in hidden):
            continue
        rank = 1
        if product is not None and paid is not None:
            rank += len(payments[product]) - bisect.bisect_right(payments[product], paid)
        returning = 0
        if customer is not None:
            earlier = bisect.bisect_left(visits[customer], sold_at)
            returning = int(earlier > 0 and visits[customer][earlier - 1] >= sold_at - RECENT_SECONDS)
        cents = None
        if product is not None:
            line = prices[product]
            place = bisect.bisect_right(line, sold_at, key=lambda entry: entry[0])
            cents = line[place - 1][2] if place else None
        so_far = sold[product, sold_at] if product is not None else None
        count = customers[product, sold_at] if product is not None else 0
        rows.append((number, product, sold_at, so_far, count, cents, rank, returning))
    return rows


def _progress(shop: Shop) -> tuple[dict[tuple[int, int], int | None], dict[tuple[int, int], int]]:
    """By product and time: the sum of quantities and the number of customers up to and at that time."""
    by_product: dict[int, list[tuple[int, int | None, int | None]]] = defaultdict(list)
    for _, product, customer, sold_at, quantity, _ in shop.sales:
        if product is not None:
            by_product[product].append((sold_at, customer, quantity))
    sold: dict[tuple[int, int], int | None] = {}
    customers: dict[tuple[int, int], int] = {}
    for product, sales in by_product.items():
        total: int | None = None
        seen: set[int] = set()
        for sold_at, customer, quantity in sorted(sales, key=lambda sale: sale[0]):
            if quantity is not None:
                total = (total or 0) + quantity
            if customer is not None:
                seen.add(customer)
            sold[product, sold_at], customers[product, sold_at] = total, len(seen)
    return sold, customers


def _price_lines(shop: Shop) -> dict[int, list[tuple[int, int, int | None]]]:
    """By product: its prices as (from_at, id, cents) in their order."""
    lines: dict[int, list[tuple[int, int, int | None]]] = defaultdict(list)
    for number, product, from_at, cents in shop.prices:
        if product is not None:
            lines[product].append((from_at, number, cents))
    for line in lines.values():
        line.sort(key=lambda entry: entry[:2])
    return lines
