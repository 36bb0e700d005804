"""Fillings of the tables, small ones with every special case and large ones that quadratic queries take too long for.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

DAY = 86_400
START = 1_700_000_000


@dataclass
class Shop:
    """The rows of the four tables. Ids are given in the order of adding unless `reversed_ids` turns them round."""

    customers: list[tuple[int, str | None]] = field(default_factory=list)
    sales: list[tuple[int, int | None, int | None, int, int | None, int | None]] = field(default_factory=list)
    prices: list[tuple[int, int | None, int, int | None]] = field(default_factory=list)
    recalls: list[tuple[int, int | None, str | None]] = field(default_factory=list)

    def sell(
        self,
        product: int | None,
        customer: int | None,
        at: int,
        quantity: int | None = 1,
        paid: int | None = 100,
        *,
        number: int | None = None,
    ) -> Shop:
        self.sales.append((number or len(self.sales) + 1, product, customer, START + at, quantity, paid))
        return self

    def price(self, product: int | None, at: int, cents: int | None, *, number: int | None = None) -> Shop:
        self.prices.append((number or len(self.prices) + 1, product, START + at, cents))
        return self

    def customer(self, number: int, region: str | None) -> Shop:
        self.customers.append((number, region))
        return self

    def recall(self, product: int | None, region: str | None) -> Shop:
        self.recalls.append((len(self.recalls) + 1, product, region))
        return self

    @property
    def row_count(self) -> int:
        """Rows in all four tables."""
        return len(self.customers) + len(self.sales) + len(self.prices) + len(self.recalls)

    def as_request(self) -> dict[str, Any]:
        return {table: getattr(self, table) for table in ("customers", "sales", "prices", "recalls")}


def make_random_shop(
    seed: int,
    *,
    sales: int,
    prices: int,
    recalls: int,
    products: int,
    customers: int,
    seconds: int,
    nulls: float = 0.1,
    favourite: float = 0.0,
    null_recalls: float = 0.02,
) -> Shop:
    """Random rows. `favourite` is the share of one product, `nulls` that of NULL where it is allowed."""
    random_numbers = random.Random(seed)
    regions = [f"region {number}" for number in range(8)]

    def or_null(value: Any, share: float = nulls) -> Any:
        return None if random_numbers.random() < share else value

    def product() -> int:
        return 1 if random_numbers.random() < favourite else random_numbers.randint(1, products)

    shop = Shop()
    for number in range(1, customers + 1):
        shop.customer(number, or_null(random_numbers.choice(regions)))
    for number in random_numbers.sample(range(1, 4 * sales), sales):
        shop.sell(
            or_null(product()),
            # Some customers are missing from their table.
            or_null(random_numbers.randint(1, customers + customers // 10)),
            random_numbers.randrange(seconds),
            or_null(random_numbers.randint(-3, 9)),
            or_null(random_numbers.randint(1, max(5, sales // 4))),
            number=number,
        )
    for number in random_numbers.sample(range(1, 4 * prices), prices):
        shop.price(or_null(product()), random_numbers.randrange(seconds), or_null(number + 500), number=number)
    for _ in range(recalls):
        # The last two regions have no recall; a NULL product takes a whole region away.
        region = or_null(random_numbers.choice(regions[:6]))
        shop.recall(or_null(random_numbers.randint(1, products), null_recalls if region == regions[0] else 0.0), region)
    return shop
