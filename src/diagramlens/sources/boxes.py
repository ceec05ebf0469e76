"""Boxes that people drew around the symbols of foreign pictures, as objects of a diagram.

Kinds take this project's names where the label says plainly what the symbol is, and keep the label otherwise. The tables were made from
the labels of CI2N (2,269 schematics, looked at symbol by symbol) and the everyday spellings of the same words.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections import Counter
from dataclasses import dataclass

from diagramlens.domains.circuits.objects import DESCRIPTIONS
from diagramlens.records import Diagram
from diagramlens.sources.counting import count_questions
from diagramlens.sources.ledger import IMPORTED_STYLE, NO_LEVEL, ItemError, Ledger
from diagramlens.sources.pictures import Picture

KINDS = {
    "resistor": "R",
    "resistor2": "R",  # CI2N: the European box
    "capacitor": "C",
    "inductor": "L",
    "voltage": "V",
    "voltage-source": "V",
    "voltage-lines": "V",  # CI2N: a battery
    "battery": "V",
    "current": "I",
    "current-source": "I",
    "gnd": "ground",
    "ground": "ground",
    "port": "port",
    "vdd": "rail",
    "vcc": "rail",
    "npn": "npn",
    "pnp": "pnp",
    "nmos": "nmos",
    "pmos": "pmos",
    "opamp": "opamp",
    "op-amp": "opamp",
    "single-end-amp": "opamp",  # CI2N: a triangle with two inputs and one output
}
# Kinds that keep their label, as CI2N spells them: what they are called in English, in Chinese. Left out is `capacitor-3`: the symbol that
# is so called is a ground.
OTHER_DESCRIPTIONS = {
    "switch": ("switch", "开关"),
    "diode": ("diode", "二极管"),
    "antenna": ("antenna", "天线"),
    "cross-line-curved": ("crossing of two wires that are not joined", "不相连的导线交叉"),
    "nmos-bulk": ("NMOS transistor with its bulk drawn", "画出衬底的NMOS晶体管"),
    "pmos-bulk": ("PMOS transistor with its bulk drawn", "画出衬底的PMOS晶体管"),
    "nmos-cross": ("NMOS transistor with a wire across it", "有导线穿过的NMOS晶体管"),
    "pmos-cross": ("PMOS transistor with a wire across it", "有导线穿过的PMOS晶体管"),
    "npn-cross": ("NPN transistor with a wire across it", "有导线穿过的NPN晶体管"),
    "pnp-cross": ("PNP transistor with a wire across it", "有导线穿过的PNP晶体管"),
    "single-input-single-end-amp": ("amplifier with one input and one output", "单输入单端输出放大器"),
    "diff-amp": ("differential amplifier", "差分放大器"),
    "resistor2-3": ("resistor, fixed or adjustable", "固定或可调电阻"),
    "inductor-3": ("inductor or transformer winding", "电感或变压器绕组"),
}
MAX_LABEL = 80


@dataclass(frozen=True)
class LabelledBox:
    """What somebody marked in a picture: a label, and two opposite corners in pixels, in any order."""

    label: str
    corners: tuple[float, float, float, float]  # x0, y0, x1, y1


@dataclass(frozen=True)
class BoxedPicture:
    """A picture with its boxes; `path` identifies it within the data set, `stated_size` is what the boxes were drawn for, if known."""

    path: str
    picture: Picture
    boxes: tuple[LabelledBox, ...]
    stated_size: tuple[object, object] | None = None


def boxed_diagram(found: BoxedPicture, *, name: str, domain: str, ask_counts: bool, ledger: Ledger) -> Diagram:
    """The row of a picture without a netlist; its group is the hash of its pixels. Raises ItemError where nothing in it is marked.

    `ask_counts` adds questions of the kind `count` (counting.py). Boxes that are no boxes are counted and left out.
    """
    picture = found.picture
    if found.stated_size is not None and found.stated_size != picture.size:
        stated, real = (f"{width}×{height}" for width, height in (found.stated_size, picture.size))
        raise ItemError("boxes are for another size", f"drawn for {stated} pixels, the picture has {real}")
    objects = _objects(found, ledger)
    if not objects:
        raise ItemError("no boxes", "nothing in the picture is marked", damage=False)
    kinds = [str(item["kind"]) for item in objects]
    identity = f"{name}-{hashlib.blake2b(found.path.encode(), digest_size=8).hexdigest()}"
    questions = count_questions(identity, kinds) if ask_counts else []
    ledger.questions.update(str(question["kind"]) for question in questions)
    ledger.objects.update(kinds)
    diagram = Diagram(
        id=identity,
        group=picture.digest,
        domain=domain,
        level=NO_LEVEL,
        style=IMPORTED_STYLE,
        image=picture.png,
        truth="",
        objects=json.dumps(objects, ensure_ascii=False),
        source=f"{name}/{found.path}",
        questions=json.dumps(questions, ensure_ascii=False, sort_keys=True),
    )
    ledger.take(diagram, "pictures", picture.digest)
    return diagram


def _objects(found: BoxedPicture, ledger: Ledger) -> list[dict[str, object]]:
    """The boxes as `{"name", "kind", "box", "description"}`, in their order, cut at the edges of the picture."""
    width, height = found.picture.size
    objects: list[dict[str, object]] = []
    numbers: Counter[str] = Counter()
    for marked in found.boxes:
        label = " ".join(marked.label.split())
        if not 0 < len(label) <= MAX_LABEL:
            ledger.put_object_aside(found.path, "box without a label", f"a label has 1 to {MAX_LABEL} characters")
            continue
        if not all(math.isfinite(value) for value in marked.corners):
            ledger.put_object_aside(found.path, "box is none", f"{label}: its corners are {marked.corners}")
            continue
        xs, ys = sorted(marked.corners[0::2]), sorted(marked.corners[1::2])
        box = [
            max(0, math.floor(xs[0])),
            max(0, math.floor(ys[0])),
            min(width, math.ceil(xs[1])),
            min(height, math.ceil(ys[1])),
        ]
        if box[0] >= box[2] or box[1] >= box[3]:
            ledger.put_object_aside(found.path, "box is none", f"{label}: {marked.corners} has no area in the picture")
            continue
        numbers[label] += 1
        objects.append({"name": f"{label} {numbers[label]}", "box": box, **_kind(label)})
    return objects


def _kind(label: str) -> dict[str, object]:
    """The kind, and what it is called in English and in Chinese: by its own label in both where nobody knows what that means."""
    spelled = re.sub(r"[\s_]+", "-", label.lower())
    kind = KINDS.get(spelled)
    if kind is not None:
        english, chinese = DESCRIPTIONS[kind]
    else:
        kind, words = label, re.sub(r"[-_]+", " ", label)
        english, chinese = OTHER_DESCRIPTIONS.get(spelled, (words, words))
    return {"kind": kind, "description": english, "description_zh": chinese}


def numbers_of(values: object, count: int) -> tuple[float, ...]:
    """Exactly `count` numbers of a JSON list. Raises ItemError: NaN is told later, a truth value or a text is none."""
    if (
        not isinstance(values, list)
        or len(values) != count
        or any(isinstance(value, bool) or not isinstance(value, int | float) for value in values)
    ):
        raise ItemError("box is none", f"{str(values)[:60]} is no list of {count} numbers")
    try:
        return tuple(float(value) for value in values)
    except OverflowError:
        raise ItemError("box is none", f"{str(values)[:60]} is beyond all pictures") from None
