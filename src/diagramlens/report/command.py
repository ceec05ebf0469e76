"""`diagramlens report`: the results of the run in this workspace, as a page and as a picture."""

from __future__ import annotations

import argparse
from pathlib import Path

from diagramlens.report.page import render_page
from diagramlens.report.results import read_results


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument(
        "--out", type=Path, default=Path("report.html"), metavar="FILE", help="the page (default: report.html)"
    )
    parser.add_argument(
        "--picture", type=Path, metavar="FILE", help="also draw one picture, as the README's docs/results.png"
    )
    parser.add_argument(
        "--examples", type=int, default=24, metavar="N", help="questions shown with their pictures (default: 24)"
    )
    parser.add_argument("--title", default="Reading circuits never seen before", help="the page's heading")
    parser.add_argument("--root", type=Path, default=Path(), metavar="FOLDER", help="the workspace (default: here)")


def run(args: argparse.Namespace) -> int:
    """Write the page, and the picture where asked. Raises DiagramLensError or OSError for what the person who asks can mend."""
    results = read_results(args.root)
    written = [args.out]
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(render_page(results, title=args.title, examples=args.examples), encoding="utf-8")
    if args.picture is not None:
        # matplotlib takes a second to import, and only the picture needs it.
        from diagramlens.report.picture import draw_picture

        args.picture.parent.mkdir(parents=True, exist_ok=True)
        draw_picture(results, args.picture)
        written.append(args.picture)
    print(f"wrote {' and '.join(str(path) for path in written)}")
    return 0
