"""Models: the table of families, loading, and the small Qwen2-VL made from nothing."""

import logging

# On import, bitsandbytes 0.50 warns on every CPU that an optional kernel package is not installed; stages would open with that line.
logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(logging.ERROR)
