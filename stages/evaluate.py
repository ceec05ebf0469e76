"""Have every variant of the model answer the test questions, and grade the answers."""

from __future__ import annotations

from pathlib import Path

import own_src  # noqa: F401 - before diagramlens

from diagramlens.records import Prediction, Question, read_rows, write_table
from diagramlens.runtime import stage

# What decides about an answer, beside the parameters.
INPUTS = ("data/diagrams", "data/split/test.parquet", "models/merged", "models/quantized")
CODE = (
    *(f"src/diagramlens/{name}.py" for name in ("inference", "export/llama")),
    *(f"src/diagramlens/evaluation/{name}.py" for name in ("asking", "kept_answers", "selection", "variants")),
    *(f"src/diagramlens/models/{name}.py" for name in ("chat", "families", "loading", "processors", "vision_inputs")),
)

if __name__ == "__main__":
    with stage("evaluate") as run:
        # Imported now that the parameters are known to be right: torch takes seconds, and a misspelt key should not.
        from diagramlens.evaluation.asking import Asking, ask_variant
        from diagramlens.evaluation.breakdown import write_breakdowns
        from diagramlens.evaluation.details import detailed_variant, details, write_details
        from diagramlens.evaluation.metrics import summarize
        from diagramlens.evaluation.scoring import score
        from diagramlens.evaluation.selection import diagrams_of, to_ask, whole_diagrams
        from diagramlens.evaluation.variants import check_variants
        from diagramlens.inspecting.out_of_memory import Use, out_of_memory_advice
        from diagramlens.models.pretraining import known_topologies

        settings, entry = run.params.evaluate, run.params.model
        check_variants(settings.variants)
        questions = whole_diagrams(read_rows(Path("data/split/test.parquet"), Question), settings.questions)
        diagrams = diagrams_of(questions, Path("data/diagrams"))
        topologies = {question.group for question in questions}
        known = known_topologies(entry, topologies)
        if known:
            run.note(
                f"warning: {entry.source} was pretrained on {known} of these {len(topologies)} test topologies, so that the "
                "figures are none of circuits never seen; split.salt decides which are kept apart"
            )
        kept = run.kept([*INPUTS, entry.source] if entry.is_local else INPUTS, CODE)
        how = Asking(settings, run.runtime, run.workers, run.progress, kept)
        asked = to_ask(questions, diagrams)
        out = run.out("data/predictions")
        predictions: dict[str, list[Prediction]] = {}
        unlike: dict[str, float] = {}
        for variant in settings.variants:
            with out_of_memory_advice(Use("evaluate", run.params.names.model, entry, batch=settings.batch)):
                answered = ask_variant(variant, entry, asked, diagrams, how)
            if answered.unlike is not None:
                unlike[variant] = answered.unlike
            predictions[variant] = score(variant, questions, answered.texts)
            write_table(out / f"{variant}.parquet", predictions[variant], Prediction)
        run.metrics("metrics/metrics.json", {variant: summarize(rows) for variant, rows in predictions.items()})
        examined = {"diagrams": len(diagrams), "questions": len(questions), "topologies": len(topologies)}
        run.metrics("metrics/evaluate.json", {**examined, "topologies_pretrained_on": known, "unlike_share": unlike})
        by_parts, by_style = run.file("metrics/accuracy_by_parts.csv"), run.file("metrics/accuracy_by_style.csv")
        write_breakdowns(predictions, diagrams, by_parts=by_parts, by_style=by_style)
        if settings.details:
            write_details(out / "details.json", details(questions, predictions[detailed_variant(settings.variants)]))
        run.say(
            f"{len(questions)} questions answered by {', '.join(settings.variants)}; see dvc metrics show, or diagramlens report"
        )
