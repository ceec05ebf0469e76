"""Whether a model's picture budget leaves diagrams readable.

Labels are drawn in type of 12 to 14 pixels. A picture with twice the pixels of the budget is shown with every length divided by 1.4 and its
labels at 9 pixels; much below that a digit is no longer one digit and not another, whatever is trained. So beyond SHRINKAGE a picture
counts as shrunk too far. It would be fed to the model without a word, and show as bad accuracy alone.

`diagramlens check` warns of each such picture. The train stage refuses where they are most of all: a few large ones among many cost a few
answers, and a budget for the largest costs memory for all.
"""

from __future__ import annotations

from collections.abc import Mapping

from diagramlens.params import ModelEntry
from diagramlens.records import DiagramLensError

SHRINKAGE = 2.0  # pixels of the picture for one that the model sees
MOST = 0.5  # share of the pictures shrunk too far beyond which training on them is refused

Sizes = Mapping[str, tuple[int, int]]  # width and height of pictures in pixels, by diagram id


class ShrunkTooFarError(DiagramLensError):
    """A picture budget that leaves most labels unreadable."""


def check_budget(name: str, entry: ModelEntry, sizes: Sizes) -> None:
    """Raise ShrunkTooFarError, naming `models.<name>.max_pixels` and what would do, where most of the pictures are shrunk too far."""
    problem = budget_problem(name, entry, sizes)
    if problem is not None and len(shrunk_too_far(entry, sizes)) > MOST * len(sizes):
        raise ShrunkTooFarError(problem)


def budget_problem(name: str, entry: ModelEntry, sizes: Sizes) -> str | None:
    """How many of the pictures are shrunk too far, the worst of them, and a budget that would do; None where none is.

    >>> entry = ModelEntry(family="qwen2-vl", source="models/x", revision=None, min_pixels=784, max_pixels=3136, micro_batch=1,
    ...                    rate_scale=1.0, four_bit=False, gradient_checkpointing=False)
    >>> budget_problem("x", entry, {"d1": (50, 50), "d2": (112, 84)})[:88]
    'models.x.max_pixels = 3136: 1 of 2 pictures have more than 2 times as many pixels (d2: 1'
    """
    shrunk = shrunk_too_far(entry, sizes)
    if not shrunk:
        return None
    worst = max(shrunk, key=lambda diagram: _pixels_needed(entry, *sizes[diagram]))
    width, height = sizes[worst]
    return (
        f"models.{name}.max_pixels = {entry.max_pixels}: {len(shrunk)} of {len(sizes)} pictures have more than {SHRINKAGE:g} times "
        f"as many pixels ({worst}: {width} x {height}), so that their labels become unreadable; raise it to {_ample(entry, sizes)}"
    )


def shrunk_too_far(entry: ModelEntry, sizes: Sizes) -> list[str]:
    """The diagrams whose labels become unreadable."""
    return [name for name, size in sizes.items() if _pixels_needed(entry, *size) > SHRINKAGE * entry.max_pixels]


def _pixels_needed(entry: ModelEntry, width: int, height: int) -> int:
    # Idefics3's processor scales the longer edge to the budget's root, whatever the other.
    return max(width, height) ** 2 if entry.family == "smolvlm" else width * height


def _ample(entry: ModelEntry, sizes: Sizes) -> str:
    most = max(_pixels_needed(entry, *size) for size in sizes.values())
    if entry.family != "smolvlm":
        return str(most)
    side = round(entry.max_pixels**0.5)
    tiles = -(-round(most**0.5) // side)
    return f"{(side * tiles) ** 2}, and min_pixels with it"
