"""What a grader says of one answer."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Verdict:
    """Right or wrong, and why. `reason` is one line for a person who wonders about the verdict; it is never empty."""

    correct: bool
    reason: str
