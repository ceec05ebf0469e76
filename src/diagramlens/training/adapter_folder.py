"""What training leaves behind: one folder with what was trained and nothing else.

    adapter_model.safetensors, adapter_config.json   LoRA, in PEFT's own layout
    full.safetensors                                 the components that some phase trained in full, in fp32
    adapter_base.json                                the base that they belong to

No dates, no optimiser, no pickles: the same parameters give the same bytes on a CPU. `models.loading` reads the folder, for merging and
for answering. (PEFT's modules_to_save would keep full weights beside adapters in one file, but copies a module and so counts it twice,
knows no tied embeddings, and cannot be on in one phase and off in the next.)
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from peft import PeftModel
from transformers import PreTrainedModel

from diagramlens.models.families import Family, component_of, plain_name
from diagramlens.models.loading import FULL_WEIGHTS_FILE, write_adapter_base
from diagramlens.params import ModelEntry, Phase
from diagramlens.training.checkpoints import write_weights
from diagramlens.training.phases import is_adapter


def write_adapter(
    out: Path, family: Family, model: PreTrainedModel | PeftModel, phases: Sequence[Phase], entry: ModelEntry
) -> None:
    """Write what was trained, and which base it belongs to, into the folder `out`."""
    full = {name for phase in phases for name, plan in phase.components.items() if plan.train == "full"}
    weights = {}
    for name, parameter in model.named_parameters():
        if not is_adapter(name) and component_of(family, name) in full:
            weights[plain_name(name).replace(".base_layer.", ".")] = parameter.detach().cpu()
    if weights:
        write_weights(out / FULL_WEIGHTS_FILE, weights)
    if isinstance(model, PeftModel):
        # Embeddings are not adapted; the automatic choice asks the hub whether they are.
        model.save_pretrained(str(out), safe_serialization=True, save_embedding_layers=False)
        (out / "README.md").unlink(missing_ok=True)
        config_file = out / "adapter_config.json"
        config = json.loads(config_file.read_text(encoding="utf-8"))
        if isinstance(config["target_modules"], list):
            config["target_modules"].sort()
        config_file.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    write_adapter_base(out, entry)
