#!/usr/bin/env bash
# wandb 0.31.0, offline.
#
# WANDB_DIR counts once a process. A run that is started after the first is finished, with another WANDB_DIR set, writes into the folder of the
# first, and the folder that was asked for stays empty; nothing says so. Whoever trains two phases one after the other, each with a folder of
# its own, finds both runs in the first one's (and loses both where the first is cleared away). The argument `dir` of wandb.init is heeded.
# Expected: each run in the folder that WANDB_DIR names when it starts.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# What was seen, to the letter.
cat >seen <<'SEEN'
first 2
second 0
third 1
SEEN

${PYTHON:-python3} -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check wandb==0.31.0
export HOME=$work WANDB_MODE=offline WANDB_SILENT=true
venv/bin/python - >now <<'CODE'
import os
from pathlib import Path

import wandb


def phase(name: str, **arguments: str) -> None:
    Path(name).mkdir()
    os.environ["WANDB_DIR"] = str(Path(name).resolve())
    run = wandb.init(project="phases", **arguments)
    run.log({"loss": 1.0})
    run.finish()


phase("first")
phase("second")
phase("third", dir=str(Path("third").resolve()))
for name in ("first", "second", "third"):
    print(name, len(list(Path(name).glob("wandb/offline-run-*"))))
CODE
diff seen now && echo "as it was seen"
