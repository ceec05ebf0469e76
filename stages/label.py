"""Ask questions about every diagram and answer them exactly; have a sample solved again by others."""

from __future__ import annotations

from pathlib import Path

import own_src  # noqa: F401 - before diagramlens

from diagramlens.records import Question, write_shards
from diagramlens.runtime import stage
from diagramlens.teachers.cross_check import cross_check
from diagramlens.teachers.label_metrics import LabelTally
from diagramlens.teachers.sample import to_solve_again
from diagramlens.teachers.solver import Asking, count_described, label_all, read_described

ROWS_PER_SHARD = 8192

if __name__ == "__main__":
    with stage("label") as run:
        p = run.params.label
        asking = Asking(dict(p.kinds), p.netlist_form, p.seed, p.choices, p.reasoning, p.marked_only, p.expressions)
        source, out = Path("data/diagrams"), run.out("data/labelled")
        count, tally = count_described(source), LabelTally()
        labelled = label_all(read_described(source), asking, run.workers, count)
        questions = tally.watch(run.progress(labelled, total=count, unit="diagrams"))
        write_shards(out, questions, Question, ROWS_PER_SHARD)

        sample = to_solve_again(out, p.cross_check, p.seed)
        for checked in run.progress(cross_check(sample, run.workers), total=len(sample), unit="cross-checks"):
            tally.check(checked)

        run.metrics("metrics/label.json", tally.metrics())
        run.say(
            f"data/labelled holds {tally.total} questions about {tally.diagrams} diagrams, "
            f"{tally.checked} of them solved again; dvc repro goes on to split them"
        )
