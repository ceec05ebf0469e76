"""Pretrains the embedded Qwen2-VL from nothing, on circuits drawn on the fly; writes models/base.

Two losses: the next token of a description or answer, and what lies in each cell of the picture (dense.py). Killed, it goes on from its
last checkpoint.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import distributed
from torch.nn import functional
from tqdm import tqdm

from batches import Batches
from card import write_card
from dense import DenseHeads
from diagramlens.models.families import FAMILIES
from diagramlens.models.loading import linear_patch_embedding
from diagramlens.models.scratch import build_processor, build_qwen2_vl, save_model_folder
from diagramlens.runtime import Lock, die_with_parent, hidden_sibling
from examples import write_examples
from held_out import figures, tell
from schedule import Schedule
from settings import load_settings
from tokenizer import embedded_tokenizer

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
)
# What may differ between two runs that share a checkpoint.
_FREE = ("processes", "examined")


class Pretraining:
    """The state of one pretraining run: model, dense heads, optimizer, learning curve, and how many batches were seen."""

    def __init__(self, settings: dict[str, Any], device: torch.device) -> None:
        self.settings, self.device = settings, device
        sizes = dict(settings["model"])
        tokenizer = embedded_tokenizer(settings)
        self.processor = build_processor(
            tokenizer, min_pixels=sizes.pop("min_pixels"), max_pixels=sizes.pop("max_pixels")
        )
        self.model = build_qwen2_vl(tokenizer, **sizes).to(device)
        if device.type == "cpu":
            linear_patch_embedding(FAMILIES["qwen2-vl"], self.model)
            # Plain attention is a third faster here than the fused kernel, whose backward is slow in bf16: pictures have 64 to 256 patches,
            # texts some 150 tokens.
            self.model.set_attn_implementation("eager")
        torch.manual_seed(sizes["seed"])
        self.heads = DenseHeads(sizes["language_width"], settings["pretrain"]["dense_weights"]).to(device)
        self.parameters = [*self.model.parameters(), *self.heads.parameters()]
        self.seeing = [*self.model.model.visual.parameters(), *self.heads.parameters()]
        wanted = settings["pretrain"]
        self.optimizer = torch.optim.AdamW(
            self.parameters, lr=wanted["phases"][0]["rate"], betas=(0.9, 0.98), weight_decay=wanted["weight_decay"]
        )
        self.schedule = Schedule(wanted["phases"], wanted["warmup"])
        self.batches_seen = 0
        self.curve: list[dict[str, float]] = []
        self._visual: list[torch.Tensor] = []
        self.model.model.visual.merger.register_forward_hook(
            lambda _module, _inputs, output: self._visual.append(output)
        )

    @property
    def seen(self) -> int:
        """Pictures seen so far."""
        return self.batches_seen * int(self.settings["pretrain"]["batch"])

    def step(self, batch: dict[str, torch.Tensor], targets: dict[str, torch.Tensor]) -> dict[str, float]:
        """One update on one batch, or on this process's share of it; the losses and the dense heads' accuracies.

        A batch of pictures alone teaches the vision part and the heads; nothing else moves.
        """
        for group in self.optimizer.param_groups:
            group["lr"] = self.schedule.rate(self.seen)
        batch = {name: tensor.to(self.device) for name, tensor in batch.items()}
        targets = {name: tensor.to(self.device) for name, tensor in targets.items()}
        labels = batch.pop("labels", None)
        self._visual.clear()
        token_loss = torch.zeros((), device=self.device)
        with torch.autocast(self.device.type, dtype=torch.bfloat16):
            if labels is None:
                self.model.model.visual(batch["pixel_values"], grid_thw=batch["image_grid_thw"])
            else:
                hidden = self.model.model(**batch).last_hidden_state
                supervised = labels[:, 1:] != -100
                logits = self.model.lm_head(hidden[:, :-1][supervised]).float()
                token_loss = functional.cross_entropy(logits, labels[:, 1:][supervised])
            dense_loss, accuracy = self.heads(self._visual[0], targets)
        self.optimizer.zero_grad(set_to_none=True)
        (token_loss + self.settings["pretrain"]["dense_weight"] * dense_loss).backward()
        taught = self.seeing if labels is None else self.parameters
        average_gradients(taught)
        torch.nn.utils.clip_grad_norm_(taught, self.settings["pretrain"]["max_grad_norm"])
        self.optimizer.step()
        self.batches_seen += 1
        return {"token_loss": token_loss.item(), "dense_loss": dense_loss.item(), **accuracy}

    def report(self, losses: dict[str, float]) -> None:
        """Add a line to the learning curve: losses of the last batch, and held-out pictures described."""
        wanted = self.settings["pretrain"]
        told = tell(
            self.model, self.processor, self.settings["corpus"], self.schedule.domain, "validation", wanted["held_out"]
        )
        overall = figures(told)["overall"]
        row = {"pictures": self.seen, "rate": self.schedule.rate(self.seen), **losses}
        row |= {"held_out_exact": overall["exact"], "held_out_phrases": overall["phrases"]}
        self.curve.append({name: round(float(row[name]), 5) for name in CURVE_COLUMNS})
        tqdm.write(f"{json.dumps(self.curve[-1])}\n  drawn {told[0].sample.description}\n  told  {told[0].text}")

    def save(self, path: Path) -> None:
        """Write everything that going on needs, whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        state = {
            "model": self.model.state_dict(),
            "heads": self.heads.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "batches": self.batches_seen,
            "curve": self.curve,
        }
        torch.save(state, path.with_suffix(".part"))
        path.with_suffix(".part").rename(path)

    def load(self, path: Path) -> None:
        """Go on from a checkpoint."""
        state = torch.load(path, map_location=self.device, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.heads.load_state_dict(state["heads"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.batches_seen, self.curve = state["batches"], state["curve"]

    def finish(self) -> None:
        """Write the model folder with its card, the learning curve and the closing figures."""
        wanted = self.settings["pretrain"]
        told = tell(
            self.model, self.processor, self.settings["corpus"], self.schedule.domain, "validation", wanted["examined"]
        )
        results, parameters = figures(told), sum(p.numel() for p in self.model.parameters())
        unfinished = hidden_sibling(MODEL_FOLDER)
        shutil.rmtree(unfinished, ignore_errors=True)
        save_model_folder(self.model, self.processor, unfinished)
        write_examples(unfinished / "examples.png", told, self.model.eval(), self.processor)
        write_card(unfinished / "README.md", self.settings, parameters, told[0].sample.description, results)
        shutil.rmtree(MODEL_FOLDER, ignore_errors=True)
        unfinished.rename(MODEL_FOLDER)
        with (HERE / "learning_curve.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, CURVE_COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(self.curve)
        summary = {"parameters": parameters, "pictures": self.schedule.pictures, "held_out": results}
        (HERE / "metrics.json").write_text(json.dumps(summary, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def checkpoint_path(settings: dict[str, Any]) -> Path:
    """Where this run's checkpoint lies: named by everything that decides what came before it."""
    shared = {
        **settings,
        "pretrain": {name: value for name, value in settings["pretrain"].items() if name not in _FREE},
    }
    name = hashlib.blake2b(json.dumps(shared, sort_keys=True).encode(), digest_size=8).hexdigest()
    return ROOT / "checkpoints" / f"base-{name}.pt"


def average_gradients(parameters: Sequence[torch.nn.Parameter]) -> None:
    """Give every process the mean of all processes' gradients; a parameter without one in a process counts as 0 there."""
    if not distributed.is_initialized():
        return
    gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
    together = torch.cat([gradient.reshape(-1) for gradient in gradients])
    distributed.all_reduce(together)
    together /= distributed.get_world_size()
    for parameter, gradient in zip(parameters, together.split([p.numel() for p in parameters]), strict=True):
        parameter.grad = gradient.view_as(parameter)


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
        if rank == 0 and (run.batches_seen % reports == 0 or run.batches_seen == total):
            run.report(losses)
            run.save(checkpoint)
    if rank == 0:
        run.finish()
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
