"""Questions of perception, and choices: counts, names, functions, netlists, block diagrams; one function each, as in `questions`."""

from __future__ import annotations

from random import Random

from tests.grading.examination import formulas
from tests.grading.examination.asked import Asked, answer
from tests.grading.examination.wording import TOKENS, Topic, Written, worded
from tests.grading.trees import ascii_text

NUMBER_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def count(rng: Random) -> Asked:
    """How many parts of a kind, in digits or words."""
    number, wrong = rng.sample(range(10), 2)
    what = rng.choice(("resistors", "capacitors", "nodes", "inductors"))
    gold = {"count": number, **({"what": what} if rng.random() < 0.5 else {})}

    def text(n: int) -> Written:
        return rng.choice(
            (
                Written(str(n), str(n)),
                Written(NUMBER_WORDS[n], rf"\text{{{NUMBER_WORDS[n]}}}"),
                Written(f"{n} {what if n != 1 else what[:-1]}", str(n)),
            )
        )

    topic = Topic(
        f"number of {what}",
        ("n", "N"),
        ("the others are wires",),
        ("there are 12 parts in all",) if rng.random() < 0.5 else ("the rest are wires",),
    )
    said, right, made = answer(rng, text(number), text(wrong), topic)
    return Asked("count", gold, said, right, made)


def names(rng: Random) -> Asked:
    """Which parts meet at a node or lie between two."""
    parts = ["R1", "R2", "R3", "C1", "C2", "L1", "V1"]
    chosen = rng.sample(parts, rng.randint(1, 3))
    other = rng.choice(
        (
            [*chosen, rng.choice([p for p in parts if p not in chosen])],
            chosen[1:] or [rng.choice([p for p in parts if p not in chosen])],
        )
    )

    def text(group: list[str]) -> Written:
        group = rng.sample(group, len(group))
        joined = rng.choice((", ", " and ", "; ")).join(group)
        return Written(joined, ", ".join(f"{name[0]}_{{{name[1:]}}}" for name in group))

    kind = rng.choice(("joined", "between"))
    topic = Topic("set of parts", (), (), ("they share a wire",))
    said, right, made = answer(rng, text(chosen), text(other), topic, comparable=False)
    if made == "only a reason":
        said, right, made = worded(rng, text(other), topic), False, "another value"
    return Asked(kind, {"names": sorted(chosen)}, said, right, made)


LABELS = (
    "low-pass filter",
    "high-pass filter",
    "band-pass filter",
    "voltage divider",
    "inverting amplifier",
    "non-inverting amplifier",
    "integrator",
)


def function(rng: Random) -> Asked:
    """What the circuit does."""
    label, wrong = rng.sample(LABELS, 2)

    def text(name: str) -> Written:
        spelled = rng.choice(
            (name, name.replace("-", " "), name.capitalize(), f"a {name}", name.removesuffix(" filter"))
        )
        return Written(spelled, rf"\text{{{name}}}")

    topic = Topic("function", (), ("first order",), ("the output is taken across C1",))
    said, right, made = answer(rng, text(label), text(wrong), topic, comparable=False)
    return Asked("function", {"label": label, "labels": list(LABELS)}, said, right, made)


def choice(rng: Random) -> Asked:
    """One of four: by its letter, by letter and text, or by its text."""
    choices = [ascii_text(formulas.formula(rng)) for _ in range(4)]
    place, wrong = rng.sample(range(4), 2)

    def text(n: int) -> Written:
        letter = "ABCD"[n]
        return Written(rng.choice((letter, f"({letter})", f"option {letter}", letter)), rf"\text{{{letter}}}")

    topic = Topic("correct answer", (), (), ("the output is taken across R2",))
    said, right, made = answer(rng, text(place), text(wrong), topic, comparable=False)
    if made == "only a reason":
        said, right, made = worded(rng, text(wrong), topic), False, "another value"
    return Asked("choice", {"letter": "ABCD"[place], "choices": choices}, said, right, made)


NETLIST_FORMS = (
    "{v}",
    "Answer:\n{v}",
    "```\n{v}\n```",
    "```spice\n{v}\n```",
    "The netlist is:\n\n{v}\n",
    "**Answer:**\n```\n{v}\n```",
)


def netlist(rng: Random) -> Asked:
    """A ladder as a netlist: its nodes renamed, its lines in another order; wrong are a part turned, left out, or joined elsewhere."""
    lines = [["V1", "1", "0"]]
    for place in range(1, rng.randint(2, 4)):
        lines += [[f"R{place}", str(place), str(place + 1)], [f"C{place}", str(place + 1), "0"]]
    gold = "\n".join(" ".join(line) for line in lines)
    right = rng.random() < 0.5
    made = "right"
    given = [list(line) for line in lines]
    if not right:
        made = rng.choice(("turned", "left out", "joined elsewhere", "added"))
        if made == "turned":
            given[0] = ["V1", "0", "1"]
        elif made == "left out":
            given.pop(rng.randrange(1, len(given)))
        elif made == "joined elsewhere":
            given[1][2] = "0"
        else:
            given.append(["R9", "1", "0"])
    names = {
        "0": "0",
        **{
            str(n): new
            for n, new in zip(range(1, 6), rng.sample(["a", "b", "c", "out", "n1", "7", "in"], 5), strict=True)
        },
    }
    rng.shuffle(given)
    text = "\n".join(" ".join([line[0], *(names[node] for node in line[1:])]) for line in given)
    said = rng.choice(NETLIST_FORMS).format(v=text) + (rng.choice(TOKENS) if rng.random() < 0.2 else "")
    return Asked("netlist", {"netlist": gold, "ground": True}, said, right, made)


def blocks(rng: Random) -> Asked:
    """A loop as a block diagram; wrong are the sign of the feedback, a block left out, a value."""
    pole = rng.choice((2, 5, 10))
    signal = rng.choice(("S1", "S2", "E"))
    lines = ["in R", "sum S1 +R -H1", f"block G1 S1 10/(s+{pole})", "block H1 G1", "out Y G1"]
    right, made = rng.random() < 0.5, "right"
    given = [line.replace("S1", signal) for line in lines]
    if not right:
        made = rng.choice(("sign", "left open", "value"))
        given = {
            "sign": [line.replace("-H1", "+H1") for line in given],
            "left open": [given[0], f"block G1 R 10/(s+{pole})", *given[3:]],
            "value": [line.replace("10/", "20/") for line in given],
        }[made]
    elif rng.random() < 0.5:
        given[2] = f"block G1 {signal} 5/(s/2+{pole}/2)"
    said = rng.choice(NETLIST_FORMS).format(v="\n".join(given)) + (rng.choice(TOKENS) if rng.random() < 0.2 else "")
    return Asked("netlist", {"blocks": "\n".join(lines)}, said, right, made)
