"""Folder trees as rows of the two tables, and what the query has to say of them.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

Row = tuple[int, str, int, int, int]


@dataclass
class Tree:
    """The rows of both tables. Files are numbered as they are added."""

    folders: list[tuple[int, int | None, str]] = field(default_factory=list)
    files: list[tuple[int, int, str, int]] = field(default_factory=list)

    def add_folder(self, identifier: int, parent: int | None, name: str, *sizes: int) -> Tree:
        self.folders.append((identifier, parent, name))
        for size in sizes:
            self.add_file(identifier, size)
        return self

    def add_file(self, folder: int, size: int) -> Tree:
        number = len(self.files) + 1
        self.files.append((number, folder, f"f{number}", size))
        return self


def expected_rows(tree: Tree) -> list[Row]:
    children: dict[int | None, list[tuple[int, str]]] = {}
    for identifier, parent, name in tree.folders:
        children.setdefault(parent, []).append((identifier, name))
    sizes: dict[int, list[int]] = {}
    for _, folder, _, size in tree.files:
        sizes.setdefault(folder, []).append(size)

    reached: list[tuple[int, int | None, str, int]] = []
    waiting: list[tuple[int, int | None, str, int]] = [(i, None, f"/{n}", 0) for i, n in children.get(None, [])]
    while waiting:
        identifier, parent, path, depth = waiting.pop()
        reached.append((identifier, parent, path, depth))
        waiting += [(child, identifier, f"{path}/{name}", depth + 1) for child, name in children.get(identifier, [])]

    counts = {identifier: len(sizes.get(identifier, [])) for identifier, _, _, _ in reached}
    totals = {identifier: sum(sizes.get(identifier, [])) for identifier, _, _, _ in reached}
    for identifier, parent, _, _ in sorted(reached, key=lambda folder: -folder[3]):
        if parent is not None:
            counts[parent] += counts[identifier]
            totals[parent] += totals[identifier]
    rows = [(i, path, depth, counts[i], totals[i]) for i, _, path, depth in reached]
    return sorted(rows, key=lambda row: row[1].encode())


def random_tree(
    seed: int, folders: int, files: int, *, tops: float = 0.03, circles: int = 0, orphans: int = 0
) -> Tree:
    """At most 12 deep; `tops` is the share of top folders.

    Folders in the one circle and orphans come in addition to the others, with a file each.
    """
    randomness = random.Random(seed)
    identifiers = randomness.sample(range(1, 10 * folders), folders)
    tree = Tree()
    depths: dict[int, int] = {}
    for index, identifier in enumerate(identifiers):
        parent = randomness.choice(identifiers[:index]) if index and randomness.random() >= tops else None
        if parent is not None and depths[parent] >= 12:
            parent = None
        depths[identifier] = 0 if parent is None else depths[parent] + 1
        tree.add_folder(identifier, parent, f"n{randomness.randrange(10)}-{index}")
    shift = 100 * folders
    for index in range(circles):
        tree.add_folder(shift + index, shift + (index + 1) % circles, f"circle{index}", 1)
    for index in range(orphans):
        tree.add_folder(2 * shift + index, 3 * shift + index, f"orphan{index}", 1)
    for _ in range(files):
        tree.add_file(randomness.choice(identifiers), randomness.randrange(1_000_000))
    randomness.shuffle(tree.folders)
    return tree
