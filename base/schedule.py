"""The course of the pretraining: which rate, and what share of questions, after how many pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Schedule:
    """Phases of `{pictures, rate, questions}`: the rate goes in a straight line from the last phase's to this one's."""

    phases: Sequence[Mapping[str, Any]]
    warmup: int

    @property
    def pictures(self) -> int:
        """Pictures of all phases together."""
        return sum(phase["pictures"] for phase in self.phases)

    def rate(self, seen: int) -> float:
        """The learning rate of the batch that follows `seen` pictures."""
        start = rate = self.phases[0]["rate"]
        before = 0
        for phase in self.phases:
            rate = start + (phase["rate"] - start) * min(1.0, (seen - before) / phase["pictures"])
            if seen < before + phase["pictures"]:
                break
            before, start = before + phase["pictures"], phase["rate"]
        return rate * min(1.0, seen / self.warmup + 1e-3)

    def questions(self, number: int) -> float:
        """The share of questions among the samples around sample `number`."""
        before = 0
        for phase in self.phases:
            before += phase["pictures"]
            if number < before:
                return float(phase["questions"])
        return float(self.phases[-1]["questions"])
