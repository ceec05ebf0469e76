"""Answers around a value: bare, marked, boxed, in prose and lists, with what stands before and behind it; and those that do not claim it.

A value comes as plain text and, where it has one, as LaTeX. What a wording makes of it is right where the value is right, but for DENIED,
BOUNDED and the offers of two values, which are never right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random


@dataclass(frozen=True)
class Written:
    """One value as text: plain, and as what stands between dollars ("" where it has no such form)."""

    plain: str
    latex: str = ""


@dataclass(frozen=True)
class Topic:
    """What is asked for: as a noun ("the gain"), as what stands left of an equality ("" where nothing does), and things that one says
    behind an answer without changing it."""

    noun: str
    labels: Sequence[str] = ()
    remarks: Sequence[str] = ()
    reasons: Sequence[str] = ()


TOKENS = (
    "</s>",
    "<|im_end|>",
    "<|endoftext|>",
    "<end_of_utterance>",
    "<|eot_id|>",
    "<eos>",
    "<|im_end|>\n",
    "<end_of_turn>\n",
)

PLAIN = (
    "{v}",
    "{v}.",
    " {v}\n",
    "Answer: {v}",
    "**Answer:** {v}",
    "**Final answer:** {v}.",
    "### Final Answer: {v}",
    "Final answer: **{v}**",
    "**{v}**",
    "`{v}`",
    "```\n{v}\n```",
    "So the answer is {v}.",
    "The {noun} is {v}.",
    "the {noun} is {v}",
    "The {noun} is **{v}**.",
    "Therefore, the {noun} is {v}.",
    "The {noun} comes out as: {v}",
    "## Solution\n\nThe {noun} is {v}.",
    "Let me look at the circuit.\n\nAnswer:\n{v}",
    "First look at the parts.\nThen the {noun} is {v}.",
    "- Look at the parts first.\n- The {noun} is {v}.",
    "1. Look at the parts.\n2. The {noun} is {v}.",
    "* Look at the parts first.\n* The {noun} is {v}.",
    "<think>It could be something else.</think>{v}",
)
LABELLED = (
    "{label} = {v}",
    "{label} = {v}.",
    "**{label} = {v}**",
    "Answer: {label} = {v}",
    "`{label} = {v}`",
    "- {label} = {v}",
    "So {label} = {v}.",
    "- Look at the parts first.\n- {label} = {v}",
    "The {noun} follows:\n{label} = {v}",
    "```python\n{label} = {v}\n```",
)
LATEX = (
    "${m}$",
    "${m}$.",
    "$$\n{m}\n$$",
    "\\[{m}\\]",
    "\\({m}\\)",
    "\\boxed{{{m}}}",
    "$\\boxed{{{m}}}$",
    "\\[\\boxed{{{m}}}\\]",
    "Thus $\\boxed{{{m}}}$.",
    "Answer: ${m}$",
    "**Answer:** \\({m}\\)",
    "Answer: \\boxed{{{m}}}",
    "The {noun} is ${m}$.",
    "The {noun} is \\({m}\\).",
    "The {noun} is\n\\[\n{m}\n\\]",
    "{m}",
    "- Look at the parts.\n- The {noun} is ${m}$.",
)
LATEX_LABELLED = (
    "${label} = {m}$",
    "$$ {label} = {m} $$",
    "\\[ {label} = {m} \\]",
    "\\boxed{{{label} = {m}}}",
    "\\begin{{align*}}\n{label} &= {m}\n\\end{{align*}}",
    "$$\\begin{{aligned}} {label} &= {m} \\\\ &= {m} \\end{{aligned}}$$",
    "{label} = {m}",
)
# All of them read the value as no answer. `{v}` may be in dollars.
DENIED = (
    "not {v}",
    "It is not {v}.",
    "The {noun} is not {v}.",
    "The {noun} isn't {v}.",
    "The {noun} cannot be {v}.",
    "It can't be {v}",
    "Answer: not {v}",
    "**Answer:** It is not {v}.",
    "I do not think that the {noun} is {v}.",
    "The {noun} is never {v}.",
    "It is not true that the {noun} is {v}.",
    "{v} is wrong.",
    "{v} is not the {noun}.",
    "{v} cannot be right.",
)
BOUNDED = (
    "< {v}",
    "> {v}",
    "≤ {v}",
    "The {noun} is less than {v}.",
    "The {noun} is more than {v}",
    "at most {v}",
    "at least {v}.",
    "{v} or less",
    "{v} or more",
    "up to {v}",
    "The {noun} is below {v}.",
    "It does not exceed {v}.",
    "$\\leq$ {v}",
)
OFFERED = (
    "{v} or {w}",
    "either {v} or {w}",
    "{v}, or maybe {w}",
    "The {noun} is {v} or {w}.",
    "It could be {v} or {w}.",
    "{w} or {v}",
)


def worded(rng: Random, value: Written, topic: Topic) -> str:
    """An answer that claims a value, with what may stand behind it and at its end."""
    forms: list[tuple[str, bool]] = [(form, False) for form in PLAIN]
    if topic.labels:
        forms += [(form, False) for form in LABELLED]
    if value.latex:
        forms += [(form, True) for form in LATEX] + [(form, True) for form in LATEX_LABELLED if topic.labels]
    form, _ = rng.choice(forms)
    label = rng.choice(topic.labels) if topic.labels else ""
    text = form.format(v=value.plain, m=value.latex, noun=topic.noun, label=label)
    if rng.random() < 0.35 and text.count("\n") < 2 and not text.endswith(("`", "\n")):
        text = _with_tail(rng, text, topic)
    return text + (rng.choice(TOKENS) if rng.random() < 0.15 else "")


def _with_tail(rng: Random, text: str, topic: Topic) -> str:
    """The answer and a remark in brackets, a reason, or a sentence of its own behind it."""
    tails = []
    bare = text.rstrip(".")
    if "Look" not in text:
        tails += [bare + f" ({remark})" for remark in topic.remarks]
        tails += [
            bare + form.format(reason)
            for reason in topic.reasons
            for form in (", because {}.", " because {}", ", since {}.")
        ]
    tails += [bare + f".\n{remark[0].upper()}{remark[1:]}." for remark in topic.reasons]
    return rng.choice(tails) if tails else text


def denied(rng: Random, value: Written, topic: Topic) -> str:
    """An answer that says that this is not the value."""
    return rng.choice(DENIED).format(v=_shown(rng, value), noun=topic.noun)


def bounded(rng: Random, value: Written, topic: Topic) -> str:
    """An answer that only bounds the value."""
    return rng.choice(BOUNDED).format(v=_shown(rng, value), noun=topic.noun)


def offered(rng: Random, value: Written, other: Written, topic: Topic) -> str:
    """An answer that leaves open which of two values it is."""
    return rng.choice(OFFERED).format(v=_shown(rng, value), w=_shown(rng, other), noun=topic.noun)


def _shown(rng: Random, value: Written) -> str:
    return f"${value.latex}$" if value.latex and rng.random() < 0.4 else value.plain
