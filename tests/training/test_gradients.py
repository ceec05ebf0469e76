"""A gradient that is lost ends a training, and one that is not to be had does not."""

from __future__ import annotations

import dataclasses

import pytest
import torch

import diagramlens.training.recipe as recipe
from diagramlens.training.gradients import GradientError, fill_gradients
from diagramlens.training.phases import RecipeError
from tests.models.tiny import ARCHITECTURES

LAYERS = 2
LINEAR = 7  # modules of a layer that carry an adapter, of two matrices each


@pytest.fixture
def cut(monkeypatch):
    """Has models come with the output of one module cut off from what made it, as a library's defect would."""

    def at(find) -> None:
        untouched = recipe.load_model

        def load_model(*arguments, **named):
            model = untouched(*arguments, **named)
            find(model).register_forward_hook(
                lambda _, __, output: output.detach() if torch.is_tensor(output) else output
            )
            return model

        monkeypatch.setattr(recipe, "load_model", load_model)

    return at


@pytest.mark.parametrize("packing", ["shared", "none"])
def test_a_language_model_that_no_gradient_reaches_is_named(packing, cut, train, settings) -> None:
    cut(lambda model: model.get_decoder().layers[-1])
    with pytest.raises(GradientError, match=r"^no gradient reaches language: the loss depends on none of it"):
        train(settings=settings.model_copy(update={"packing": packing}))


def test_matrices_that_no_gradient_reaches_are_counted(cut, train) -> None:
    cut(lambda model: model.get_decoder().layers[0])
    lost, all_of_them = 2 * LINEAR, 2 * LINEAR * LAYERS
    with pytest.raises(GradientError, match=rf"^no gradient reaches {lost} of {all_of_them} matrices of language: "):
        train()


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_a_tower_whose_gradient_is_lost_is_named_though_the_language_model_learns(
    kind, cut, train, entry_of, phase
) -> None:
    family = recipe.family_named(entry_of(kind).family)
    cut(lambda model: model.get_submodule(family.patch_embedding))
    with pytest.raises(GradientError, match=r"^no gradient reaches \d+ of \d+ matrices of vision: "):
        train(phase(vision=("full", 1e-3), language=("lora", 1e-3)), entry=entry_of(kind))


@pytest.mark.parametrize("packing", ["shared", "none"])
def test_steps_without_a_picture_teach_a_tower_nothing_and_end_nothing(
    packing, train, settings, questions, phase
) -> None:
    plain = [dataclasses.replace(question, diagram_id="") for question in questions[:8]]
    mixed = [*plain, *questions[8:12]]
    result = train(
        phase(vision=("full", 1e-3)), training=mixed, settings=settings.model_copy(update={"packing": packing})
    )
    norms = [row["vision_grad_norm"] for row in result.trained.curves]
    assert 0.0 in norms and max(norms) > 0


def test_a_phase_that_only_learns_to_see_wants_pictures_in_the_training_split(train, questions, phase) -> None:
    plain = [dataclasses.replace(question, diagram_id="") for question in questions[:8]]
    with pytest.raises(RecipeError, match="phase phase: trains merger and vision alone, and no sample"):
        train(phase(vision=("full", 1e-3), merger=("full", 1e-3)), training=plain)


def test_a_vector_may_be_without_a_gradient_and_a_matrix_only_where_nothing_was_seen() -> None:
    def groups(component: str) -> list[dict]:
        vector, matrix = torch.nn.Parameter(torch.ones(2)), torch.nn.Parameter(torch.ones(2, 2))
        return [{"component": component, "params": [vector]}, {"component": component, "params": [matrix]}]

    unseen = groups("merger")
    fill_gradients(unseen, seen=False)
    assert all(not group["params"][0].grad.any() for group in unseen)
    fill_gradients(groups("merger")[:1], seen=True)
    with pytest.raises(GradientError, match="1 of 1 matrices of merger"):
        fill_gradients(groups("merger"), seen=True)
    with pytest.raises(GradientError, match="1 of 1 matrices of language"):
        fill_gradients(groups("language"), seen=False)
