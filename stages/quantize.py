"""Make the smaller copies of the merged model: 4 bits for bitsandbytes, and GGUF files for llama.cpp."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import own_src  # noqa: F401 - before diagramlens

from diagramlens.runtime import stage

MERGED = Path("models/merged")

if __name__ == "__main__":
    with stage("quantize") as run:
        # Imported now that the parameters are known to be right: torch takes seconds, and a misspelt key should not.
        from diagramlens.export import weight_bytes
        from diagramlens.export.gguf import write_language, write_mmproj
        from diagramlens.export.nf4 import write_nf4
        from diagramlens.inspecting.out_of_memory import Use, out_of_memory_advice
        from diagramlens.models.loading import pick_device

        name = f"diagramlens-{run.params.names.model}"
        progress = partial(run.progress, unit="tensor")
        out = run.out("models/quantized")
        gguf = out / "gguf"
        vision = gguf / "mmproj-f16.gguf"
        sizes = {"merged": weight_bytes(MERGED)}
        for form in run.params.quantize.formats:
            if form == "nf4":
                with out_of_memory_advice(Use("quantize", run.params.names.model, run.params.model)):
                    write_nf4(run.params.model, MERGED, out / "nf4", device=pick_device(run.runtime.device))
                sizes[form] = weight_bytes(out / "nf4")
                continue
            gguf.mkdir(exist_ok=True)
            if not vision.exists():
                write_mmproj(MERGED, vision, name=name, progress=progress)
            kind = form.removeprefix("gguf-")
            language = gguf / f"model-{kind}.gguf"
            write_language(MERGED, language, kind, name=name, progress=progress)
            sizes[form] = weight_bytes(language, vision)
        run.metrics(
            "metrics/quantize.json",
            {form: {"bytes": size, "ratio_to_merged": size / sizes["merged"]} for form, size in sizes.items()},
        )
        made = ", ".join(f"{form} ({sizes[form] / 1e6:.1f} MB)" for form in run.params.quantize.formats)
        run.say(
            f"models/quantized holds {made or 'nothing'}, beside {sizes['merged'] / 1e6:.1f} MB of models/merged; "
            "dvc repro goes on with evaluate"
        )
