"""One model being pretrained: a step on a batch, which layers take part, and its state on disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import distributed
from torch.nn import functional
from transformers import DynamicCache

from dense import DenseHeads
from diagramlens.models.families import FAMILIES
from diagramlens.models.loading import has_bf16_matmul, linear_patch_embedding
from diagramlens.models.scratch import build_processor, build_qwen2_vl
from schedule import Schedule
from tokenizer import embedded_tokenizer


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
        self.heads = DenseHeads(sizes["language_width"]).to(device)
        wanted = settings["pretrain"]
        self.layers = self.model.model.language_model.layers
        with torch.no_grad():
            # Layers that come in later add nothing when they come.
            for layer in self.layers[wanted["phases"][0]["layers"] :]:
                layer.self_attn.o_proj.weight.zero_()
                layer.mlp.down_proj.weight.zero_()
        self.parameters = [*self.model.parameters(), *self.heads.parameters()]
        self.optimizer = torch.optim.AdamW(
            self.parameters, lr=wanted["phases"][0]["rate"], betas=(0.9, 0.98), weight_decay=wanted["weight_decay"]
        )
        self.schedule = Schedule(wanted["phases"], wanted["warmup"])
        self.batches_seen = 0
        self.curve: list[dict[str, float | None]] = []  # the lines of the learning curve so far
        self._visual: list[torch.Tensor] = []
        self.model.model.visual.merger.register_forward_hook(
            lambda _module, _inputs, output: self._visual.append(output)
        )

    @property
    def seen(self) -> int:
        """Pictures seen so far."""
        return self.batches_seen * int(self.settings["pretrain"]["batch"])

    def step(self, batch: dict[str, Any], targets: dict[str, torch.Tensor]) -> dict[str, float]:
        """One update on one batch, or on this process's share of it; the losses and the dense heads' accuracies.

        A phase that teaches the vision part moves it and the heads, and nothing else; one that teaches the language part all but them, and
        has no dense loss.
        """
        for group in self.optimizer.param_groups:
            group["lr"] = self.schedule.rate(self.seen)
        phase, on = self.schedule.phase_of(self.seen), self.device
        self.use(phase["layers"])
        for part in (self.model.model.visual, self.heads):
            part.requires_grad_(phase["learns"] != "language")
        batch, targets = move(batch, on), move(targets, on)
        self._visual.clear()
        losses, accuracy = {"token_loss": torch.zeros((), device=on)}, {}
        with self.precision():
            if phase["learns"] == "vision":
                self.model.get_image_features(batch["pixel_values"], batch["image_grid_thw"])
            else:
                losses["token_loss"] = self._token_loss(batch)
            if phase["learns"] != "language":
                losses["dense_loss"], accuracy = self.heads(self._visual[0], targets, phase["dense_weights"])
        loss = losses["token_loss"] + self.settings["pretrain"]["dense_weight"] * losses.get("dense_loss", 0.0)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        taught = self._taught(phase)
        average_gradients(taught)
        torch.nn.utils.clip_grad_norm_(taught, self.settings["pretrain"]["max_grad_norm"])
        self.optimizer.step()
        self.batches_seen += 1
        return {**{name: loss.item() for name, loss in losses.items()}, **accuracy}

    def precision(self) -> torch.autocast:
        """bf16 where the device computes it faster than fp32: without instructions for it a CPU takes ten times as long.

        AVX-512's own suffice here, and halve the time. The train stage leaves them aside, so that fewer processors round differently.
        """
        fast = has_bf16_matmul(self.device) or (self.device.type == "cpu" and torch.cpu._is_avx512_bf16_supported())
        return torch.autocast(self.device.type, torch.bfloat16, enabled=fast)

    def use(self, layers: int) -> None:
        """Let the first `layers` layers of the language part be all that it has."""
        language = self.model.model.language_model
        language.layers, language.config.num_hidden_layers = self.layers[:layers], layers

    def _taught(self, phase: Mapping[str, Any]) -> list[torch.nn.Parameter]:
        """What learns in a phase: all but the layers that come in later, or the vision part and the heads alone, or all but them."""
        if phase["learns"] == "vision":
            return [*self.model.model.visual.parameters(), *self.heads.parameters()]
        later = {id(p) for p in self.layers[phase["layers"] :].parameters()}
        return [p for p in self.parameters if p.requires_grad and id(p) not in later]

    def _token_loss(self, batch: dict[str, Any]) -> torch.Tensor:
        """The mean next-token loss of all conversations of a batch.

        The model takes in each picture once; all conversations about it go on from the keys and values that it left. Those about
        circuits without a picture start from nothing.
        """
        shown, inner = batch["shown"], self.model.model
        mask, grids = shown["attention_mask"], batch["image_grid_thw"]
        types = (shown["input_ids"] == self.model.config.image_token_id).long()
        positions, _ = inner.get_rope_index(shown["input_ids"], types, image_grid_thw=grids, attention_mask=mask)
        seen = inner(
            input_ids=shown["input_ids"],
            attention_mask=mask,
            position_ids=positions,
            pixel_values=batch["pixel_values"],
            image_grid_thw=grids,
            use_cache=True,
        ).past_key_values
        behind = positions.masked_fill(mask == 0, 0).amax((0, 2)) + 1  # each picture's next position (pictures,)
        losses, tokens = torch.zeros((), device=mask.device), 0
        for group in [*batch["groups"], *batch["undrawn"]]:
            ids, labels, seeing = group["input_ids"], group["labels"], group["attention_mask"]
            positions = torch.arange(ids.shape[1], device=ids.device).expand(len(ids), -1)
            memory = DynamicCache()
            if "about" in group:
                about = group["about"]
                for number, layer in enumerate(seen.layers):
                    memory.update(layer.keys[about], layer.values[about], number)
                seeing = torch.cat([mask[about], seeing], dim=1)
                positions = positions + behind[about][:, None]
            hidden = inner.language_model(
                inputs_embeds=inner.get_input_embeddings()(ids),
                attention_mask=seeing,
                position_ids=positions.expand(3, -1, -1),
                past_key_values=memory,
            ).last_hidden_state
            logits = self.model.lm_head(hidden[:, :-1]).flatten(0, 1).float()
            losses = losses + functional.cross_entropy(logits, labels[:, 1:].flatten(), reduction="sum")
            tokens += int((labels[:, 1:] != -100).sum())
        return losses / tokens

    def save(self, path: Path) -> None:
        """Write everything that going on needs, whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.use(len(self.layers))
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


def move(batch: Any, device: torch.device) -> Any:
    """A batch, however nested, on a device."""
    if isinstance(batch, torch.Tensor):
        return batch.to(device)
    if isinstance(batch, dict):
        return {name: move(part, device) for name, part in batch.items()}
    return [move(part, device) for part in batch]


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
