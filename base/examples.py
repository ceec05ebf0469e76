"""Draws the sheet of examples in the model card: pictures, what the embedded model says of them, and whether that is right.

The first are held-out drawings of the corpus, some told exactly and some not; the others were drawn by other people (CircuitSense, MIT;
ci2n_datasets, Apache-2.0), and lie beside the tests of the importers.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw
from transformers import Qwen2VLForConditionalGeneration

from corpus import PROMPTS
from diagramlens.domains.circuits.netlist import parse_netlist
from diagramlens.domains.circuits.styles import font
from diagramlens.inference import TransformersAnswerer
from diagramlens.models.processors import PicturesOnlyQwen2VLProcessor
from held_out import Told

OTHERS = Path(__file__).parent.parent / "tests" / "sources"
WIDTH, HEIGHT, PICTURE, GAP, COLUMNS = 1180, 172, 240, 14, 100
# What ci2n calls the parts that the corpus has too, and the letter of their names.
_LETTERS = {"resistor": "R", "capacitor": "C", "inductor": "L", "single-end-amp": "E"}
_INK, _RIGHT, _WRONG, _QUIET = "#1b2230", "#1a7f4b", "#c0392b", "#6b7480"


@dataclass(frozen=True)
class Example:
    """A picture, where it is from, what is drawn and what was told, in words, and a verdict in words."""

    picture: Image.Image
    origin: str
    drawn: str
    told: str
    verdict: str
    right: bool


def write_examples(
    path: Path,
    told: Sequence[Told],
    model: Qwen2VLForConditionalGeneration,
    processor: PicturesOnlyQwen2VLProcessor,
) -> None:
    """Write the sheet. `told` are held-out pictures that the model has described already; those of others it describes here."""
    sheet(own_examples(told) + others_examples(model, processor)).quantize(128).save(path, optimize=True)


def own_examples(told: Sequence[Told], each: int = 2) -> list[Example]:
    """The first `each` held-out drawings that were told exactly, and the first that were not."""
    right = [one for one in told if one.exact][:each]
    wrong = [one for one in told if not one.exact][:each]
    return [
        Example(
            one.sample.picture.convert("RGB"),
            f"this corpus, level {one.sample.level}, held out",
            one.sample.description,
            one.text,
            "told exactly" if one.exact else f"{one.phrases:.0%} of the phrases",
            one.exact,
        )
        for one in (*right, *wrong)
    ]


def others_examples(
    model: Qwen2VLForConditionalGeneration, processor: PicturesOnlyQwen2VLProcessor, each: int = 2
) -> list[Example]:
    """The first pictures of either data set, described now, and how much of what they show the description names."""
    shown = [(path, _circuitsense) for path in sorted(OTHERS.glob("circuitsense_sample/**/*_image.png"))[:each]]
    shown += [(path, _ci2n) for path in sorted(OTHERS.glob("ci2n_sample/*.png"))[:each]]
    pictures = [Image.open(path).convert("RGB") for path, _ in shown]
    answers = TransformersAnswerer(model, processor).answer(pictures, [PROMPTS[0]] * len(pictures), 120)
    return [
        example(path, picture, answer)
        for (path, example), picture, answer in zip(shown, pictures, answers, strict=True)
    ]


def _circuitsense(path: Path, picture: Image.Image, answer: str) -> Example:
    """A picture of CircuitSense: how many of its parts the answer has by name."""
    netlist = path.with_name(path.name.replace("_image.png", "_netlist.txt")).read_text(encoding="utf-8")
    names = {part.name for part in parse_netlist(netlist).parts if part.kind != "W"}
    named = names & set(re.findall(r"[A-Z][0-9]+", answer))
    verdict = f"{len(named)} of {len(names)} parts named"
    return Example(picture, "CircuitSense", netlist.strip().replace("\n", ", "), answer, verdict, False)


def _ci2n(path: Path, picture: Image.Image, answer: str) -> Example:
    """A picture of ci2n, whose parts have no names there: how many the answer has of each kind."""
    shapes = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["shapes"]
    counts = Counter(shape["label"] for shape in shapes)
    drawn = ", ".join(f"{count} {label}" for label, count in sorted(counts.items()))
    told = Counter(name[0] for name in set(re.findall(r"[A-Z][0-9]+", answer)))
    found = sum(min(counts[label], told[letter]) for label, letter in _LETTERS.items())
    verdict = f"{found} of {sum(counts[label] for label in _LETTERS)} parts, by their kind"
    return Example(picture, "ci2n, scanned", drawn, answer, verdict, False)


def sheet(examples: Sequence[Example]) -> Image.Image:
    """The examples one below the other, each picture with its words beside it."""
    drawn = Image.new("RGB", (WIDTH, len(examples) * (HEIGHT + GAP) + GAP), "white")
    pen = ImageDraw.Draw(drawn)
    plain, bold = font("DejaVuSans.ttf", 14), font("DejaVuSans-Bold.ttf", 14)
    for index, example in enumerate(examples):
        top = GAP + index * (HEIGHT + GAP)
        picture = example.picture.copy()
        picture.thumbnail((PICTURE, HEIGHT - 8), Image.Resampling.LANCZOS)
        drawn.paste(picture, (GAP + (PICTURE - picture.width) // 2, top + (HEIGHT - picture.height) // 2))
        pen.rectangle((GAP, top, WIDTH - GAP, top + HEIGHT), outline="#d5dae1")
        left, line = GAP + PICTURE + GAP, top + 10
        pen.text((left, line), example.origin, font=bold, fill=_INK)
        pen.text(
            (WIDTH - 2 * GAP, line), example.verdict, font=bold, fill=_RIGHT if example.right else _WRONG, anchor="ra"
        )
        for name, text in (("drawn", example.drawn), ("told", example.told)):
            line += 32
            for number, piece in enumerate(textwrap.wrap(text, COLUMNS)[:3] or ["(nothing)"]):
                if number:
                    line += 19
                else:
                    pen.text((left, line), name, font=plain, fill=_QUIET)
                pen.text((left + 54, line), piece, font=plain, fill=_INK)
    return drawn
