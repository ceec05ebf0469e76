"""Put every question into the training, validation or test split, by its topology."""

from __future__ import annotations

from pathlib import Path

from diagramlens.records import Question, read_rows, write_table
from diagramlens.runtime import stage
from diagramlens.splitting import divide, split_metrics

if __name__ == "__main__":
    with stage("split") as run:
        shares = run.params.split
        rows = divide(read_rows(Path("data/labelled"), Question), shares.salt, shares.fractions)
        out = run.out("data/split")
        for name, questions in rows.items():
            write_table(out / f"{name}.parquet", questions, Question)
        run.metrics("metrics/split.json", split_metrics(rows))
        counts = ", ".join(f"{len(questions)} {name}" for name, questions in rows.items())
        run.say(f"data/split holds {counts} questions; no topology is in two of them")
