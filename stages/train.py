"""Train the adapter: the phases of the selected recipe over the selected model, on the training split."""

import json
from pathlib import Path

import own_src  # noqa: F401 - before diagramlens

from diagramlens.declared import StageParams
from diagramlens.models.source import check_source
from diagramlens.params import Runtime
from diagramlens.runtime import stage, write_metrics
from diagramlens.training.launching import Files, is_worker, launch, one_gpu_in_view, worker, worker_cores

INPUTS = ("data/diagrams", "data/split/train.parquet", "data/split/validation.parquet")
MODELS = ("budget", "chat", "families", "loading", "processors", "vision_inputs")
CODE = (
    "stages/train.py",
    *(f"src/diagramlens/{name}" for name in ("records.py", "inference.py", "grading", "training")),
    *(f"src/diagramlens/models/{name}.py" for name in MODELS),
)


def main() -> None:
    """Run the stage, or be one of the processes in which a launcher has started it anew."""
    if is_worker():
        with worker() as job:
            train(job.params, job.runtime, job.files)
        return
    with stage("train") as run:
        model = run.params.model
        depends = [*INPUTS, model.source] if model.is_local else INPUTS
        files = Files(
            run.out("models/adapter"),
            run.file("metrics/train.json"),
            run.file("metrics/train_curves.csv"),
            run.kept(depends, CODE),
        )
        check_source(run.params.model)
        if run.runtime.launcher == "none":
            train(run.params, run.runtime, files)
        else:
            launch(run.params, run.runtime, run.workers, "stages/train.py", files)
        loss = json.loads(files.metrics.read_text(encoding="utf-8"))["best_validation_loss"]
        best = f"best {run.params.train.best_by} (validation loss {loss:.4f})"
        run.say(f"models/adapter holds the weights of the {best}; dvc repro goes on to merge them")


def train(params: StageParams, runtime: Runtime, files: Files) -> None:
    """Train, and write the files; of several processes the main one writes."""
    device = one_gpu_in_view(runtime.device)
    # Imported now that the parameters are known to be right: torch takes seconds, and a misspelt key should not.
    from diagramlens.inspecting.out_of_memory import Use, out_of_memory_advice
    from diagramlens.models.families import family_named
    from diagramlens.training.conversation import Pictures, read_questions
    from diagramlens.training.curves import write_curves
    from diagramlens.training.processes import is_main
    from diagramlens.training.recipe import Machine, train_recipe

    model, recipe, lora, settings = params.model, params.recipe, params.lora, params.train
    tracked = files.checkpoints.parents[1] / "runs" / files.checkpoints.name
    cores = worker_cores(runtime)
    with out_of_memory_advice(Use("train", str(params.names.model), model, recipe, lora, settings)):
        trained = train_recipe(
            model,
            recipe.phases,
            lora,
            settings,
            Machine(device, runtime.attention, cores, runtime.progress, runtime.tracker, tracked),
            training=read_questions(Path("data/split/train.parquet")),
            validation=read_questions(Path("data/split/validation.parquet")),
            pictures=Pictures(Path("data/diagrams")),
            checkpoint_folder=files.checkpoints,
            out=files.adapter,
        )
    if is_main():
        write_metrics(files.metrics, trained.metrics)
        write_curves(files.curves, trained.curves, family_named(model.family).components)


if __name__ == "__main__":
    main()
