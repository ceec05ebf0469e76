"""Pretrains the embedded Qwen2-VL from nothing, on circuits drawn on the fly; writes models/base.

Two losses: the next token of a description or answer, and what lies in each cell of the picture (dense.py). Killed, it goes on from its
last checkpoint.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import distributed
from tqdm import tqdm

from batches import Batches
from card import write_card
from curve import draw_curve
from diagramlens.models.pretraining import write_pretraining
from diagramlens.models.scratch import save_model_folder
from diagramlens.runtime import Lock, die_with_parent, replaced
from examples import write_examples
from held_out import answer, figures, held_out, shares_right, tell
from learner import Pretraining
from settings import load_settings

HERE = Path(__file__).parent
ROOT = HERE.parent
MODEL_FOLDER = ROOT / "models" / "base"
CURVE_COLUMNS = (
    "pictures",
    "rate",
    "token_loss",
    "dense_loss",
    "symbol",
    "digit",
    "junction",
    "second",
    "held_out_exact",
    "held_out_phrases",
    "held_out_transfer",
)
# Kinds of questions that the model card has figures for: the algebra, for what is read shows in the descriptions already.
EXAMINED = ("impedance", "transfer")
# What may differ between two runs that share a checkpoint.
_FREE = ("processes", "examined")


def checkpoint_path(settings: dict[str, Any]) -> Path:
    """Where this run's checkpoint lies: named by everything that decides what came before it."""
    shared = {
        **settings,
        "pretrain": {name: value for name, value in settings["pretrain"].items() if name not in _FREE},
    }
    name = hashlib.blake2b(json.dumps(shared, sort_keys=True).encode(), digest_size=8).hexdigest()
    return ROOT / "checkpoints" / f"base-{name}.pt"


def report(run: Pretraining, losses: dict[str, float]) -> None:
    """Add a line to the learning curve: losses of the last batch, held-out pictures described, and a transfer function asked of each."""
    wanted = run.settings["pretrain"]
    samples = held_out(run.settings["corpus"], run.schedule.domain, "validation", wanted["held_out"])
    told = tell(run.model, run.processor, samples)
    overall = figures(told)["overall"]
    transfer = shares_right(answer(run.model, run.processor, samples, "transfer", wanted["question_seed"]))["overall"]
    row = {"pictures": run.seen, "rate": run.schedule.rate(run.seen), **losses}
    row |= {"held_out_exact": overall["exact"], "held_out_phrases": overall["phrases"]}
    row |= {"held_out_transfer": transfer["right"]}
    run.curve.append({name: round(float(row[name]), 5) for name in CURVE_COLUMNS if name in row})
    tqdm.write(f"{json.dumps(run.curve[-1])}\n  drawn {told[0].sample.description}\n  told  {told[0].text}")


def finish(run: Pretraining) -> None:
    """Write the model folder with its card, the learning curve and the closing figures."""
    wanted = run.settings["pretrain"]
    torch.set_num_threads(wanted["processes"])  # the others have ended
    run.use(len(run.layers))
    samples = held_out(run.settings["corpus"], run.schedule.domain, "validation", wanted["examined"])
    told = tell(run.model, run.processor, samples)
    summary = {
        "parameters": sum(p.numel() for p in run.model.parameters()),
        "pictures": run.schedule.pictures,
        "held_out": figures(told),
        "answered": {
            kind: shares_right(answer(run.model, run.processor, samples, kind, wanted["question_seed"]))
            for kind in EXAMINED
        },
    }
    with replaced(MODEL_FOLDER) as unfinished:
        save_model_folder(run.model, run.processor, unfinished)
        write_pretraining(unfinished, run.settings["corpus"]["split"])
        write_examples(unfinished / "examples.png", told, run.model.eval(), run.processor)
        draw_curve(run.curve, wanted["phases"], unfinished / "learning_curve.png")
        write_card(unfinished / "README.md", run.settings, told[0].sample.description, summary)
    with (HERE / "learning_curve.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, CURVE_COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(run.curve)
    (HERE / "metrics.json").write_text(json.dumps(summary, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def pretrain(rank: int, settings: dict[str, Any], processes: int, meeting: str) -> None:
    """Train to the end, or this process's share of it. `meeting` is a file that does not exist yet, where several processes find each
    other."""
    wanted = settings["pretrain"]
    torch.set_num_threads(1)
    if processes > 1:
        die_with_parent()
        distributed.init_process_group("gloo", f"file://{meeting}", rank=rank, world_size=processes)
    run = Pretraining(settings, torch.device("cuda" if torch.cuda.is_available() else "cpu"))
    checkpoint = checkpoint_path(settings)
    if checkpoint.exists():
        run.load(checkpoint)
    run.model.train()
    batches = Batches(settings["corpus"], wanted, run.processor, (rank, processes))
    total = len(batches)
    loader = torch.utils.data.DataLoader(
        batches,
        sampler=range(run.batches_seen, total),
        batch_size=None,
        num_workers=1,
        prefetch_factor=4,
    )
    reports = wanted["report_every"] // wanted["batch"]
    bar = tqdm(loader, initial=run.batches_seen, total=total, unit=" batches", mininterval=20, disable=rank > 0)
    for batch, targets in bar:
        losses = run.step(batch, targets)
        bar.set_postfix({name: loss for name, loss in losses.items() if name.endswith("_loss")}, refresh=False)
        if rank == 0 and (run.batches_seen % reports == 0 or run.batches_seen == total):
            report(run, losses)
            run.save(checkpoint)
    if rank == 0:
        finish(run)
        print(f"models/base holds a model that has seen {run.schedule.pictures} pictures; dvc repro fine-tunes it")


def main() -> None:
    settings = load_settings()
    processes = 1 if torch.cuda.is_available() else settings["pretrain"]["processes"]
    if processes == 1:
        pretrain(0, settings, 1, "")
        return
    with tempfile.TemporaryDirectory() as folder:
        torch.multiprocessing.spawn(pretrain, (settings, processes, f"{folder}/meeting"), nprocs=processes)


if __name__ == "__main__":
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    die_with_parent()
    lock = Lock(ROOT / "checkpoints" / "base.lock")
    lock.acquire("the pretraining of models/base")
    main()
