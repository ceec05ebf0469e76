"""One question of each kind with an answer to it whose verdict is known, because the answer was made from the gold or from something else.

Every function draws a gold, decides whether the answer shall be right, and why not if not; then it writes the answer.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from random import Random

import sympy

from tests.grading.examination import formulas, quantities
from tests.grading.examination.asked import Asked, answer
from tests.grading.examination.perception import blocks, choice, count, function, names, netlist
from tests.grading.examination.wording import Topic, Written
from tests.grading.trees import NAMES, ascii_text

FORMULA_REMARKS = ("voltage divider", "a low pass", "by nodal analysis", "first-order low-pass", "in the s-domain")
FORMULA_REASONS = (
    "the op-amp is ideal",
    "this is a first-order low-pass filter",
    "the two are a Thevenin-equivalent pair",
    "no current and/or charge is lost",
)


def transfer(rng: Random) -> Asked:
    """A transfer function."""
    return _formula(
        rng, "transfer", Topic("transfer function", ("H(s)", "H", "V_2/V_1", "T(s)"), FORMULA_REMARKS, FORMULA_REASONS)
    )


def impedance(rng: Random) -> Asked:
    """An impedance in names."""
    return _formula(rng, "impedance", Topic("impedance", ("Z(s)", "Z_in", "Z"), FORMULA_REMARKS, FORMULA_REASONS))


def gain(rng: Random) -> Asked:
    """A gain at DC or at high frequencies, in names or as a number."""
    kind = rng.choice(("dc_gain", "hf_gain"))
    topic = Topic(
        "gain", ("A", "A_v", "H(0)" if kind == "dc_gain" else "A_hf"), ("a voltage divider",), FORMULA_REASONS
    )
    if rng.random() < 0.5:
        return _formula(rng, kind, topic, frequency=False)
    value = rng.choice((1, -1)) * rng.choice(quantities.MANTISSAS) / rng.choice((1, 2, 4, 10))
    wrong = rng.choice((-value, -value, value * 2, value / 10, 1 / value if abs(value) != 1 else value * 3))
    gold = {"numerator": str(value.numerator), "denominator": str(value.denominator), "names": []}
    right_text, wrong_text = (quantities.written(one, "", rng) for one in (value, wrong))
    text, right, made = answer(
        rng, right_text, wrong_text, Topic("gain", ("A", "A_v"), ("a voltage ratio",), ("the op-amp is ideal",))
    )
    return Asked(kind, gold, text, right, made)


def _formula(rng: Random, kind: str, topic: Topic, *, frequency: bool = True) -> Asked:
    tree = formulas.formula(rng, frequency=frequency)
    gold = {"numerator": ascii_text(tree), "denominator": "1", "names": list(NAMES)}
    right, wrong = formulas.equal(tree, rng), formulas.wrong(tree, rng)
    text, correct, made = answer(rng, formulas.written(right, rng), formulas.written(wrong, rng), topic)
    return Asked(kind, gold, text, correct, made)


def nodal(rng: Random) -> Asked:
    """Kirchhoff's law at a node: three branches, the equation multiplied, turned round, or with a branch wrong."""
    voltages = ["V_a", "V_b", "V_c"]
    a, b, c, source = sympy.symbols("V_a V_b V_c I1")
    r1, r2, c1, l1, s = sympy.symbols("R1 R2 C1 L1 s")
    branches = [
        rng.choice(((a - b) / r1, (a - b) * s * c1)),
        rng.choice(((a - c) / r2, (a - c) / (s * l1))),
        rng.choice((a / r2, -source, a * s * c1)),
    ]
    gold = {
        "left": str(sum(branches)),
        "right": "0",
        "names": ["R1", "R2", "C1", "L1", "I1", "s"],
        "voltages": voltages,
    }
    wrong = list(branches)
    place = rng.randrange(3)
    wrong[place] = rng.choice(
        (-wrong[place], 2 * wrong[place], wrong[place].subs(a, b) if place < 2 else 3 * wrong[place])
    )
    right_text, wrong_text = (_equation(rng, terms) for terms in (branches, wrong))
    text, right, made = answer(
        rng,
        right_text,
        wrong_text,
        Topic("nodal equation", (), ("by KCL",), ("the sum of the currents is zero",)),
        comparable=False,
    )
    return Asked("nodal", gold, text, right, made)


def _equation(rng: Random, terms: list[sympy.Expr]) -> Written:
    factor = rng.choice((1, 1, -1, sympy.Symbol("R1"), 2))
    moved = rng.randrange(3)
    left = sum(term for place, term in enumerate(terms) if place != moved) * factor
    right = -terms[moved] * factor
    if rng.random() < 0.5:
        left, right = left - right, sympy.Integer(0)
    if rng.random() < 0.5:
        left = sympy.expand(left)
    return Written(f"{left} = {right}", f"{sympy.latex(left)} = {sympy.latex(right)}")


QUANTITIES = {
    "voltage": (
        "V",
        Topic(
            "voltage",
            ("V", "V_out", "U"),
            ("across R2",),
            ("R1 and R2 divide it", "10 V drops across R1", "the source is 10 V"),
        ),
    ),
    "current": (
        "A",
        Topic("current", ("I", "I_1"), ("through R2", "to the right"), ("R1 is in series", "the source gives 2 A")),
    ),
    "power": ("W", Topic("power", ("P",), ("absorbed",), ("R1 takes the rest", "the source gives 2 W"))),
    "cutoff": (
        "Hz",
        Topic(
            "cutoff frequency", ("f_c", "f"), ("a low pass",), ("R1 and C1 make a first-order low-pass", "R1 is 1 kΩ")
        ),
    ),
    "time_constant": ("s", Topic("time constant", ("tau", "\\tau"), ("of the first-order low-pass",), ("R1 is 1 kΩ",))),
    "design": ("Ω", Topic("value", ("R2", "R_2"), ("a standard value",), ("R1 is 1 kΩ", "the two divide the input"))),
}


def quantity(rng: Random) -> Asked:
    """A number with its unit; wrong are the sign, a factor, a prefix, the unit, a group of its digits that was taken for another number."""
    kind = rng.choice(list(QUANTITIES))
    unit, topic = QUANTITIES[kind]
    value = rng.choice(quantities.MANTISSAS) * Fraction(1000) ** rng.choice(
        (-2, -1, 0, 0, 1) if kind != "design" else (0, 1, 1, 2)
    )
    if kind in ("voltage", "current", "power") and rng.random() < 0.4:
        value = -value
    gold = {"value": str(value), "unit": unit}
    other = rng.choice(
        (
            -value,
            value * 10,
            value / 1000,
            value * 1000,
            value * Fraction(11, 10),
            value + rng.choice((1, -1)) * value / 2,
        )
    )
    wrong_unit = rng.choice([name for name in ("V", "A", "Ω", "W", "s", "F") if name != unit])
    wrong = quantities.written(value, wrong_unit, rng) if rng.random() < 0.25 else quantities.written(other, unit, rng)
    right = quantities.written(value, unit, rng)
    if rng.random() < 0.15:
        return _said_again(rng, kind, gold, value, other, unit)
    text, correct, made = answer(rng, right, wrong, topic)
    return Asked(kind, gold, text, correct, made)


def _said_again(rng: Random, kind: str, gold: dict[str, object], value: Fraction, other: Fraction, unit: str) -> Asked:
    """A value and the same once more, in other digits or another unit; or once more and otherwise."""
    right = rng.random() < 0.5
    first = quantities.written(value if right or rng.random() < 0.5 else other, unit, rng).plain
    second = quantities.written(value if right else other, unit, rng).plain
    if right and kind == "cutoff" and rng.random() < 0.5:
        second = f"{float(value) * 6.283185307:.5g} rad/s"
    form = rng.choice(("{} ({})", "{} = {}", "{}, i.e. {}", "{} (i.e. {})", "{} ≈ {}", "{} or {}"))
    return Asked(kind, gold, form.format(first, second), right, "said again" if right else "said again otherwise")


def roots(rng: Random) -> Asked:
    """Poles or zeros: real ones and pairs, each as often as it is there; wrong are a sign, a factor, one left out, one too many."""
    kind = rng.choice(("poles", "zeros"))
    if rng.random() < 0.25:
        return _roots_in_names(rng, kind)
    reals = [-rng.choice((1, 2, 5, 20, 25, 150, 1000, 2200, 47000)) for _ in range(rng.randint(0, 2))]
    pairs = [(-rng.choice((50, 100, 300)), rng.choice((200, 400, 5000)))] if not reals or rng.random() < 0.4 else []
    gold = {
        "roots": [[str(x), "0"] for x in reals] + [[str(x), str(y)] for a, b in pairs for x, y in ((a, b), (a, -b))],
        "unit": "rad/s",
    }
    topic = Topic({"poles": "set of poles", "zeros": "set of zeros"}[kind], (), (), ())
    wrong = _wrong_roots(rng, reals, pairs)
    right_text = _roots_text(rng, reals, pairs)
    # A bound is one of a number, not of a set.
    number = len(reals) == 1 and not pairs and not {"{", "="} & set(right_text.plain)
    text, right, made = answer(rng, right_text, _roots_text(rng, *wrong), topic, comparable=number)
    return Asked(kind, gold, text, right, made)


def _wrong_roots(
    rng: Random, reals: list[int], pairs: list[tuple[int, int]]
) -> tuple[list[int], list[tuple[int, int]]]:
    choices = [([*reals, -7], pairs), (reals, [*pairs, (-7, 30)])]
    if reals:
        choices += [([-reals[0], *reals[1:]], pairs), ([reals[0] * 10, *reals[1:]], pairs)] * 2
    if pairs:
        choices += [(reals, [(-pairs[0][0], pairs[0][1])]), (reals, [(pairs[0][0], pairs[0][1] * 2)])]
    if len(reals) + len(pairs) > 1 and reals:
        choices.append((reals[1:], pairs))
    return rng.choice(choices)


def _roots_text(rng: Random, reals: list[int], pairs: list[tuple[int, int]]) -> Written:
    style = rng.choice(("python", "unit", "kilo", "sympy", "mathematica", "plus-minus", "labels", "latex"))
    unit = rng.choice((" rad/s", " 1/s", " s^-1")) if style in ("unit", "labels") else ""
    single = len(reals) == 1 and not pairs
    if style == "kilo" and single:
        again = rng.choice(("", f" ({reals[0] / 6.283185307:.5g} Hz)", f" (i.e. {reals[0]} rad/s)"))
        return Written(f"{reals[0] / 1000:.12g} krad/s{again}", rf"{reals[0] / 1000:.12g}\,\mathrm{{krad/s}}")
    if style == "unit" and single and rng.random() < 0.5:
        return Written(f"{reals[0]} rad/s ({reals[0] / 6.283185307:.6g} Hz)")
    if style == "sympy":
        everything = [*reals, *(sympy.Integer(a) + sign * sympy.I * b for a, b in pairs for sign in (1, -1))]
        return Written(
            str(everything),
            sympy.latex(sympy.FiniteSet(*everything)) if len(set(everything)) == len(everything) else "",
        )
    imaginary = {"mathematica": "{a} {sign} {b} I", "python": "{a}{sign}{b}j", "latex": "{a} {sign} j{b}"}.get(
        style, "{a} {sign} {b}j"
    )
    if style == "plus-minus":
        items = [str(root) for root in reals] + [f"{a} ± {b}j" for a, b in pairs]
        return Written(", ".join(items), ", ".join(item.replace("±", r"\pm") for item in items))
    items = [str(root) for root in reals] + [imaginary.format(a=a, b=b, sign=sign) for a, b in pairs for sign in "+-"]
    if style == "mathematica":
        return Written("{" + ", ".join(f"{{s -> {item}}}" for item in items) + "}")
    if style == "labels":
        return Written(
            rng.choice((", ", "; ", " and ")).join(f"s_{place} = {item}{unit}" for place, item in enumerate(items, 1))
        )
    latex = rng.choice((r"\left\{{{}\right\}}", "{}", r"s \in \{{{}\}}") if not single else ("{}",)).format(
        ", ".join(items)
    )
    return Written(", ".join(item + unit for item in items), latex)


def _roots_in_names(rng: Random, kind: str) -> Asked:
    r1, c1, r2 = sympy.symbols("R1 C1 R2")
    root = rng.choice((-1 / (r1 * c1), -(r1 + r2) / (r1 * r2 * c1), -r2 / (r1 * c1)))
    wrong = rng.choice((-root, 2 * root, 1 / root, root / 10))
    right_text, wrong_text = (Written(str(one), sympy.latex(one)) for one in (root, wrong))
    topic = Topic("root", ("s", "s_1"), (), ())
    text, right, made = answer(rng, right_text, wrong_text, topic)
    return Asked(kind, {"roots": [str(root)], "names": ["R1", "C1", "R2"], "unit": "rad/s"}, text, right, made)


QUESTIONS: tuple[Callable[[Random], Asked], ...] = (
    *(
        transfer,
        impedance,
        gain,
        gain,
        nodal,
        quantity,
        quantity,
        quantity,
        quantity,
        roots,
        roots,
        count,
        names,
        function,
        choice,
    ),
    *(netlist, blocks),
)
