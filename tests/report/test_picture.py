"""The picture of a run, and the command that draws it."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageColor

from diagramlens.report import command
from diagramlens.report.wording import variant_colour


def report(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return command.run(parser.parse_args(arguments))


def test_page_and_picture_are_written_and_named(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page, picture = workspace / "out/report.html", workspace / "docs/results.png"
    assert report("--root", str(workspace), "--out", str(page), "--picture", str(picture)) == 0
    assert capsys.readouterr().out == f"wrote {page} and {picture}\n"
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    with Image.open(picture) as drawn:
        assert drawn.size == (2100, 1200)
        pixels = np.asarray(drawn.convert("RGB")).reshape(-1, 3)
    blue = ImageColor.getrgb(variant_colour("merged"))
    assert (pixels == blue).all(axis=1).sum() > 5000, "the bars of the trained model are there"
    assert (pixels == 255).all(axis=1).mean() < 0.98


def test_the_same_results_give_the_same_picture(workspace: Path) -> None:
    pictures = [workspace / "one.png", workspace / "two.png"]
    for picture in pictures:
        report("--root", str(workspace), "--out", str(workspace / "r.html"), "--picture", str(picture))
    with Image.open(pictures[0]) as one, Image.open(pictures[1]) as two:
        assert one.tobytes() == two.tobytes()
