"""Have every variant of the model answer the test questions, and grade the answers."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import own_src  # noqa: F401 - before diagramlens

from diagramlens.records import Prediction, Question, read_rows, write_table
from diagramlens.runtime import stage

# What decides about an answer, beside the parameters.
INPUTS = ("data/diagrams", "data/split/test.parquet", "models/merged", "models/quantized")
CODE = (
    *(f"src/diagramlens/{name}.py" for name in ("inference", "export/llama")),
    *(f"src/diagramlens/evaluation/{name}.py" for name in ("kept_answers", "selection", "variants")),
    *(f"src/diagramlens/models/{name}.py" for name in ("families", "loading", "processors", "vision_inputs")),
)

if __name__ == "__main__":
    with stage("evaluate") as run:
        # Imported now that the parameters are known to be right: torch takes seconds, and a misspelt key should not.
        from diagramlens.domains.circuits.size import part_count
        from diagramlens.evaluation.breakdown import accuracy_table, write_csv
        from diagramlens.evaluation.details import detailed_variant, details, write_details
        from diagramlens.evaluation.kept_answers import KeptAnswers
        from diagramlens.evaluation.metrics import summarize
        from diagramlens.evaluation.scoring import score
        from diagramlens.evaluation.selection import diagrams_of, to_ask, whole_diagrams
        from diagramlens.evaluation.variants import check_variants, familiarity_of, is_gguf, open_variant
        from diagramlens.export.calibration import Machine, unlike_share
        from diagramlens.inference import TransformersAnswerer, answer_all, closing
        from diagramlens.inspecting.out_of_memory import Use, out_of_memory_advice
        from diagramlens.models.pretraining import known_topologies

        settings, how = run.params.evaluate, run.runtime
        check_variants(settings.variants)
        questions = whole_diagrams(read_rows(Path("data/split/test.parquet"), Question), settings.questions)
        diagrams = diagrams_of(questions, Path("data/diagrams"))
        asked = to_ask(questions, diagrams)
        topologies = {question.group for question in questions}
        known = known_topologies(run.params.model, topologies)
        if known:
            run.note(
                f"warning: {run.params.model.source} was pretrained on {known} of these {len(topologies)} test topologies, so that the "
                "figures are none of circuits never seen; split.salt decides which are kept apart"
            )
        entry = run.params.model
        kept = run.kept([*INPUTS, entry.source] if entry.is_local else INPUTS, CODE)
        out = run.out("data/predictions")
        use = Use("evaluate", run.params.names.model, run.params.model, batch=settings.batch)
        shown = [(diagram.id, diagram.image) for diagram in diagrams.values()]
        predictions: dict[str, list[Prediction]] = {}
        unlike: dict[str, float] = {}
        for variant in settings.variants:
            with out_of_memory_advice(use):
                model = open_variant(
                    variant, run.params.model, device=how.device, attention=how.attention, threads=run.workers
                )
                with closing(model) as answerer:
                    texts = answer_all(
                        answerer,
                        asked,
                        batch=settings.batch,
                        max_new_tokens=settings.max_new_tokens,
                        by_picture=is_gguf(variant),
                        cores=run.workers,
                        progress=partial(run.progress, unit=f"batches of {variant}"),
                        kept=KeptAnswers(kept / f"{variant}.jsonl"),
                    )
                    familiarity = familiarity_of(variant)
                    if familiarity and isinstance(answerer, TransformersAnswerer):
                        machine = Machine(
                            settings.batch, run.workers, partial(run.progress, unit=f"batches read by {variant}")
                        )
                        unlike[variant] = unlike_share(answerer, familiarity, shown, machine)
            predictions[variant] = score(variant, questions, texts)
            write_table(out / f"{variant}.parquet", predictions[variant], Prediction)
        run.metrics("metrics/metrics.json", {variant: summarize(rows) for variant, rows in predictions.items()})
        examined = {"diagrams": len(diagrams), "questions": len(questions), "topologies": len(topologies)}
        run.metrics("metrics/evaluate.json", {**examined, "topologies_pretrained_on": known, "unlike_share": unlike})
        parts = {diagram.id: part_count(diagram.truth) for diagram in diagrams.values()}
        by_parts = accuracy_table(predictions, "parts", lambda row: parts[row.diagram_id])
        write_csv(run.file("metrics/accuracy_by_parts.csv"), "parts", settings.variants, by_parts)
        by_style = accuracy_table(predictions, "style", lambda row: diagrams[row.diagram_id].style)
        write_csv(run.file("metrics/accuracy_by_style.csv"), "style", settings.variants, by_style)
        if settings.details:
            write_details(out / "details.json", details(questions, predictions[detailed_variant(settings.variants)]))
        run.say(
            f"{len(questions)} questions answered by {', '.join(settings.variants)}; see dvc metrics show, or diagramlens report"
        )
