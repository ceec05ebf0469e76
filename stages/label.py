"""Ask questions about every diagram and answer them exactly; have lcapy solve a sample again."""

from __future__ import annotations

from pathlib import Path

from diagramlens.domains.circuits.questions import TEACHER
from diagramlens.records import Question, write_shards
from diagramlens.runtime import stage
from diagramlens.teachers.cross_check import KINDS, cross_check, is_chosen
from diagramlens.teachers.label_metrics import label_metrics
from diagramlens.teachers.solver import Asking, label_all, read_described

ROWS_PER_SHARD = 8192

if __name__ == "__main__":
    with stage("label") as run:
        p = run.params.label
        diagrams = list(read_described(Path("data/diagrams")))
        asking = Asking(dict(p.kinds), p.netlist_form, p.seed)
        labelled = list(run.progress(label_all(diagrams, asking, run.workers), total=len(diagrams), unit="diagrams"))
        questions = [question for one in labelled for question in one.questions]

        sample = [
            question
            for question in questions
            if question.teacher == TEACHER
            and question.kind in KINDS
            and is_chosen(question.diagram_id, p.cross_check, p.seed)
        ]
        checks = list(run.progress(cross_check(sample, run.workers), total=len(sample), unit="cross-checks"))

        write_shards(run.out("data/labelled"), questions, Question, ROWS_PER_SHARD)
        run.metrics("metrics/label.json", label_metrics(labelled, checks))
        run.say(
            f"data/labelled holds {len(questions)} questions about {len(diagrams)} diagrams, "
            f"{len(checks)} of them solved twice; dvc repro goes on to split them"
        )
