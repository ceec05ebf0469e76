#!/usr/bin/env bash
# mlflow-skinny 3.17.2 with its SQLite store (SQLAlchemy 2.1.9, alembic 1.20.1).
#
# A loss that becomes infinite is kept, and given back, as 1.7976931348623157e+308, the largest finite double; minus infinity as its negative.
# NaN stays NaN. So a training that has gone wrong passes math.isfinite when its curve is read back, and a mean over the curve is finite too.
# Expected: inf and -inf, or a refusal.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# What was seen, to the letter.
cat >seen <<'SEEN'
0 0.5 True
1 1.7976931348623157e+308 True
2 -1.7976931348623157e+308 True
3 nan False
SEEN

${PYTHON:-python3} -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check mlflow-skinny==3.17.2 sqlalchemy==2.1.9 alembic==1.20.1
export HOME=$work
venv/bin/python - >now <<'CODE'
import math

import mlflow

mlflow.set_tracking_uri("sqlite:///runs.db")
mlflow.set_experiment("training")
with mlflow.start_run() as run:
    for step, loss in enumerate([0.5, math.inf, -math.inf, math.nan]):
        mlflow.log_metric("loss", loss, step=step)
for point in mlflow.MlflowClient().get_metric_history(run.info.run_id, "loss"):
    print(point.step, point.value, math.isfinite(point.value))
CODE
diff seen now && echo "as it was seen"
