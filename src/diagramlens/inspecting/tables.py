"""An inspection as text for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

from diagramlens.inspecting.estimate import CARDS, Memory
from diagramlens.inspecting.inspection import Inspection, all_parameters

_SHADES = ((10**9, "B"), (10**6, "M"), (10**3, "k"))


def report(found: Inspection, model: str, recipe: str) -> str:
    """The whole report: linear modules, parameters, the verdict on LoRA, memory."""
    sections = [
        f"{model}: a {found.architecture} model of family {found.family}, {short(found.total)} parameters. recipe: {recipe}",
        _heading("Linear modules (* is the number of a layer)", _linear(found)),
        _heading("Where each name is", _places(found)),
        _heading("Parameters", _parameters(found)),
        _heading("LoRA", _wrapped(found.verdict.sentence)),
        _heading("Four bits", _wrapped(_four_bits(found))),
        _heading("Memory of a GPU, in GiB", _memory(found)),
    ]
    return "\n\n".join(sections)


def short(number: int) -> str:
    """A number of parameters in three or four digits.

    >>> short(8291375616), short(161480704), short(0)
    ('8.29 B', '161 M', '0')
    """
    for unit, letter in _SHADES:
        if number >= unit:
            return f"{number / unit:.3g} {letter}"
    return str(number)


def gib(size: int) -> str:
    """Bytes in GiB.

    >>> gib(3 * 2**29)
    '1.50'
    """
    return f"{size / 2**30:.2f}"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Columns under a header: the first two to the left, the others to the right."""
    lines = [list(header), *map(list, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column < 2 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def _heading(title: str, body: str) -> str:
    return f"{title}\n{'─' * len(title)}\n{body}"


def _wrapped(text: str) -> str:
    return textwrap.fill(text, 118, break_long_words=False, break_on_hyphens=False)


def _linear(found: Inspection) -> str:
    rows = []
    for kind in found.kinds:
        hit = sum(name in found.hits for name in kind.names)
        of = "no" if hit == 0 else "yes" if hit == len(kind.names) else f"{hit} of {len(kind.names)}"
        rounded = "yes" if kind.quantized and found.rounded[kind.component] else "no"
        outputs, inputs = kind.shape
        size = f"{inputs} → {outputs}"
        rows.append((kind.component, kind.pattern, size, str(len(kind.names)), short(kind.parameters), of, rounded))
    return table(("component", "pattern", "in → out", "modules", "weights", "LoRA", "4-bit"), rows)


def _places(found: Inspection) -> str:
    where: dict[str, list[str]] = {}
    for kind in found.kinds:
        components = where.setdefault(kind.leaf, [])
        if kind.component not in components:
            components.append(kind.component)
    rows = [(leaf, ", ".join(places)) for leaf, places in sorted(where.items()) if not leaf.isdigit()]
    return table(("name", "components"), rows)


def _parameters(found: Inspection) -> str:
    header = ["component", "", "model", "in 4 bits", "LoRA", *(f"trainable in {phase.name}" for phase in found.phases)]
    rows = []
    for component, size in found.sizes.items():
        shown = "tied" if component in found.tied else short(size)
        trained = [short(phase.trainable[component]) for phase in found.phases]
        rows.append([component, "", shown, short(found.rounded[component]), short(found.adapters[component]), *trained])
    whole = all_parameters(found)
    sums = [found.total, sum(found.rounded.values()), sum(found.adapters.values())]
    shares = [f"{short(phase.trained)} ({phase.trained / whole:.1%})" for phase in found.phases]
    rows.append(["all", "", *map(short, sums), *shares])
    return table(header, rows)


def _four_bits(found: Inspection) -> str:
    if not any(found.rounded.values()):
        return "no phase loads this model in 4 bits: either no phase of the recipe has four_bit: true, or the model's entry says false"
    phases = ", ".join(phase.name for phase in found.phases if phase.four_bit)
    rounded = sum(len(kind.names) for kind in found.kinds if kind.quantized)
    parts = ", ".join(component for component, size in found.rounded.items() if size)
    kept = ", ".join(sorted({kind.component for kind in found.kinds if not kind.quantized}))
    return (
        f"in phase {phases} the {rounded} linear modules of {parts} marked above are held in 4 bits; the linear modules of {kept} are "
        "left alone, and so is everything that is not linear (embeddings, norms, the patch embedding)"
    )


def _memory(found: Inspection) -> str:
    batch = found.batch
    rows = []
    for phase in found.phases:
        for memory, on in ((phase.memory, phase.checkpointing), (phase.otherwise, not phase.checkpointing)):
            if memory is not None:
                rows.append(_memory_row(phase.name, memory, on, chosen=memory is phase.memory))
    header = (
        "phase",
        "checkpointing",
        "weights",
        "LoRA",
        "gradients",
        "AdamW",
        "activations",
        "dequantized",
        "sum",
        "card",
    )
    note = (
        f"{'A packed row' if found.packed else 'A micro-batch'} of {batch.samples}, each sample {found.visual_tokens} visual tokens "
        f"({batch.pixels} pixels) and {batch.text} of text, "
        f"{batch.supervised} of them supervised. * is what params.yaml says. The card is the smallest of {', '.join(map(str, CARDS))} GiB "
        "that has the sum, 5 % lost between allocations, and 1 GiB of CUDA's own. Left out: buffers of the optimizer and of clipping."
    )
    return f"{table(header, rows)}\n{_wrapped(note)}"


def _memory_row(name: str, memory: Memory, checkpointing: bool, chosen: bool) -> Sequence[str]:
    sizes = (
        memory.weights,
        memory.adapters,
        memory.gradients,
        memory.optimizer,
        memory.activations,
        memory.dequantized,
    )
    card = f"{memory.card} GiB" if memory.card else "several"
    return (
        name,
        f"{'on' if checkpointing else 'off'}{' *' if chosen else ''}",
        *map(gib, sizes),
        gib(memory.total),
        card,
    )
