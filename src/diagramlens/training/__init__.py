"""Training: a recipe's phases, conversations, the trainer, checkpoints."""

import diagramlens.models  # noqa: F401 - quiets bitsandbytes before peft imports it
