"""diagramlens teaches open vision-language models to read technical diagrams, and measures exactly how well they read."""

import logging
import os

__version__ = "0.1.0"

# On import, bitsandbytes 0.50 warns on every CPU that an optional kernel package is not installed; stages would open with that line. It is
# said here because transformers and peft import bitsandbytes before any module of ours that needs it.
logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(logging.ERROR)

# Threads of OpenMP that wait for the next piece of work sleep instead of spinning. Beside other busy processes spinning costs several times
# the work itself. It is said here because torch reads it once, when it is first imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
