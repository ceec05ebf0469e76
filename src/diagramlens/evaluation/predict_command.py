"""`diagramlens predict MODEL_FOLDER IMAGE --prompt "…"`: one question about one picture.

Beside the answer, on standard error, it is said where the picture is unlike all that the model was trained on: a model answers whatever it
is shown, and as fluently.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from PIL import Image

from diagramlens.evaluation.folders import open_folder
from diagramlens.export.familiarity import Familiarity, read_familiarity
from diagramlens.inference import TransformersAnswerer, closing, open_picture
from diagramlens.sources.pictures import PictureError, read_picture


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument(
        "model",
        type=Path,
        metavar="MODEL_FOLDER",
        help="models/merged, models/base, models/adapter, models/quantized/nf4, …",
    )
    parser.add_argument("image", type=Path, metavar="IMAGE", help="PNG, JPEG, WebP, GIF, BMP or SVG")
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
    familiarity = read_familiarity(args.model)
    with closing(open_folder(args.model, device=args.device)) as answerer:
        print(answerer.answer([image], [args.prompt], args.max_new_tokens)[0], flush=True)
        told = _told(args.model, answerer, image, familiarity)
    if told:
        print(f"diagramlens predict: {told}", file=sys.stderr)
    return 0


def _told(folder: Path, answerer: TransformersAnswerer, image: Image.Image, familiarity: Familiarity | None) -> str:
    """What there is to say of the picture; nothing of one like those that the model was trained on."""
    if familiarity is None:
        return (
            f"note: whether {folder} was trained on pictures like this one is not known; the merge stage measures that"
        )
    (likelihood,) = answerer.likelihoods([image], [familiarity.prompt], familiarity.max_new_tokens)
    if not familiarity.is_unlike(likelihood):
        return ""
    return (
        f"warning: the picture is unlike those that {folder} was trained on, so its answer is worth little: "
        f"what it reads there it expects at a log-likelihood of {likelihood:.3f} a token, "
        f"where {1 - familiarity.share:.0%} of {familiarity.pictures} of those have more than {familiarity.threshold:.3f}"
    )
