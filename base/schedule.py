"""The course of the pretraining: which rate, domain and share of questions after how many pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Schedule:
    """Phases of `{pictures, rate, questions, domain}`: the rate goes in a straight line from the last phase's to this one's."""

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

    def phase_of(self, number: int) -> Mapping[str, Any]:
        """The phase that sample `number` falls into; the last one for samples beyond it."""
        before = 0
        for phase in self.phases:
            before += phase["pictures"]
            if number < before:
                return phase
        return self.phases[-1]

    @property
    def domain(self) -> str:
        """The domain that it all leads to: the last phase's."""
        return str(self.phases[-1]["domain"])
