"""dvc.yaml declares what the stages really read: a module or parameter that it forgot would be silent staleness."""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
import sys
from pathlib import Path

import dvc.api
import grimp
import pytest
from dvc.repo import Repo
from dvc.utils.hydra import apply_overrides
from ruamel.yaml import YAML

from diagramlens.params import load_params

ROOT = Path(__file__).parents[2]
STAGES = YAML(typ="safe", pure=True).load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
# These carry values through and compute nothing, so that a new parameter of one stage does not make all others stale.
# `inspecting` gives advice when memory runs out, and nothing else; `network` and `models.source` say what is not to be had.
_CARRIERS = ("params", "problems", "declared", "keeping", "locks", "runtime", "network", "models.source")
PLUMBING = {f"diagramlens.{name}" for name in (*_CARRIERS, "inspecting.out_of_memory")}
# Train grades where train.generated asks for it, and keeps another checkpoint where best_by does. A new grader is no reason to
# train everybody's model again; `dvc repro --force train` is there for those who want that.
ACCEPTED = {"train": ("src/diagramlens/domains", "src/diagramlens/grading", "src/diagramlens/inference.py")}


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("diagramlens", cache_dir=None)


def imported_modules(script: Path, graph: grimp.ImportGraph) -> set[str]:
    """The modules of diagramlens that a script imports, directly or through others; function-level imports count too.

    A package's `__init__` counts where it is imported by name; that Python also runs it on the way to a submodule computes nothing.
    """
    todo: list[str] = []
    for node in ast.walk(ast.parse(script.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("diagramlens"):
            for alias in node.names:
                submodule = f"{node.module}.{alias.name}"
                todo.append(submodule if submodule in graph.modules else str(node.module))
        elif isinstance(node, ast.Import):
            todo.extend(alias.name for alias in node.names if alias.name.startswith("diagramlens"))
    found: set[str] = set()
    while todo:
        module = todo.pop()
        if module not in found and not PLUMBING & {module, module.rpartition(".")[0]}:
            found.add(module)
            todo.extend(graph.find_modules_directly_imported_by(module))
    return found


def path_of(module: str) -> str:
    path = Path("src", *module.split("."))
    return (path / "__init__.py" if (ROOT / path).is_dir() else path.with_suffix(".py")).as_posix()


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_depends_on_every_module_that_it_imports_and_on_no_other_room(
    name: str, graph: grimp.ImportGraph
) -> None:
    """A folder stands for all modules in it; each one that is named must hold something that the stage imports."""
    script = f"stages/{name}.py"
    imported = {path_of(module) for module in imported_modules(ROOT / script, graph)} | {script}
    wanted = {path for path in imported if not path.startswith(ACCEPTED.get(name, ()))}
    declared = {dep for dep in STAGES[name]["deps"] if dep.startswith(("src/", "stages/"))}
    missing = {path for path in wanted if not any(path == dep or path.startswith(f"{dep}/") for dep in declared)}
    idle = {dep for dep in declared if not any(path == dep or path.startswith(f"{dep}/") for path in wanted)}
    assert (missing, idle) == (set(), set()), f"dvc.yaml, {name}: add {sorted(missing)}, remove {sorted(idle)}"


# Of what evaluate depends on, what chooses and grades, and says nothing of how a model answers.
NOT_ANSWERING = (
    *(
        "src/diagramlens/domains/circuits",
        "src/diagramlens/grading",
        "src/diagramlens/evaluation",
        "src/diagramlens/records.py",
    ),
    *(f"src/diagramlens/{name}.py" for name in ("splitting", "models/pretraining", "export/__init__")),
    *(f"src/diagramlens/export/{name}.py" for name in ("calibration", "familiarity", "merge")),
    "stages/evaluate.py",
)


@pytest.mark.parametrize(("name", "aside"), [("train", ()), ("evaluate", NOT_ANSWERING)])
def test_what_a_stage_keeps_is_named_by_all_that_it_depends_on(name: str, aside: tuple[str, ...]) -> None:
    """A checkpoint or an answer that other code or data has made must not be taken for this one's."""
    tell = f"import json, {name}; print(json.dumps([*{name}.INPUTS, *{name}.CODE]))"
    told = subprocess.run([sys.executable, "-c", tell], cwd=ROOT / "stages", capture_output=True, text=True, check=True)
    named = {*json.loads(told.stdout), "${model_folder}"}
    assert set(STAGES[name]["deps"]) - named == set(aside), name


PARAMS = load_params(ROOT / "params.yaml")
ENTRIES = [
    (axis, group, name)
    for axis, group, names in (
        ("domain", "domains", type(PARAMS.domains).model_fields),
        ("model", "models", PARAMS.models),
        ("recipe", "recipes", PARAMS.recipes),
    )
    for name in names
]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """dvc.yaml and params.yaml in a repository of DVC's, to resolve them in."""
    folder = tmp_path_factory.mktemp("copy")
    for file in ("dvc.yaml", "params.yaml"):
        shutil.copy(ROOT / file, folder)
    Repo.init(str(folder), no_scm=True)
    return folder


@pytest.mark.parametrize(("axis", "group", "name"), ENTRIES, ids=[f"{axis}={name}" for axis, _, name in ENTRIES])
def test_every_entry_can_be_selected(
    copy: Path, monkeypatch: pytest.MonkeyPatch, axis: str, group: str, name: str
) -> None:
    """As by `dvc exp run -S model=…`; DVC would take a dot in a name for a level, and find nothing."""
    monkeypatch.chdir(copy)
    apply_overrides(copy / "params.yaml", [f"{axis}={name}"])
    with Repo() as repo:
        assert {stage.name for stage in repo.index.stages} == set(STAGES)
    selected = dvc.api.params_show(stages="generate" if axis == "domain" else "train")
    assert list(selected[group]) == [name]


def test_the_folder_of_the_selected_model_is_a_dependency_of_every_stage_that_reads_the_model() -> None:
    for name, entry in STAGES.items():
        assert ("${model_folder}" in entry["deps"]) == ("models.${model}" in entry["params"]), name


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_writes_every_output_that_it_declares(name: str) -> None:
    source = (ROOT / f"stages/{name}.py").read_text(encoding="utf-8")
    listed = [item for section in ("outs", "metrics", "plots") for item in STAGES[name].get(section, [])]
    for item in listed:
        path = item if isinstance(item, str) else next(iter(item))
        assert f'"{path}"' in source, f"stages/{name}.py never names {path}"


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_runs_without_a_shell_between_dvc_and_itself(name: str) -> None:
    assert STAGES[name]["cmd"] == f"exec python stages/{name}.py"
    assert STAGES[name]["desc"]


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_reads_and_writes_only_paths_that_it_declares(name: str) -> None:
    source = (ROOT / f"stages/{name}.py").read_text(encoding="utf-8")
    entry = STAGES[name]
    listed = [item for section in ("outs", "metrics", "plots") for item in entry.get(section, [])]
    declared = [item if isinstance(item, str) else next(iter(item)) for item in listed] + entry["deps"]
    declared = [path.replace("${model_folder}", PARAMS.model_folder) for path in declared]
    texts = {
        node.value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    for text in texts:
        if text.startswith(("data/", "models/", "metrics/")) and " " not in text:
            assert any(text == path or text.startswith(f"{path}/") for path in declared), f"dvc.yaml, {name}: {text}"


def test_results_stay_in_git_and_everything_else_in_the_cache() -> None:
    for name, entry in STAGES.items():
        for item in entry["outs"]:
            options = {} if isinstance(item, str) else next(iter(item.values()))
            assert options.get("cache", True), f"{name}: an uncached output switches the run cache off"
            assert not options.get("persist", False), f"{name}: a persistent output switches the run cache off"
        for item in [*entry["metrics"], *entry.get("plots", [])]:
            if isinstance(item, str):
                assert item.endswith(".png"), f"{name}: {item} is small text, which belongs in Git"
            else:
                assert next(iter(item.values())) == {"cache": False}


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_imports_the_library_that_stands_beside_it(name: str) -> None:
    """Before anything of it is imported; else a queued experiment would run the code of the workspace."""
    body = ast.parse((ROOT / f"stages/{name}.py").read_text(encoding="utf-8")).body
    imports = [node for node in body if isinstance(node, ast.Import | ast.ImportFrom)]
    names = [node.module or "" if isinstance(node, ast.ImportFrom) else node.names[0].name for node in imports]
    assert "own_src" in names
    assert not [module for module in names[: names.index("own_src")] if module.startswith("diagramlens")]


def test_the_default_run_never_pretrains_the_embedded_model() -> None:
    """Its result is committed. No command of DVC's at the root sees its stage, which neither an edited comment nor a new name may start."""
    with Repo(str(ROOT)) as repo:
        assert {stage.name for stage in repo.index.stages if stage.cmd} == set(STAGES)
    with Repo(str(ROOT / "base")) as repo:
        assert [stage.name for stage in repo.index.stages] == ["pretrain"]
