"""`diagramlens predict MODEL_FOLDER IMAGE --prompt "…"`: one question about one picture."""

from __future__ import annotations

import argparse
from pathlib import Path

from diagramlens.evaluation.folders import open_folder
from diagramlens.inference import closing, open_picture
from diagramlens.sources.pictures import PictureError, read_picture


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument(
        "model",
        type=Path,
        metavar="MODEL_FOLDER",
        help="models/merged, models/base, models/adapter, models/quantized/nf4, …",
    )
    parser.add_argument("image", type=Path, metavar="IMAGE", help="PNG, JPEG, WebP, GIF or BMP")
    parser.add_argument("--prompt", required=True, help="what to ask about the picture")
    parser.add_argument("--max-new-tokens", type=int, default=256, help="where an answer is cut off (default: 256)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:1 (default: auto)")


def run(args: argparse.Namespace) -> int:
    """Print the answer. Raises DiagramLensError or OSError for what the person who asks can mend."""
    try:
        picture = read_picture(args.image)
    except PictureError as error:
        # The reader of pictures does not know where its bytes come from.
        raise PictureError(f"{args.image}: {error}") from error
    image = open_picture(picture.png, str(args.image))
    with closing(open_folder(args.model, device=args.device)) as answerer:
        print(answerer.answer([image], [args.prompt], args.max_new_tokens)[0])
    return 0
