"""params.yaml: the file that is there is right, and every way of being wrong is told in one line."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from dvc.utils.hydra import apply_overrides

from diagramlens.declared import UndeclaredParamError, declared_params
from diagramlens.params import ParamsError, load_params, parse_params, read_yaml
from diagramlens.params.sources import unwatched
from tests.committed import DEFAULT_PARAMS

FILE = DEFAULT_PARAMS
PHASE = "recipes.r1-llm-only.phases.0"
FROZEN = {"train": "frozen"}


@pytest.fixture(scope="module")
def original() -> dict[str, Any]:
    return read_yaml(FILE)


@pytest.fixture
def content(original: dict[str, Any]) -> dict[str, Any]:
    return copy.deepcopy(original)


def parent_of(content: Any, path: str) -> tuple[Any, str]:
    *parents, key = path.split(".")
    for step in parents:
        content = content[int(step)] if isinstance(content, list) else content[step]
    return content, key


def put(content: Any, path: str, value: Any) -> None:
    parent, key = parent_of(content, path)
    parent[key] = value


def rename(content: Any, path: str, new: str) -> None:
    parent, key = parent_of(content, path)
    parent[new] = parent.pop(key)


def problems_of(content: Any) -> tuple[str, ...]:
    with pytest.raises(ParamsError) as caught:
        parse_params(content)
    assert all("\n" not in problem for problem in caught.value.problems)
    assert str(caught.value) == caught.value.problems[0]
    return caught.value.problems


def test_the_file_of_this_repository_is_right_and_selects_what_it_names() -> None:
    params = load_params(FILE)
    assert params.selected_model == params.models[params.model]
    assert params.selected_recipe.phases[0].components["language"].train == "lora"
    assert params.selected_domain == params.domains.circuits


def test_hub_models_are_pinned_to_a_commit() -> None:
    for name, entry in load_params(FILE).models.items():
        if name != "base":
            assert not entry.is_local
            assert len(entry.revision or "") == 40


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        ("lora.r", 0, "lora.r = 0: must be at least 1"),
        ("lora.r", "16", 'lora.r = "16": must be a whole number'),
        ("lora.r", 16.5, "lora.r = 16.5: must be a whole number"),
        ("lora.dropout", 1.0, "lora.dropout = 1.0: must be below 1"),
        ("lora", None, "lora = null: must be a mapping"),
        ("train.warmup", float("nan"), "train.warmup = nan: must be a finite number"),
        ("train.precision", "fp61", 'train.precision = "fp61": must be auto or fp32 or bf16'),
        ("train.patience", 0, "train.patience = 0: must be at least 1"),
        ("evaluate.details", "yes", 'evaluate.details = "yes": must be true or false'),
        ("evaluate.variants", [], "evaluate.variants = []: must not be empty"),
        ("quantize.formats", ["nf4", "nf4"], "quantize.formats = [nf4, nf4]: must not name anything twice"),
        ("runtime.workers", 0, "runtime.workers = 0: must be auto or a whole number from 1 to 1024"),
        ("runtime.device", "gpu", 'runtime.device = "gpu": must match'),
        ("split.train", 0.7, "split: train + validation + test must be 1, and are 0.9"),
        ("label.kinds", {"netlist": 1}, "label: kinds must give a number for every kind"),
        (
            "domains.circuits.levels.level_0.parts",
            {"minimum": 9, "maximum": 7},
            "domains.circuits.levels.level_0.parts: minimum (9) must not exceed",
        ),
        (
            "domains.circuits.levels.level_1.parts",
            {"minimum": 3, "maximum": 20},
            "domains.circuits.levels.level_1: parts.maximum (20) must not exceed 12",
        ),
        ("domains.circuits.levels.level_2.weight", -1.0, "levels.level_2.weight = -1.0: must be at least 0"),
        (
            "domains.circuits.shapes",
            {"grid": 1.0},
            "shapes must give a weight for every entry (0 for never); missing: ladder",
        ),
        (
            "domains.circuits.shapes",
            {"grid": 0.0, "ladder": 0.0, "bridge": 0.0, "two_port": 0.0},
            "domains.circuits.shapes: must hold at least one number above 0",
        ),
        (
            "domains.circuits.levels.level_1.grid",
            {"minimum": 2, "maximum": 2},
            "domains.circuits.levels.level_1: parts.maximum (7) must not exceed 4",
        ),
        ("domains.circuits.crossings", 1.5, "domains.circuits.crossings = 1.5: must be at most 1"),
        (
            "domains.circuits.sources",
            {"one": 0.0, "two": 0.0, "three": 0.0},
            "sources: must hold at least one number above 0",
        ),
        ("generate.sources", {}, "generate: sources must hold at least one with a weight above 0"),
        ("generate.sources.drawn.weight", 0.0, "generate: sources must hold at least one with a weight above 0"),
        ("generate.sources.again", {"kind": "draw", "weight": 1.0}, "generate: sources must draw at most once"),
        ("generate.sources.new", {}, "generate.sources.new.kind: missing"),
        (
            "generate.sources.new",
            {"kind": "drow", "weight": 1.0},
            'generate.sources.new.kind = "drow": must be draw or circuitsense or hub or labelme or coco or csv or '
            "folder, did you mean draw?",
        ),
        (
            "generate.sources.new",
            {"kind": "circuitsense", "path": "x", "weight": 1.0},
            "generate.sources.new.max_bad_fraction: missing",
        ),
        (
            "generate.sources.new",
            {"kind": "labelme", "path": "x", "weight": 1.0, "max_bad_fraction": 0.1, "ask_count": True},
            "generate.sources.new.ask_count = true: unknown key, did you mean ask_counts?",
        ),
        (
            "generate.sources.new",
            {
                "kind": "hub",
                "repository": "a/b",
                "revision": "main",
                "patterns": ["*"],
                "weight": 1.0,
                "max_bad_fraction": 0.1,
            },
            'generate.sources.new.revision = "main": must match ^[0-9a-f]{40}$',
        ),
        (
            "generate.sources.new",
            {
                "kind": "csv",
                "path": "t.csv",
                "images": ".",
                "columns": {"image": "image_path", "truth": None, "question": None, "answer": None},
                "convention": "spice",
                "weight": 1.0,
                "max_bad_fraction": 0.1,
            },
            "generate.sources.new.columns: at least truth, or question and answer, must be named",
        ),
        ("models.base.revision", "0" * 40, "models.base: revision must be null for models/base"),
        ("models.base.source", "Qwen/Other", "models.base: revision must be a commit of 40 hex digits"),
        (
            f"{PHASE}.components.language.train",
            "lroa",
            'language.train = "lroa": must be frozen or full or lora, did you mean lora?',
        ),
        (
            f"{PHASE}.components.vision",
            {"train": "frozen", "rate": 1e-4},
            f"{PHASE}.components: vision is frozen and has no learning rate: remove its rate, or train it as full or lora",
        ),
        (
            f"{PHASE}.components.decoder",
            {"train": "frozen"},
            f"{PHASE}.components.decoder: unknown key; it must be one of vision, merger, language, head",
        ),
        ("lora.targets", "attn", 'lora.targets = "attn": must be all or attention'),
        ("lora.b_rate_ratio", 0.5, "lora.b_rate_ratio = 0.5: must be at least 1"),
        ("train.rate_scaling", "square", 'train.rate_scaling = "square": must be none or sqrt or linear'),
        ("models.smolvlm-256m.min_pixels", 3136, "models.smolvlm-256m: min_pixels (3136) must equal max_pixels"),
        ("models.base.family", "llava", 'models.base.family = "llava": must be qwen2-vl or qwen2.5-vl or smolvlm'),
        ("model", "smolvlm-256m", "quantize.formats names gguf-f16, gguf-q8_0, which nothing makes of family smolvlm"),
        (f"{PHASE}.components.language.rate", "1e-4", 'components.language.rate = "1e-4": must be a number'),
        (f"{PHASE}.components.language", {"train": "frozen"}, "components must train at least one component"),
        (f"{PHASE}.components.head", {"train": "lora", "rate": 1e-4}, "components.head must be frozen or full"),
        (
            f"{PHASE}.components.language",
            {"train": "full", "rate": 1e-4},
            "components.language must be frozen or lora where four_bit",
        ),
        (
            f"{PHASE}.components",
            {"vision": FROZEN, "merger": {"train": "full", "rate": 1e-4}, "language": FROZEN, "head": FROZEN},
            "phases: four_bit of language must be false where no phase trains a component as lora",
        ),
    ],
)
def test_a_wrong_value_is_told_with_its_key_and_what_is_allowed(
    content: dict[str, Any], path: str, value: Any, told: str
) -> None:
    put(content, path, value)
    (problem,) = problems_of(content)
    assert problem.startswith("params.yaml: ")
    assert told in problem


def test_shapes_that_a_level_has_no_room_for_are_refused(content: dict[str, Any]) -> None:
    put(content, "domains.circuits.shapes.bridge", 1.0)
    put(content, "domains.circuits.levels.level_0.parts.maximum", 5)
    (problem,) = problems_of(content)
    assert "levels.level_0.parts.maximum (5) must be at least 6 for shapes.bridge" in problem
    put(content, "domains.circuits.levels.level_0.parts.maximum", 7)
    put(
        content,
        "domains.circuits.levels.level_2",
        {"weight": 1.0, "parts": {"minimum": 4, "maximum": 7}, "grid": {"minimum": 2, "maximum": 3}},
    )
    put(content, "domains.circuits.shapes.two_port", 1.0)
    (problem,) = problems_of(content)
    assert "levels.level_2.grid.maximum (3) must be at least 4 for shapes.two_port" in problem


def test_some_level_must_be_drawn(content: dict[str, Any]) -> None:
    for level in content["domains"]["circuits"]["levels"].values():
        level["weight"] = 0.0
    (problem,) = problems_of(content)
    assert "domains.circuits.levels: must hold at least one number above 0" in problem


@pytest.mark.parametrize(
    ("path", "new", "told"),
    [
        (
            "lora.dropout",
            "droupout",
            "lora.droupout = 0.0: unknown key, did you mean dropout? "
            "lora has r, alpha, dropout, targets, use_rslora, use_dora, b_rate_ratio",
        ),
        ("lora", "loar", "loar = {…}: unknown key, did you mean lora? the file has domain, model"),
        (f"{PHASE}.epochs", "epoch", f"{PHASE}.epoch = 1.0: unknown key, did you mean epochs?"),
        (f"{PHASE}.components.vision", "visoin", f"{PHASE}.components.visoin: unknown key, did you mean vision?"),
        (
            "domains.circuits.styles.american",
            "amercan",
            "domains.circuits.styles.amercan: unknown key, did you mean american?",
        ),
        ("lora.dropout", "drop.out", "lora.drop.out = 0.0: unknown key, did you mean dropout? lora has r, alpha"),
    ],
)
def test_a_misspelt_key_is_told_once_with_the_right_spelling(
    content: dict[str, Any], path: str, new: str, told: str
) -> None:
    rename(content, path, new)
    (problem,) = problems_of(content)
    assert told in problem


@pytest.mark.parametrize("path", ["lora.r", "train.seed", "runtime", "models.base.four_bit", "domains.circuits.pitch"])
def test_a_missing_key_is_told_for_there_are_no_defaults(content: dict[str, Any], path: str) -> None:
    parent, key = parent_of(content, path)
    del parent[key]
    assert problems_of(content) == (f"params.yaml: {path}: missing, and there are no defaults: add it",)


@pytest.mark.parametrize(
    ("axis", "name", "told"),
    [
        (
            "recipe",
            "r1-llmonly",
            "recipe = r1-llmonly: no such recipe, did you mean r1-llm-only? recipes has full, lora, projector-only, r1-llm-only",
        ),
        ("model", "gpt", "model = gpt: no such model; models has base, qwen2-5-vl-3b, qwen2-5-vl-7b, qwen2-vl-2b"),
        (
            "model",
            "qwen2.5-vl-3b",
            "models has no qwen2.5-vl-3b; it is called qwen2-5-vl-3b now, since DVC takes a dot for a level",
        ),
        ("model", "smolvlm2-2.2b", "it is called smolvlm2-2-2b now"),
        ("domain", "circuit", "domain = circuit: no such domain, did you mean circuits? domains has circuits"),
    ],
)
def test_an_unknown_choice_is_told_with_the_choices(content: dict[str, Any], axis: str, name: str, told: str) -> None:
    content[axis] = name
    (problem,) = problems_of(content)
    assert told in problem


@pytest.mark.parametrize("path", ["models.base", "recipes.r1-llm-only", "generate.sources.drawn"])
@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("v1.5", "the name v1.5 must hold no dot, which DVC takes for a level; call it v1-5"),
        ("1.5", "the name 1.5 must hold no dot, which DVC takes for a level"),
        (1.5, "the name 1.5 must hold no dot, which DVC takes for a level"),
        (7, "the name 7 must begin with a letter"),
        ("7b", "the name '7b' must begin with a letter"),
        ("null", "be none that YAML reads as a value; dvc exp run -S could not set it"),
        ("two words", "the name 'two words' must begin with a letter, go on with letters, digits, - and _"),
        ("", "the name '' must begin with a letter"),
    ],
)
def test_a_name_that_dvc_cannot_say_is_refused_wherever_one_is_chosen(
    content: dict[str, Any], path: str, name: Any, told: str
) -> None:
    parent, key = parent_of(content, path)
    parent[name] = parent[key]  # beside the one that is selected
    problem = problems_of(content)[0]
    assert problem.startswith(f"params.yaml: {path.rpartition('.')[0]}")
    assert told in problem


def test_the_folder_of_the_selected_model_is_named_a_second_time_for_dvc_to_watch(content: dict[str, Any]) -> None:
    content["models"]["mine"] = content["models"]["base"] | {"source": "models/mine"}
    parse_params(content)
    content["model"] = "mine"
    (problem,) = problems_of(content)
    assert problem == (
        "params.yaml: model_folder = models/base: must be models/mine where model = mine, so that DVC sees when the files in there "
        "change (-S model=mine -S model_folder=models/mine)"
    )
    content["model_folder"] = "./models/mine"
    assert parse_params(content).selected_model.source == "models/mine"


def test_sources_that_dvc_does_not_watch_are_told(
    content: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It follows no link to a folder either."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data/imports").mkdir(parents=True)
    (tmp_path / "data/imports/link").symlink_to(tmp_path)
    labelme = {"kind": "labelme", "weight": 1.0, "max_bad_fraction": 0.0, "ask_counts": True}
    places = {
        "here": "data/imports/lm",
        "absolute": str(Path("data/imports/lm").absolute()),
        "away": "data/other",
        "climbing": "data/imports/../lm",
        "linked": "data/imports/link",
    }
    content["generate"]["sources"] |= {name: labelme | {"path": path} for name, path in places.items()}
    content["generate"]["sources"]["unused"] = labelme | {"path": "/elsewhere", "weight": 0.0}
    away, climbing, linked = unwatched(parse_params(content).generate.sources)
    assert away.startswith(
        "generate.sources.away.path = data/other: outside of data/imports, so that dvc repro does not see"
    )
    assert climbing.startswith("generate.sources.climbing.path = data/imports/../lm: outside")
    assert linked.startswith("generate.sources.linked.path = data/imports/link: outside")


def test_a_variant_that_nothing_makes_is_told(content: dict[str, Any]) -> None:
    content["quantize"]["formats"] = ["nf4"]
    content["evaluate"]["variants"] = ["base", "merged", "gguf-q8_0"]
    (problem,) = problems_of(content)
    assert "evaluate.variants names gguf-q8_0, which nothing makes: add it to quantize.formats" in problem


def test_a_batch_that_micro_batches_do_not_fill_is_told(content: dict[str, Any]) -> None:
    content["train"]["batch"] = content["models"]["base"]["micro_batch"] * 2 + 1
    content["train"]["packing"] = "shared"
    parse_params(content)  # packed rows hold any number of examples
    content["train"]["packing"] = "none"
    (problem,) = problems_of(content)
    assert "train.batch = 33: must be a multiple of models.base.micro_batch (16)" in problem


def test_every_problem_of_a_file_is_listed(content: dict[str, Any]) -> None:
    put(content, "lora.r", 0)
    put(content, "train.batch", -1)
    rename(content, "merge.samples", "smaples")
    assert len(problems_of(content)) == 3


def test_numbers_are_read_as_yaml_1_2_does(tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    file.write_text("rate: 2e-4\nyes: no\n", encoding="utf-8")
    assert read_yaml(file) == {"rate": 0.0002, "yes": "no"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("lora: {r: 1", "line 1, column"),
        ("lora:\n  r: 1\n  r: 2\n", "line 3, column 3: not valid YAML: found duplicate key"),
        ("[1, 2]", "must be a mapping of parameters"),
        ("", "must be a mapping of parameters, and holds null"),
    ],
)
def test_a_file_that_is_no_mapping_is_told_where(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "params.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ParamsError) as caught:
        load_params(file)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_override_of_dvc_changes_its_own_line_only(tmp_path: Path) -> None:
    """`dvc exp run -S` rewrites params.yaml; in another form the file would lose its comments bit by bit."""
    file = tmp_path / "params.yaml"
    shutil.copy(FILE, file)
    before = file.read_text(encoding="utf-8").splitlines()
    for value in (16, 17):  # the second rewriting loses what the first one moved
        apply_overrides(file, [f"lora.r={value}"])
    after = file.read_text(encoding="utf-8").splitlines()
    assert len(before) == len(after)
    changed = [line for old, line in zip(before, after, strict=True) if old != line]
    assert len(changed) == 1
    assert changed[0].startswith("  r: 17 ")


def declared(content: dict[str, Any], pick: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
    return declared_params("train", pick(content), content, parse_params(content))


def test_a_stage_sees_the_groups_that_it_declares(content: dict[str, Any]) -> None:
    view = declared(
        content, lambda c: {"lora": c["lora"], "models": {"base": c["models"]["base"]}, "recipe": c["recipe"]}
    )
    assert view.lora.r == content["lora"]["r"]
    assert view.model.source == "models/base"
    assert (view.names.model, view.names.recipe, view.names.domain) == ("base", "r1-llm-only", None)


@pytest.mark.parametrize("group", ["train", "recipe", "runtime", "batch"])
def test_a_stage_cannot_read_what_it_does_not_declare(content: dict[str, Any], group: str) -> None:
    view = declared(content, lambda c: {"lora": c["lora"]})
    with pytest.raises(UndeclaredParamError, match=f"stage train reads {group}, which dvc.yaml does not declare"):
        getattr(view, group)


@pytest.mark.parametrize(
    "pick",
    [
        lambda c: {"lora": {"r": c["lora"]["r"]}},
        lambda c: {"models": c["models"]},
        lambda c: {"models": {"base": {"source": "models/base"}}},
        lambda c: {"runtime": c["runtime"]},
    ],
    ids=["part of a group", "all models", "part of a model", "runtime"],
)
def test_a_declaration_of_anything_but_whole_groups_is_refused(
    content: dict[str, Any], pick: Callable[..., Any]
) -> None:
    with pytest.raises(ParamsError, match=r"dvc\.yaml: stage train"):
        declared(content, pick)
