"""Put every question into the training, validation or test split, by its topology."""

from __future__ import annotations

from pathlib import Path

from diagramlens.records import Question, read_rows, write_table
from diagramlens.runtime import stage
from diagramlens.splitting import divide, set_aside_long, split_metrics

if __name__ == "__main__":
    with stage("split") as run:
        shares = run.params.split
        kept, too_long = set_aside_long(read_rows(Path("data/labelled"), Question), shares.max_bytes)
        rows = divide(kept, shares.salt, shares.fractions)
        out = run.out("data/split")
        for name, questions in rows.items():
            write_table(out / f"{name}.parquet", questions, Question)
        run.metrics("metrics/split.json", split_metrics(rows, too_long))
        counts = ", ".join(f"{len(questions)} {name}" for name, questions in rows.items())
        aside = f"; {len(too_long)} longer than split.max_bytes were set aside" if too_long else ""
        run.say(f"data/split holds {counts} questions; no topology is in two of them{aside}")
