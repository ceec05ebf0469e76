"""Train the adapter: the phases of the selected recipe over the selected model, on the training split."""

import shutil
from pathlib import Path

from diagramlens.runtime import checkpoint_folder, fingerprint, stage

INPUTS = ("data/diagrams", "data/split/train.parquet", "data/split/validation.parquet")
CODE = (
    "stages/train.py",
    "src/diagramlens/records.py",
    "src/diagramlens/training",
    *(f"src/diagramlens/models/{name}.py" for name in ("families", "loading", "processors")),
)


def main() -> None:
    """Run the stage."""
    with stage("train") as run:
        # Imported now that the parameters are known to be right: torch takes seconds, and a misspelt key should not.
        from diagramlens.models.loading import check_source
        from diagramlens.training.conversation import Pictures, read_questions
        from diagramlens.training.recipe import Machine, train_recipe, write_curves

        params, runtime = run.params, run.runtime
        out = run.out("models/adapter")
        check_source(params.model)
        model = [params.model.source] if params.model.is_local else []
        training = read_questions(Path("data/split/train.parquet"))
        validation = read_questions(Path("data/split/validation.parquet"))
        checkpoints = checkpoint_folder(fingerprint(params, [*INPUTS, *model], CODE))
        trained = train_recipe(
            params.model,
            params.recipe.phases,
            params.lora,
            params.train,
            Machine(runtime.device, runtime.attention, run.workers, runtime.progress, runtime.tracker),
            training=training,
            validation=validation,
            pictures=Pictures(Path("data/diagrams")),
            checkpoint_folder=checkpoints,
            out=out,
        )
        run.metrics("metrics/train.json", trained.metrics)
        write_curves(run.file("metrics/train_curves.csv"), trained.curves)
        shutil.rmtree(checkpoints)
        loss = trained.metrics["best_validation_loss"]
        run.say(
            f"models/adapter holds the weights of the lowest validation loss ({loss:.4f}); dvc repro goes on to merge them"
        )


if __name__ == "__main__":
    main()
