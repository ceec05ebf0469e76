"""A picture's size alone says what it becomes, and is what the image processor makes of it."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from diagramlens.models.families import family_named
from diagramlens.models.loading import load_model, load_processor
from diagramlens.models.vision_inputs import PictureBudgetError, Tiles
from diagramlens.sources.pictures import MAX_ASPECT
from tests.models.tiny import ARCHITECTURES, TILE, TILE_AREA

each_architecture = pytest.mark.parametrize("kind", ARCHITECTURES)
sides = st.integers(min_value=8, max_value=400)


def prompt_of(processor) -> str:
    turn = {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "Read it."}]}
    return processor.apply_chat_template([turn], tokenize=False, add_generation_prompt=True)


@each_architecture
@settings(max_examples=25, deadline=None)
@given(width=sides, height=sides, budget=st.sampled_from([1, 2, 3]))
def test_the_placeholder_is_what_the_processor_itself_writes(entry_of, kind, width, height, budget) -> None:
    entry = entry_of(kind)
    pixels = (budget * TILE) ** 2
    # Patch grids take a range, which may be far from the picture's size; tiles take one area.
    smallest = pixels if family_named(entry.family).pictures is Tiles else pixels // 4
    processor = load_processor(entry.model_copy(update={"min_pixels": smallest, "max_pixels": pixels}))
    vision = family_named(entry.family).pictures(processor)
    image, text = Image.new("RGB", (width, height), "white"), prompt_of(processor)
    whole = processor(images=[image], text=[text], return_tensors="pt")["input_ids"][0].tolist()
    bare = processor.tokenizer(text, add_special_tokens=False)["input_ids"]
    place = bare.index(processor.image_token_id)
    layout = vision.layout(width, height)
    assert [*bare[:place], *vision.placeholder(layout), *bare[place + 1 :]] == whole
    assert whole.count(processor.image_token_id) == vision.visual_tokens(layout)


@each_architecture
def test_the_thinnest_picture_that_an_import_takes_can_be_shown(entry_of, kind) -> None:
    entry = entry_of(kind)
    processor = load_processor(entry)
    vision = family_named(entry.family).pictures(processor)
    for size in ((2 * MAX_ASPECT, 2), (3, 3 * MAX_ASPECT)):
        assert vision.visual_tokens(vision.layout(*size)) and vision.tensors([Image.new("RGB", size)])
    if not isinstance(vision, Tiles):
        with pytest.raises(ValueError, match="aspect ratio"):
            vision.layout(2 * MAX_ASPECT + 1, 2)


@each_architecture
def test_the_vision_part_makes_as_many_tokens_as_the_layout_says(entry_of, kind) -> None:
    entry = entry_of(kind)
    model, processor = load_model(entry), load_processor(entry)
    vision = family_named(entry.family).pictures(processor)
    images = [Image.new("RGB", size, "white") for size in ((84, 84), (300, 60), (60, 300))]
    tensors = vision.tensors(images)
    with torch.no_grad():
        seen = model.get_image_features(**tensors, return_dict=True).pooler_output
    assert [len(tokens) for tokens in seen] == [vision.visual_tokens(vision.layout(*image.size)) for image in images]
    shown = tensors["pixel_values"]
    # A patch stands twice in time; of tiles some are padding, and channels count.
    times = {"PatchGrid": 6, "Tiles": 3}[type(vision).__name__]
    real = shown.numel() if times == 6 else int(tensors["pixel_attention_mask"].sum()) * 3
    assert sum(vision.pixels(vision.layout(*image.size)) for image in images) == real // times


@pytest.mark.parametrize("pixels", [TILE**2 + 1, (TILE + 14) ** 2])
def test_an_area_that_is_no_number_of_tiles_is_refused_with_those_that_are(entry_of, pixels) -> None:
    entry = entry_of("smolvlm").model_copy(update={"min_pixels": pixels, "max_pixels": pixels})
    with pytest.raises(PictureBudgetError, match=rf"tiles of 56 pixels .*: {TILE**2}, {TILE_AREA}, "):
        load_processor(entry)


def test_small_pictures_are_scaled_up_to_whole_tiles(entry_of) -> None:
    entry = entry_of("idefics3")
    vision = Tiles(load_processor(entry))
    assert vision.layout(40, 40) == (2, 2)
    assert vision.layout(100, 20) == (1, 2)
    single = load_processor(entry.model_copy(update={"min_pixels": TILE**2, "max_pixels": TILE**2}))
    assert Tiles(single).layout(400, 400) == (0, 0)
    assert Tiles(single).tensors([Image.new("RGB", (400, 400))])["pixel_values"].shape == (1, 1, 3, TILE, TILE)
