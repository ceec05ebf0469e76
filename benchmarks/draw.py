"""How fast circuits are drawn, beside circuitikz: `python benchmarks/draw.py 200 5`.

Draws N pictures of 448 x 448 pixels (a grid of 4 x 4 junctions, 112 pixels apart, 8 to 14 labelled parts, styles in turn, seed 1) and
prints one JSON line: the median milliseconds of drawing one, and of drawing it and making PNG bytes of it. Each is the best of five
runs on one core once the fonts are open. Where pdflatex and circuitikz are installed, M of the same circuits are typeset too, and the
line has circuitikz' median and the median of the circuits' ratios: ours with PNG, theirs up to the PDF. All are seconds of processor
time, as a shared machine lends them unevenly.
"""

from __future__ import annotations

import json
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from diagramlens.domains.circuits.draw import draw
from diagramlens.domains.circuits.png import encode_png
from diagramlens.domains.circuits.scene import Point, Scene, Segment
from diagramlens.domains.circuits.styles import STYLE_NAMES, Style, sample_style

PITCH = 112
SIDE = 4
REPETITIONS = 5
TIKZ = {"R": "R", "L": "L", "C": "C", "V": "V", "I": "I", "E": "cV", "G": "cI", "W": "short"}


def random_scene(rng: random.Random) -> Scene:
    """Parts and wires on the edges of a grid; it need not be a circuit that can be solved."""
    junctions = {(c, r): (PITCH // 2 + PITCH * c, PITCH // 2 + PITCH * r) for c in range(SIDE) for r in range(SIDE)}
    edges = [(a, b) for a in junctions for b in ((a[0] + 1, a[1]), (a[0], a[1] + 1)) if b in junctions]
    chosen = rng.sample(edges, 20)
    kinds = [rng.choice("RRRLCCVIEG") for _ in range(rng.randint(8, 14))]
    segments = []
    for number, (first, second) in enumerate(chosen, 1):
        ends: tuple[Point, Point] = (junctions[first], junctions[second])
        if number > len(kinds):
            segments.append(Segment("W", "W", "", *ends))
            continue
        kind = kinds[number - 1]
        name = f"{kind}{number}"
        control = "v1" if kind in "EG" else ""
        voltage = "v1" if number == 1 else ""
        label = rng.choice((name, name, f"{name} 2.2 kΩ")) if kind == "R" else name
        segments.append(Segment(kind, name, "", *ends, label=label, voltage=voltage, control=control))
    return Scene((PITCH * SIDE, PITCH * SIDE), tuple(segments), (max(segments[-1].start, segments[-1].end),))


def typeset(scene: Scene, folder: Path) -> float:
    """Processor seconds that pdflatex takes for the same circuit."""
    lines = []
    for part in scene.segments:
        (x0, y0), (x1, y1) = ((x / PITCH * 2, -y / PITCH * 2) for x, y in (part.start, part.end))
        words = (part.label or part.name).replace("Ω", r"$\Omega$")
        label = "" if part.kind == "W" else f", l={{{words}}}"
        lines.append(rf"\draw ({x0:.2f},{y0:.2f}) to[{TIKZ[part.kind]}{label}] ({x1:.2f},{y1:.2f});")
    x, y = scene.grounds[0]
    lines.append(rf"\draw ({x / PITCH * 2:.2f},{-y / PITCH * 2:.2f}) node[ground]{{}};")
    head = (
        r"\documentclass{article}\pagestyle{empty}\usepackage[american]{circuitikz}\begin{document}\begin{circuitikz}"
    )
    (folder / "c.tex").write_text("\n".join([head, *lines, r"\end{circuitikz}\end{document}"]))
    start = children_seconds()
    command = ["pdflatex", "-interaction=batchmode", "-halt-on-error", "c.tex"]
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return children_seconds() - start


def children_seconds() -> float:
    """Processor time of all programs that were started and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def time_ours(scene: Scene, style: Style) -> tuple[float, float]:
    """Processor seconds of drawing a picture and of making PNG bytes of it."""
    drawing, encoding = [], []
    for _ in range(REPETITIONS):
        start = time.process_time()
        picture, _ = draw(scene, style, PITCH)
        drawn = time.process_time()
        encode_png(picture)
        encoding.append(time.process_time() - drawn)
        drawing.append(drawn - start)
    return min(drawing), min(encoding)


def has_circuitikz() -> bool:
    """Whether pdflatex and the package are installed."""
    if not (shutil.which("pdflatex") and shutil.which("kpsewhich")):
        return False
    return subprocess.run(["kpsewhich", "circuitikz.sty"], stdout=subprocess.DEVNULL, check=False).returncode == 0


def main(count: int, typeset_count: int) -> None:
    """Time the pictures and print the line."""
    rng = random.Random(1)
    circuits = [(random_scene(rng), sample_style(STYLE_NAMES[k % 3], rng)) for k in range(count)]
    for scene, style in circuits:
        draw(scene, style, PITCH)  # opens the fonts
    ours = [time_ours(scene, style) for scene, style in circuits]
    line: dict[str, object] = {
        "pictures": count,
        "draw_ms": round(1000 * statistics.median(drawing for drawing, _ in ours), 2),
        "draw_and_png_ms": round(1000 * statistics.median(sum(pair) for pair in ours), 2),
    }
    if has_circuitikz():
        with tempfile.TemporaryDirectory() as folder:
            typeset(circuits[0][0], Path(folder))  # reads the packages from the disk
            theirs = [typeset(scene, Path(folder)) for scene, _ in circuits[:typeset_count]]
        ratios = [seconds / sum(pair) for seconds, pair in zip(theirs, ours, strict=False)]
        line["circuitikz_ms"] = round(1000 * statistics.median(theirs))
        line["ratio"] = round(statistics.median(ratios))
    print(json.dumps(line))


if __name__ == "__main__":
    numbers = [int(argument) for argument in sys.argv[1:]]
    main(*(numbers + [200, 5][len(numbers) :]))
