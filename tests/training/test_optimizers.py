"""The optimizers that params.yaml names."""

from __future__ import annotations

import copy

import pytest
import torch
from torch.nn import functional

from diagramlens.training.optimizers import build_optimizer, check_optimizer
from diagramlens.training.phases import ParameterGroup, RecipeError

each_optimizer = pytest.mark.parametrize("name", ["adamw", "paged-adamw-8bit"])


def groups_of(*parameters: torch.nn.Parameter) -> list[ParameterGroup]:
    return [
        ParameterGroup(f"part{number}", 0.02 / (number + 1), 0.0, (each,)) for number, each in enumerate(parameters)
    ]


def problem() -> tuple[torch.nn.Parameter, torch.nn.Parameter, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    seen, wanted = torch.randn(256, 64, generator=generator), torch.randn(256, 128, generator=generator)
    return torch.nn.Parameter(torch.zeros(128, 64)), torch.nn.Parameter(torch.zeros(128)), seen, wanted


def steps(optimizer, weight, bias, seen, wanted, count: int) -> list[float]:
    losses = []
    for _ in range(count):
        optimizer.zero_grad()
        loss = functional.mse_loss(functional.linear(seen, weight, bias), wanted)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


@pytest.mark.filterwarnings("ignore:Paged optimizers are not supported on CPU")
@each_optimizer
def test_each_learns_at_the_rate_of_each_group_and_goes_on_from_its_state(name) -> None:
    weight, bias, seen, wanted = problem()
    optimizer = build_optimizer(name, groups_of(weight, bias))
    assert [(group["component"], group["lr"]) for group in optimizer.param_groups] == [("part0", 0.02), ("part1", 0.01)]
    losses = steps(optimizer, weight, bias, seen, wanted, 20)
    assert losses[-1] < 0.85 * losses[0]
    other, other_bias, *_ = problem()
    other.data, other_bias.data = weight.data.clone(), bias.data.clone()
    resumed = build_optimizer(name, groups_of(other, other_bias))
    resumed.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    assert steps(resumed, other, other_bias, seen, wanted, 3) == steps(optimizer, weight, bias, seen, wanted, 3)


@pytest.mark.filterwarnings("ignore:Paged optimizers are not supported on CPU")
def test_eight_bits_hold_the_state_of_large_tensors_in_a_quarter() -> None:
    weight, bias, seen, wanted = problem()
    optimizer = build_optimizer("paged-adamw-8bit", groups_of(weight, bias))
    steps(optimizer, weight, bias, seen, wanted, 1)
    assert optimizer.state[weight]["state1"].dtype == torch.uint8
    assert optimizer.state[bias]["state1"].dtype == torch.float32


def test_pages_need_a_gpu(train, settings) -> None:
    check_optimizer("paged-adamw-8bit", torch.device("cuda", 0))
    with pytest.raises(RecipeError, match=r"train\.optimizer = paged-adamw-8bit: .* this run is on the cpu; use adamw"):
        train(settings=settings.model_copy(update={"optimizer": "paged-adamw-8bit"}))
