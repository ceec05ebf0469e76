"""Values of parts, as SPICE writes them and as a picture prints them, and what stands beside each part: its name, its value or both."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from diagramlens.domains.circuits.layout import Layout
from diagramlens.domains.circuits.scene import Segment

LABELS = ("names", "values", "both")
MIXED = "mixed"  # each part has one of them

# Values that make numeric questions short to state. SPICE numbers in volts, amperes, ohms, henries and farads, and for controlled
# sources in V/V (E), A/A (F), siemens (G) and ohms (H).
VALUES: Mapping[str, tuple[str, ...]] = {
    "V": ("1", "2", "3", "4", "5", "6", "8", "9", "10", "12"),
    "I": ("1m", "2m", "3m", "4m", "5m", "10m"),
    "R": ("1k", "2k", "3k", "4k", "5k", "6k", "8k", "10k"),
    "L": ("1m", "2m", "5m", "10m"),
    "C": ("10n", "100n", "1u", "10u"),
    "E": ("2", "3", "4", "5", "10"),
    "F": ("2", "3", "4", "5", "10"),
    "G": ("1m", "2m", "4m", "5m", "10m"),
    "H": ("1k", "2k", "4k", "5k"),
}


def _each(numbers: str, suffix: str) -> tuple[str, ...]:
    return tuple(f"{number}{suffix}" for number in numbers.split())


# What is printed where values are: the series that parts are sold in.
PRINTED_VALUES: Mapping[str, tuple[str, ...]] = {
    "V": _each("1 1.5 2 2.5 3 3.3 4 5 6 8 9 10 12 15 20 24", ""),
    "I": (*_each("100 500", "u"), *_each("1 2 2.5 3 4 5 10 20", "m")),
    "R": (
        *_each("10 47 50 75 100 120 150 220 330 470 560 680 820", ""),
        *_each("1 1.2 1.5 2 2.2 2.7 3.3 3.9 4.7 5.6 6.8 8.2 10 12 15 22 33 47 56 68 82 100 220 470", "k"),
        "1meg",
    ),
    "L": (*_each("1 2.2 4.7 10 22 47 100 220 470", "u"), *_each("1 2.2 4.7 10 100", "m"), "1"),
    "C": (
        *_each("10 22 47 100 220 470", "p"),
        *_each("1 2.2 3.3 4.7 10 22 47 100 220 470", "n"),
        *_each("1 2.2 4.7 10 22 47 100", "u"),
    ),
    "E": _each("2 2.5 3 4 5 8 10 20 50", ""),
    "F": _each("2 3 4 5 10 20 50 100", ""),
    "G": ("500u", *_each("1 2 2.5 4 5 10 20", "m")),
    "H": (*_each("100 200 500", ""), *_each("1 2 2.5 4 5", "k")),
}

OPAMP_GAINS = ("100", "1000", "10k", "100k", "1meg")

_OHM = "\N{GREEK CAPITAL LETTER OMEGA}"
UNITS: Mapping[str, str] = {
    "V": "V",
    "I": "A",
    "R": _OHM,
    "L": "H",
    "C": "F",
    "E": "",
    "F": "",
    "G": "S",
    "H": _OHM,
}
_PREFIXES = {"meg": "M", "k": "k", "m": "m", "u": "\N{MICRO SIGN}", "n": "n", "p": "p"}


def printed(kind: str, value: str) -> str:
    """A value as a picture prints it.

    >>> printed("R", "2.2k"), printed("C", "10u"), printed("E", "5")
    ('2.2 kΩ', '10 µF', '5')
    """
    number = value.rstrip("megkunp")
    return f"{number} {_PREFIXES.get(value[len(number) :], '')}{UNITS[kind]}".rstrip()


def labelled(layout: Layout, how: str, rng: random.Random) -> Layout:
    """The circuit with names, values or both beside its parts, or each part one of these (`how` is one of LABELS, or MIXED).

    Values are drawn anew where they are printed. Where names are not printed they are given in reading order, R1, R2, … by kind,
    passing over those that are. Devices, supplies and ports keep their names, which are printed in any case; the gain of an op-amp that
    is not ideal is a number then.
    """
    if how == "names":
        return layout
    parts = sorted(layout.segments, key=_reading_order)
    hows = [rng.choice(LABELS) if how == MIXED else how for _ in parts]
    taken = {device.name for device in layout.devices}
    taken |= {part.name for part, shown in zip(parts, hows, strict=True) if shown != "values"}
    numbers: Counter[str] = Counter()

    def with_value(part: Segment, shown: str) -> Segment:
        if part.kind == "W" or shown == "names":
            return part
        value = rng.choice(PRINTED_VALUES[part.kind])
        text = printed(part.kind, value)
        if shown == "both":
            return replace(part, value=value, label=f"{part.name} {text}")
        numbers[part.kind] += 1
        while f"{part.kind}{numbers[part.kind]}" in taken:
            numbers[part.kind] += 1
        return replace(part, name=f"{part.kind}{numbers[part.kind]}", value=value, label=text)

    segments = tuple(with_value(part, shown) for part, shown in zip(parts, hows, strict=True))
    devices = []
    for device in layout.devices:
        gain = rng.choice(OPAMP_GAINS) if device.value else ""
        devices.append(replace(device, value=gain, label=f"{device.name} A={_plain(gain)}") if gain else device)
    return replace(layout, segments=segments, devices=tuple(devices))


def _plain(gain: str) -> str:
    number = gain.rstrip("megk")
    return f"{number} {_PREFIXES.get(gain[len(number) :], '')}".replace(" ", "")


def _reading_order(part: Segment) -> tuple[tuple[int, int], bool]:
    """By the upper left end in junctions, level before upright: the order of the lines of the truth."""
    first, second = sorted((part.start, part.end))
    return first, first[0] != second[0]
