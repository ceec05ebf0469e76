"""The merged model in 4 bits: bitsandbytes' NormalFloat with double quantisation, in a folder that loads like any other.

About 4.1 bits a weight where it applies: 4 for the weight, and a scale for every 64 weights that is quantised itself (QLoRA,
arXiv:2305.14314). The family's table says what is left alone, and is then stored in bf16: the vision part, whose errors no later layer
mends, and the head.
"""

from __future__ import annotations

from pathlib import Path

import torch

from diagramlens.export import ExportError
from diagramlens.export.familiarity import read_familiarity, write_familiarity
from diagramlens.export.merge import merged_entry
from diagramlens.models.loading import load_model, load_processor
from diagramlens.params import ModelEntry


def write_nf4(entry: ModelEntry, merged: Path, out: Path, *, device: torch.device | str = "cpu") -> None:
    """Quantise the merged folder into the complete model folder `out`, and read that back. `entry` is that of the base.

    Raises ExportError where what is read back is not, bit for bit, what was quantised, naming the first tensor.
    """
    source = merged_entry(entry, merged)
    model = load_model(source, device=device, dtype=torch.bfloat16, four_bit=True)
    # Before any forward pass: on CPUs with avx512_bf16 the first one may repack the weights, and those would be saved.
    model.save_pretrained(str(out))
    load_processor(source).save_pretrained(out)
    familiarity = read_familiarity(merged)
    if familiarity is not None:
        write_familiarity(out, familiarity)
    written = model.state_dict()
    found = load_model(merged_entry(entry, out), device=device, dtype=torch.bfloat16).state_dict()
    for name in sorted(written.keys() | found.keys()):
        if name not in written or name not in found or not torch.equal(written[name], found[name]):
            raise ExportError(
                f"{out}: {name} reads back differently from what was quantised; install the pinned bitsandbytes"
            )
