"""Imported first by every stage: `diagramlens` is then the one beside this folder, in the processes that the stage starts too.

The environment has one of its own, installed in place from the workspace that made it. A queued or temporary experiment is another
tree, with the code as it was when the experiment was asked for, and dvc.lock says that this is what ran.
"""

import os
import sys
from pathlib import Path

_SRC = str(Path(__file__).resolve().parents[1] / "src")

sys.path.insert(0, _SRC)
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [_SRC, os.environ.get("PYTHONPATH")]))
