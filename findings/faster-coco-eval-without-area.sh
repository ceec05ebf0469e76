#!/usr/bin/env bash
# faster-coco-eval 1.8.0, beside pycocotools 2.0.11.
#
# An annotation without `area`, which many tools write for boxes, stops pycocotools with KeyError: 'area'. faster-coco-eval, which is called a
# replacement for it, takes the area for 0: every object is small, whatever its box, and AP_medium and AP_large are -1, none there. With its
# area the same box of 200 by 200 is large. AP over all sizes is not touched, so that nothing points to it.
# Expected: the box's own area, or the error.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# What was seen, to the letter.
cat >seen <<'SEEN'
pycocotools, area 40000: [1.0, -1.0, -1.0, 1.0]
faster-coco-eval, area 40000: [1.0, -1.0, -1.0, 1.0]
pycocotools, no area: KeyError 'area'
faster-coco-eval, no area: [1.0, 1.0, -1.0, -1.0]
SEEN

${PYTHON:-python3} -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check faster-coco-eval==1.8.0 pycocotools==2.0.11
venv/bin/python - >now <<'CODE'
import contextlib
import io

from faster_coco_eval import COCO as FasterCOCO
from faster_coco_eval import COCOeval_faster
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

BOX = [10, 10, 200, 200]


def sizes(gold_type, evaluation, **area):
    """AP over all sizes, of small, medium and large objects, of one box that is found exactly."""
    annotation = {"id": 1, "image_id": 1, "category_id": 1, "bbox": BOX, "iscrowd": 0, **area}
    gold = gold_type()
    gold.dataset = {
        "images": [{"id": 1, "width": 640, "height": 480, "file_name": "a.png"}],
        "annotations": [annotation],
        "categories": [{"id": 1, "name": "resistor"}],
    }
    with contextlib.redirect_stdout(io.StringIO()):
        gold.createIndex()
        found = gold.loadRes([{"image_id": 1, "category_id": 1, "bbox": BOX, "score": 0.9}])
        judged = evaluation(gold, found, "bbox")
        judged.evaluate()
        judged.accumulate()
        judged.summarize()
    return [round(float(judged.stats[index]), 3) for index in (0, 3, 4, 5)]


print("pycocotools, area 40000:", sizes(COCO, COCOeval, area=40000))
print("faster-coco-eval, area 40000:", sizes(FasterCOCO, COCOeval_faster, area=40000))
try:
    sizes(COCO, COCOeval)
except KeyError as error:
    print("pycocotools, no area: KeyError", error)
print("faster-coco-eval, no area:", sizes(FasterCOCO, COCOeval_faster))
CODE
diff seen now && echo "as it was seen"
