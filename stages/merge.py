"""Merge the adapter into its base, and measure that the merged model computes what the adapter model computed."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import own_src  # noqa: F401 - before diagramlens

from diagramlens.runtime import stage

ADAPTER = Path("models/adapter")
VALIDATION = Path("data/split/validation.parquet")
DIAGRAMS = Path("data/diagrams")

if __name__ == "__main__":
    with stage("merge") as run:
        # Imported now that the parameters are known to be right: torch takes seconds, and a misspelt key should not.
        from diagramlens.export.calibration import Machine, calibrate
        from diagramlens.export.merge import (
            can_measure_four_bit,
            check_shift,
            measure_shift,
            merge_adapter,
            read_samples,
        )
        from diagramlens.inspecting.out_of_memory import Use, out_of_memory_advice
        from diagramlens.models.loading import pick_device

        entry = run.params.model
        device = pick_device(run.runtime.device)
        samples = read_samples(VALIDATION, DIAGRAMS, run.params.merge.samples)
        out = run.out("models/merged")
        with out_of_memory_advice(Use("merge", run.params.names.model, entry)):
            merge_adapter(entry, ADAPTER, out, device=device)
            shift = measure_shift(entry, ADAPTER, out, samples, device=device)
        check_shift(shift, run.params.merge.tolerance)
        machine = Machine(entry.micro_batch, run.workers, partial(run.progress, unit="batches read"))
        with out_of_memory_advice(Use("merge", run.params.names.model, entry)):
            familiar = calibrate(entry, out, VALIDATION, DIAGRAMS, run.params.merge.pictures, machine, device=device)
        metrics = {
            "max_logit_difference": shift.maximum,
            "mean_logit_difference": shift.mean,
            "same_top_token": shift.agreement,
            "samples": len(samples),
            "tokens": shift.tokens,
            "pictures_read": familiar.pictures if familiar else 0,
        }
        if familiar:
            metrics["unlike_below"] = familiar.threshold
        if can_measure_four_bit(entry, ADAPTER):
            over = measure_shift(entry, ADAPTER, out, samples, device=device, four_bit=True)
            metrics["four_bit_base_max_logit_difference"] = over.maximum
            metrics["four_bit_base_mean_logit_difference"] = over.mean
            metrics["four_bit_base_same_top_token"] = over.agreement
        run.metrics("metrics/merge.json", metrics)
        run.say(
            f"models/merged holds the merged model, at most {shift.maximum:.2g} from the adapter's logits "
            f"({len(samples)} samples); dvc repro goes on with quantize and evaluate"
        )
