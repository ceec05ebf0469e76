"""The canonical form of a small graph with coloured vertices and labelled edges.

Two graphs have equal forms exactly when one can be renamed into the other. The method is individualisation and refinement (McKay,
"Practical graph isomorphism", 1981): colour refinement splits the vertices as far as neighbourhoods can tell them apart; where a
cell of equal vertices is left, each of them in turn is given a colour of its own, and the smallest certificate of all leaves is the form.
Automorphisms found on the way (two leaves with equal certificates) prune the search, so that even a complete graph of equal edges
takes a quadratic number of leaves, not a factorial one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Form = tuple[object, ...]
Certificate = tuple[tuple[int, ...], tuple[tuple[int, int, int], ...]]

# Circuits of 200 parts need a few hundred leaves at the very most; strongly regular graphs of that size, which no circuit is, need more.
MAX_LEAVES = 20_000


class TooSymmetricError(ValueError):
    """The search for the form would take more than MAX_LEAVES leaves."""


def canonical_form(colours: Sequence[str], edges: Mapping[tuple[int, int], Sequence[str]]) -> Form:
    """The form of the graph whose vertex `v` has `colours[v]` and whose vertices `u < v` are joined by edges with the given labels.

    Several equal labels on one pair are as many parallel edges. A pair missing from `edges` is not joined. Raises TooSymmetricError.
    """
    search = _Search(colours, edges)
    search.descend(_ranked([(colour,) for colour in colours]), [])
    return (len(colours), search.colour_names, search.label_names, search.best)


def _ranked(signatures: Sequence[tuple[object, ...]]) -> list[int]:
    """Number the signatures by their sorted order: the same multiset of signatures gets the same numbers whatever the vertices' order."""
    rank = {signature: number for number, signature in enumerate(sorted(set(signatures)))}
    return [rank[signature] for signature in signatures]


class _Search:
    """One run over the tree of individualised colourings; keeps the first and the best leaf and the automorphisms seen."""

    def __init__(self, colours: Sequence[str], edges: Mapping[tuple[int, int], Sequence[str]]) -> None:
        self.colour_names = tuple(sorted(set(colours)))
        self.start = [self.colour_names.index(colour) for colour in colours]
        bundles = {pair: tuple(sorted(labels)) for pair, labels in edges.items()}
        self.label_names = tuple(sorted(set(bundles.values())))
        number = {bundle: index for index, bundle in enumerate(self.label_names)}
        self.edges = [(u, v, number[bundle]) for (u, v), bundle in bundles.items()]
        self.neighbours: list[list[tuple[int, int]]] = [[] for _ in colours]
        for u, v, label in self.edges:
            self.neighbours[u].append((v, label))
            self.neighbours[v].append((u, label))
        self.best: Certificate = ((), ())
        self.leaves: list[
            tuple[list[int], list[int], Certificate]
        ] = []  # path, vertex at each position, certificate: first and best
        self.leaf_count = 0
        self.automorphisms: list[list[int]] = []

    def refine(self, colours: list[int]) -> list[int]:
        """Split the colours until vertices of one colour see the same colours through the same labels."""
        count = len(set(colours))
        while True:
            colours = _ranked(
                [
                    (colours[v], *sorted((colours[u], label) for u, label in around))
                    for v, around in enumerate(self.neighbours)
                ]
            )
            refined = len(set(colours))
            if refined == count:
                return colours
            count = refined

    def descend(self, colours: list[int], path: list[int]) -> int:
        """Search below `path`; the depth to go back to: less than `len(path)` when an automorphism shows this branch to be a repeat."""
        colours = self.refine(colours)
        cells: dict[int, list[int]] = {}
        for vertex, colour in enumerate(colours):
            cells.setdefault(colour, []).append(vertex)
        open_cells = [(len(cell), colour) for colour, cell in cells.items() if len(cell) > 1]
        if not open_cells:
            return self.leaf(colours, path)
        _, chosen = min(open_cells)
        explored: list[int] = []
        for vertex in cells[chosen]:
            if explored and self.is_repeat(vertex, explored, path):
                continue
            # The chosen vertex comes just before the rest of its cell: doubling makes room between the colours.
            individual = [2 * colour for colour in colours]
            individual[vertex] -= 1
            back = self.descend(individual, [*path, vertex])
            if back < len(path):
                return back
            explored.append(vertex)
        return len(path)

    def leaf(self, colours: list[int], path: list[int]) -> int:
        """Take in a labelling, no two vertices of one colour: a new best, or an automorphism. The depth to go back to, as of `descend`."""
        self.leaf_count += 1
        if self.leaf_count > MAX_LEAVES:
            raise TooSymmetricError(f"more than {MAX_LEAVES} leaves")
        order = sorted(range(len(colours)), key=colours.__getitem__)
        position = [0] * len(order)
        for place, vertex in enumerate(order):
            position[vertex] = place
        lines = sorted(
            (min(position[u], position[v]), max(position[u], position[v]), label) for u, v, label in self.edges
        )
        certificate = (tuple(self.start[vertex] for vertex in order), tuple(lines))
        for other_path, other_order, other_certificate in self.leaves:
            if certificate == other_certificate:
                image = [0] * len(order)
                for before, after in zip(other_order, order, strict=True):
                    image[before] = after
                self.automorphisms.append(image)
                return next((d for d, (a, b) in enumerate(zip(other_path, path, strict=False)) if a != b), len(path))
        if not self.leaves or certificate < self.best:
            self.best = certificate
            self.leaves[1:] = [(path, order, certificate)]
        return len(path)

    def is_repeat(self, vertex: int, explored: Sequence[int], path: Sequence[int]) -> bool:
        """Whether a known automorphism that leaves `path` in place takes an explored vertex to this one."""
        generators = [image for image in self.automorphisms if all(image[fixed] == fixed for fixed in path)]
        orbit, border = {vertex}, [vertex]
        while border:
            reached = {image[v] for image in generators for v in border} - orbit
            orbit |= reached
            border = list(reached)
        return any(other in orbit for other in explored)
