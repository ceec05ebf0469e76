"""Put every question into the training, validation or test split, by its topology."""

from __future__ import annotations

from pathlib import Path

import own_src  # noqa: F401 - before diagramlens

from diagramlens.records import Question, read_rows, write_table
from diagramlens.runtime import stage
from diagramlens.splitting import divide, refuse_none_left, set_aside_doubted, set_aside_long, split_metrics

if __name__ == "__main__":
    with stage("split") as run:
        shares = run.params.split
        trusted, doubted = set_aside_doubted(read_rows(Path("data/labelled"), Question), shares.min_confidence)
        kept, too_long = set_aside_long(trusted, shares.max_bytes)
        refuse_none_left(kept, doubted, too_long)
        rows = divide(kept, shares.salt, shares.fractions)
        out = run.out("data/split")
        for name, questions in rows.items():
            write_table(out / f"{name}.parquet", questions, Question)
        run.metrics("metrics/split.json", split_metrics(rows, too_long, doubted))
        counts = ", ".join(f"{len(questions)} {name}" for name, questions in rows.items())
        aside = f"; {len(doubted)} of a confidence below split.min_confidence were set aside" if doubted else ""
        aside += f"; {len(too_long)} longer than split.max_bytes were set aside" if too_long else ""
        run.say(f"data/split holds {counts} questions; no topology is in two of them{aside}")
