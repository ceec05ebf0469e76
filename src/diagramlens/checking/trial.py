"""What `check --forward` and `check --overfit` print."""

from __future__ import annotations

import sys

from diagramlens.checking.forward import Forward, go_forward
from diagramlens.checking.overfit import Bounds, Overfit, advice, overfit
from diagramlens.checking.session import Session, open_session
from diagramlens.params import Phase
from diagramlens.records import Question
from diagramlens.training.phases import in_four_bit

__all__ = ["Bounds", "open_session", "show_forward", "show_overfit"]


def show_forward(session: Session) -> bool:
    """Send a step's samples (padded: a micro-batch) through each phase of the recipe and print what happens; whether all of it is right."""
    params = session.params
    questions = samples(session, params.train.batch if session.packed else params.selected_model.micro_batch)
    right, model, before = True, None, None
    for phase in session.phases:
        if model is None or before is None or _base(session, phase) != _base(session, before):
            model = session.model(phase)
        found, before = go_forward(session, model, phase, questions), phase
        if phase is session.phases[0]:
            print(_batch_lines(session, found, len(questions)))
        print(_phase_lines(session, found))
        right &= found.right
    return right


def show_overfit(session: Session, count: int, bounds: Bounds) -> bool:
    """Learn `count` samples and print how it went; whether they were learnt."""
    questions = samples(session, count)
    result = overfit(session, questions, bounds, lambda line: print(line, file=sys.stderr, flush=True))
    print(_overfit_lines(session, result))
    return result.reached


def samples(session: Session, count: int) -> list[Question]:
    """`count` samples: where they are packed those that training reads first, which share pictures; else as different ones as there are."""
    return session.first(count) if session.packed else chosen(session.questions, count)


def chosen(questions: list[Question], count: int) -> list[Question]:
    """`count` questions, evenly spread over the split, so that several kinds and diagrams are among them; all where there are fewer.

    >>> chosen([1, 2, 3, 4, 5, 6], 3)
    [1, 3, 5]
    """
    count = min(count, len(questions))
    return [questions[index * len(questions) // count] for index in range(count)]


def _base(session: Session, phase: Phase) -> bool:
    return in_four_bit(phase, session.params.selected_model)


def _batch_lines(session: Session, found: Forward, samples: int) -> str:
    params = session.params
    how = (
        f"packed into {found.batches} rows of at most {params.train.pack_tokens} tokens" if session.packed else "padded"
    )
    lines = [
        f"{samples} of the {len(session.questions)} training samples, {how}, through {params.model} with {params.recipe} "
        f"on {session.device.type} in {'bf16' if session.bf16 else 'fp32'}",
        "",
        "What goes in" + (" (the first row)" if found.batches > 1 else ""),
        *(f"  {name:20} {shape}" for name, shape in found.shapes.items()),
        "  tokens: " + ", ".join(f"{count} {kind}" for kind, count in found.tokens.items()),
        "",
        "What is learnt from: «marked» is supervised, the rest is only read",
        *(f"  {number + 1}. {_shown(pieces)}" for number, pieces in enumerate(found.texts)),
    ]
    return "\n".join(lines)


def _shown(pieces: list[tuple[str, bool]]) -> str:
    text = "".join(f"«{text}»" if supervised else text for text, supervised in pieces)
    return text.replace("\n", "⏎\n     ")


def _phase_lines(session: Session, found: Forward) -> str:
    lines = [
        "",
        f"Phase {found.phase}: loss {found.loss:.4f} nats a supervised token (guessing among all tokens would be {found.uniform:.2f})",
    ]
    for flow in found.flows:
        state = f"gradients reach {flow.reached} of {flow.trainable} parameters, norm {flow.norm:.3g}"
        if not flow.trainable and not flow.reached:
            state = "no gradient" if flow.plan == "frozen" else "shares another component's weights"
        lines.append(f"  {flow.component:10} {flow.plan:7} {state}{'' if flow.right else '  <- WRONG'}")
    if found.right:
        lines.append("  Right: gradients reach exactly what the phase trains.")
    elif found.loss != found.loss:
        lines.append("  Wrong: the loss is not a number; try train.precision: fp32.")
    else:
        lines.append("  Wrong: a component that is to be trained gets no gradient, or one that is frozen does.")
    return "\n".join(lines)


def _overfit_lines(session: Session, result: Overfit) -> str:
    params = session.params
    lines = [""]
    for attempt in result.attempts:
        lines.append(
            f"Phase {attempt.phase}: loss {attempt.first:.3f} -> {attempt.last:.3f} in {attempt.steps} steps, {attempt.seconds:.0f} s"
        )
    steps = sum(attempt.steps for attempt in result.attempts)
    if result.reached:
        lines.append(
            f"Learnt: {result.samples} samples to below {result.bounds.target:g} nats a token after {steps} steps. The wiring is right."
        )
    else:
        lines.append(
            f"NOT learnt: {result.samples} samples, {result.attempts[-1].last:.3f} nats a token after {steps} steps "
            f"(wanted: {result.bounds.target:g}, within {result.bounds.steps} steps and {result.bounds.seconds:g} s). Look at:"
        )
        lines += [f"  - {line}" for line in advice(result, params.model, params.recipe)]
    return "\n".join(lines)
