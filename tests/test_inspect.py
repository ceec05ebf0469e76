"""`diagramlens inspect`: what LoRA hits, what is trained, what memory it takes; and what is said when memory runs out."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from diagramlens.cli import main
from diagramlens.inspecting.adapters import judge, modules_matching
from diagramlens.inspecting.estimate import Memory, nf4_bytes
from diagramlens.inspecting.inspection import Inspection, as_json, inspect_recipe
from diagramlens.inspecting.out_of_memory import NoMemoryError, Use, out_of_memory_advice
from diagramlens.inspecting.tables import report
from diagramlens.models.families import family_named, linear_modules
from diagramlens.models.loading import load_model
from diagramlens.params import Lora, ModelEntry, Params, load_params
from tests.committed import DEFAULT_PARAMS
from tests.models.tiny import ARCHITECTURES, save_tiny

ROOT = Path(__file__).parents[1]
PUBLISHED = ROOT / "tests" / "models" / "configs" / "qwen2-vl-7b-instruct.json"
USUAL_LIST = "q_proj,k_proj,v_proj,o_proj,gate_proj,up_proj,down_proj"
each_architecture = pytest.mark.parametrize("kind", ARCHITECTURES)


@pytest.fixture(autouse=True)
def in_the_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


@pytest.fixture(scope="module")
def params() -> Params:
    return load_params(DEFAULT_PARAMS)


@pytest.fixture(scope="module")
def entry_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], ModelEntry]:
    made: dict[str, ModelEntry] = {}

    def of(kind: str) -> ModelEntry:
        if kind not in made:
            made[kind] = save_tiny(kind, tmp_path_factory.mktemp(kind))
        return made[kind]

    return of


def inspected(params: Params, entry: ModelEntry, recipe: str, **named) -> Inspection:
    settings = {"text": 64, "supervised": 32, **named}
    lora: Lora = settings.pop("lora", params.lora)
    train = params.train.model_copy(update=settings.pop("train", {"packing": "none"}))
    return inspect_recipe(entry, params.recipes[recipe].phases, lora, train, **settings)


@pytest.fixture(scope="module")
def published(params) -> Inspection:
    lora = params.lora.model_copy(update={"r": 64})
    entry = params.models["qwen2-vl-7b"]
    return inspected(params, entry, "r1-llm-only", lora=lora, config_file=PUBLISHED, text=384, supervised=128)


def test_rank_64_on_the_seven_language_projections_of_the_7b_trains_161_million(published) -> None:
    phase = as_json(published)["phases"][0]
    assert phase["trainable"]["total"] == phase["trainable"]["by_component"]["language"] == 161_480_704
    assert round(phase["trainable"]["share"], 3) == 0.019
    assert "161 M (1.9%)" in report(published, "qwen2-vl-7b", "r1-llm-only")
    assert published.verdict.sentence == "LoRA hits exactly what the recipe names: language (196 modules)"


def test_qlora_of_the_7b_fits_a_card_of_16_gib_and_gradient_checkpointing_is_why(published) -> None:
    phase = published.phases[0]
    assert phase.checkpointing
    assert phase.memory.card == 16
    assert phase.otherwise is not None
    assert phase.otherwise.activations > 8 * phase.memory.activations
    # 6.5 billion weights at 4.13 bits, 1.8 billion at 16.
    assert phase.memory.weights == pytest.approx(6.53e9 * 4.127 / 8 + 1.766e9 * 2, rel=0.01)
    assert phase.memory.optimizer == 2 * phase.memory.gradients == 8 * 161_480_704


@each_architecture
@pytest.mark.parametrize(
    "recipe", ["r1-llm-only", "r2-vision-only", "r3-two-stage", "r4-joint", "full", "projector-only"]
)
def test_every_recipe_is_inspected_on_every_architecture(kind, recipe, entry_of, params) -> None:
    entry = entry_of(kind)
    found = inspected(params, entry, recipe, both_ways=False)
    assert found.verdict.exact
    assert [phase.name for phase in found.phases] == [phase.name for phase in params.recipes[recipe].phases]
    for phase, plan in zip(found.phases, params.recipes[recipe].phases, strict=True):
        trained = {name for name, count in phase.trainable.items() if count}
        assert trained == {name for name, how in plan.components.items() if how.train != "frozen"} - set(found.tied)
        assert phase.memory.activations > 0
        assert phase.memory.gradients == 4 * phase.trained
    assert sum(found.sizes.values()) == sum(p.numel() for p in load_model(entry).parameters())
    json.dumps(as_json(found))


def test_the_usual_list_of_names_strays_into_the_vision_tower(entry_of, params) -> None:
    strayed = inspected(params, entry_of("qwen2_5_vl"), "r1-llm-only", targets=USUAL_LIST, both_ways=False).verdict
    assert not strayed.exact
    assert (
        "it strays to model.visual.blocks.*.mlp.down_proj (2), model.visual.blocks.*.mlp.gate_proj (2)"
        in strayed.sentence
    )
    fine = inspected(params, entry_of("qwen2_vl"), "r1-llm-only", targets=USUAL_LIST, both_ways=False).verdict
    assert fine.exact


def test_a_list_that_leaves_modules_out_misses_them(entry_of, params) -> None:
    verdict = inspected(params, entry_of("qwen2_vl"), "r1-llm-only", targets="q_proj,v_proj", both_ways=False).verdict
    assert len(verdict.missed) == 2 * 5
    assert "it misses model.language_model.layers.*.mlp.down_proj (2)" in verdict.sentence


def test_a_regex_is_compared_with_whole_names(entry_of, params) -> None:
    kinds = inspected(params, entry_of("smolvlm"), "r1-llm-only", both_ways=False).kinds
    assert len(modules_matching("q_proj", kinds)) == 4  # two layers in the tower, two in the language model
    assert len(modules_matching(r".*text_model.*\.q_proj", kinds)) == 2


def test_the_verdict_on_nothing_named_and_nothing_hit_is_that_there_is_no_lora(entry_of) -> None:
    assert judge(family_named("qwen2-vl"), [], [], []).sentence == "no LoRA in this recipe"


@each_architecture
def test_four_bit_weights_take_the_bytes_that_bitsandbytes_gives_them(kind, entry_of) -> None:
    entry = entry_of(kind)
    model = load_model(entry, four_bit=True)
    for name in linear_modules(family_named(entry.family), model, "language"):
        weight = model.get_submodule(name).weight
        state = weight.quant_state
        held = weight.numel() + state.absmax.numel() + 4 * state.state2.absmax.numel()
        assert nf4_bytes(math.prod(state.shape)) == held


def test_a_card_is_chosen_with_room_for_what_cuda_takes() -> None:
    def memory(gib: float) -> Memory:
        return Memory(int(gib * 2**30), 0, 0, 0, 0, 0)

    assert memory(10.7).card == 16
    assert memory(14.5).card == 24
    assert memory(200).card is None


def test_a_packed_row_takes_what_the_same_tokens_take_padded(entry_of, params) -> None:
    entry = entry_of("qwen2_vl").model_copy(update={"micro_batch": 4})
    packed = inspected(params, entry, "lora", text=64, train={"packing": "shared", "pack_tokens": 4 * (256 + 64)})
    assert packed.batch == inspected(params, entry, "lora", text=64).batch
    longer = inspected(params, entry, "lora", text=64, train={"packing": "shared", "pack_tokens": 4 * (256 + 64) + 200})
    assert (longer.batch.samples, longer.batch.text) == (4, 64 + 50)


def test_moments_in_8_bits_take_a_quarter_but_for_those_of_small_tensors(entry_of, params) -> None:
    def states(optimizer: str) -> int:
        found = inspected(params, entry_of("qwen2_vl"), "full", both_ways=False, train={"optimizer": optimizer})
        return found.phases[0].memory.optimizer

    assert states("adamw") / 4 < states("paged-adamw-8bit") < states("adamw") / 2  # small tensors keep 32


# ------------------------------------------------------------------------------------------------------------------ the command


def test_the_command_prints_tables(capsys) -> None:
    assert main(["inspect", "--model", "base", "--recipe", "r3-two-stage"]) == 0
    out = capsys.readouterr().out
    for words in (
        "model.visual.blocks.*.attn.qkv",
        "trainable in vision",
        "trainable in language",
        "AdamW",
        "checkpointing",
    ):
        assert words in out


def test_the_command_prints_json(capsys) -> None:
    asked = ["--config", str(PUBLISHED), "--model", "qwen2-vl-7b", "--rank", "64"]
    assert main(["inspect", "--params", str(DEFAULT_PARAMS), *asked, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["parameters"]["total"] == 8_291_375_616
    assert found["phases"][0]["trainable"]["total"] == 161_480_704
    assert found["lora"]["exact"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", "qwen2-vl-7"], "--model qwen2-vl-7: no such model, did you mean qwen2-vl-7b?"),
        (
            ["--model", "qwen2.5-vl-7b"],
            "--model qwen2.5-vl-7b: models has no qwen2.5-vl-7b; it is called qwen2-5-vl-7b now",
        ),
        (["--recipe", "r5"], "--recipe r5: no such recipe"),
        (["--config", "nowhere.json"], "nowhere.json: no such file"),
        (
            ["--model", "qwen2-5-vl-7b", "--config", str(PUBLISHED)],
            "a qwen2_vl model, where family qwen2.5-vl wants qwen2_5_vl",
        ),
        (["--model", "qwen2-vl-72b"], "Qwen/Qwen2-VL-72B-Instruct: its config.json cannot be read"),
    ],
)
def test_what_cannot_be_inspected_is_told_in_one_line(arguments, message, capsys) -> None:
    assert main(["inspect", *arguments]) == 1
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1


# --------------------------------------------------------------------------------------------------------------- no memory left


def test_no_memory_in_training_names_the_keys_and_what_it_would_take(entry_of, params) -> None:
    entry = entry_of("qwen2_vl").model_copy(update={"micro_batch": 8, "four_bit": False})
    padded = params.train.model_copy(update={"packing": "none"})
    use = Use("train", "mine", entry, params.recipes["r1-llm-only"], params.lora, padded)
    with pytest.raises(NoMemoryError) as caught, out_of_memory_advice(use):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has a total capacity of …")
    message = str(caught.value)
    assert message.startswith("no memory left on the GPU")
    for words in (
        "in train with model mine (on a GPU phase language takes about ",
        "set models.mine.gradient_checkpointing: true",
        "lower models.mine.micro_batch from 8 to 4",
        "lower models.mine.max_pixels (200704)",
        "set models.mine.four_bit: true",
    ):
        assert words in message
    assert "\n" not in message


def test_no_memory_with_packed_rows_and_everything_trained_names_their_keys(entry_of, params) -> None:
    packed = params.train.model_copy(update={"packing": "shared", "pack_tokens": 4096})
    use = Use("train", "mine", entry_of("qwen2_vl"), params.recipes["full"], params.lora, packed)
    keys = (
        r"lower train\.pack_tokens from 4096 to 2048, or lower models\.mine\.micro_batch from 4 to 2, if that was an evaluation"
        r".*paged-adamw-8bit"
    )
    with pytest.raises(NoMemoryError, match=keys), out_of_memory_advice(use):
        raise torch.OutOfMemoryError("CUDA out of memory")


@pytest.mark.parametrize(
    ("stage", "batch", "key"),
    [
        ("evaluate", 32, "lower evaluate.batch from 32 to 16"),
        ("merge", None, "runtime.device: cpu"),
        ("quantize", None, "smaller model"),
    ],
)
def test_no_memory_in_another_stage_names_that_stages_keys(stage, batch, key, entry_of) -> None:
    use = Use(stage, "mine", entry_of("qwen2_vl"), batch=batch)
    with pytest.raises(NoMemoryError, match=r"its weights alone take 0\.\d\d GiB") as caught, out_of_memory_advice(use):
        raise MemoryError
    assert key in str(caught.value)


@pytest.mark.parametrize("status", ["CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED"])
def test_a_library_that_gets_no_memory_on_the_gpu_counts(status, entry_of) -> None:
    use = Use("merge", "mine", entry_of("qwen2_vl"))
    with pytest.raises(NoMemoryError, match="no memory left on the GPU in merge"), out_of_memory_advice(use):
        raise RuntimeError(f"CUDA error: {status} when calling `cublasCreate(handle)`")


def test_a_real_refusal_of_torchs_cpu_allocator_counts(entry_of) -> None:
    use = Use("merge", "mine", entry_of("qwen2_vl"))
    with pytest.raises(NoMemoryError, match="no memory left on this machine in merge"), out_of_memory_advice(use):
        torch.empty(2**60, dtype=torch.uint8)


def test_no_memory_with_a_model_whose_configuration_is_not_there_still_names_the_keys(entry_of) -> None:
    gone = entry_of("qwen2_vl").model_copy(update={"source": "/nowhere"})
    use = Use("evaluate", "mine", gone, batch=4)
    with (
        pytest.raises(NoMemoryError, match=r"in evaluate with model mine; lower evaluate\.batch from 4 to 2"),
        out_of_memory_advice(use),
    ):
        raise MemoryError


def test_other_errors_pass_as_they_are(entry_of) -> None:
    with (
        pytest.raises(RuntimeError, match="shape mismatch"),
        out_of_memory_advice(Use("merge", "mine", entry_of("qwen2_vl"))),
    ):
        raise RuntimeError("shape mismatch")
