"""Which linear modules a LoRA is on, and whether those are the ones that the recipe names."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Iterable, Sequence

from peft import LoraConfig
from peft.tuners.tuners_utils import BaseTunerLayer, check_target_module_exists
from torch import nn

from diagramlens.models.anatomy import LinearKind, pattern_of
from diagramlens.models.families import Family, component_of, plain_name


@dataclasses.dataclass(frozen=True)
class Verdict:
    """`hit` are the modules with a LoRA by component; `missed` those that should have one and do not, `strays` the reverse."""

    named: tuple[str, ...]
    hit: dict[str, list[str]]
    missed: list[str]
    strays: list[str]

    @property
    def exact(self) -> bool:
        """Whether LoRA is on what the recipe names and on nothing else."""
        return not self.missed and not self.strays

    @property
    def sentence(self) -> str:
        """The verdict in words."""
        counts = ", ".join(f"{name} ({len(modules)} modules)" for name, modules in self.hit.items()) or "nothing"
        if self.exact:
            return f"LoRA hits exactly what the recipe names: {counts}" if self.named else "no LoRA in this recipe"
        parts = [f"LoRA hits {counts}, where the recipe names {', '.join(self.named) or 'no component'}"]
        parts += [f"it misses {_patterns(self.missed)}"] if self.missed else []
        parts += [f"it strays to {_patterns(self.strays)}"] if self.strays else []
        return "; ".join(parts)


def hit_modules(model: nn.Module) -> list[str]:
    """The names of the modules that carry an adapter, as the bare model has them."""
    return [plain_name(name) for name, module in model.named_modules() if isinstance(module, BaseTunerLayer)]


def modules_matching(targets: str, kinds: Iterable[LinearKind]) -> list[str]:
    """The linear modules that PEFT would put a LoRA on for these `target_modules`: names parted by commas, or one regex.

    PEFT compares names with the ends of modules' names, and a regex with the whole.
    """
    parts = [part.strip() for part in targets.split(",")]
    plain = all(part.replace("_", "").replace(".", "").isalnum() for part in parts)
    config = LoraConfig(target_modules=parts if plain else targets)
    return [name for kind in kinds for name in kind.names if check_target_module_exists(config, name)]


def judge(family: Family, named: Sequence[str], wanted: Iterable[str], hit: Iterable[str]) -> Verdict:
    """Compare the modules `hit` with those `wanted`, which are the linear modules of the components `named`."""
    found, expected = set(hit), set(wanted)
    by_component: dict[str, list[str]] = {}
    for name in sorted(found):
        by_component.setdefault(component_of(family, f"{name}.weight"), []).append(name)
    return Verdict(tuple(named), by_component, sorted(expected - found), sorted(found - expected))


def _patterns(names: Iterable[str]) -> str:
    counted = collections.Counter(pattern_of(name) for name in names)
    return ", ".join(f"{pattern} ({count})" for pattern, count in counted.items())
