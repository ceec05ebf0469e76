"""Processors that need nothing beyond Pillow: pictures and text in, the model's inputs out.

transformers falls back to Pillow's image processors where torchvision is missing, but the *video* processors have no such fallback:
without torchvision the published Qwen processors refuse to be built, SmolVLM's wants a package that spells numbers, and `AutoProcessor`
returns a bare tokenizer without a word. torchvision from PyPI is a CUDA build that breaks a CPU torch. Diagrams are stills, so the video
part is left out here. (transformers 5.23; can go when the video processors become optional.)
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar

from transformers import (
    AutoTokenizer,
    Idefics3Processor,
    PreTrainedTokenizerBase,
    ProcessorMixin,
    Qwen2_5_VLProcessor,
    Qwen2VLProcessor,
)
from transformers.models.idefics3.image_processing_pil_idefics3 import Idefics3ImageProcessorPil
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil
from transformers.models.smolvlm.image_processing_pil_smolvlm import SmolVLMImageProcessorPil


class PicturesOnlyProcessor(ProcessorMixin):
    """What the processors below share: an image processor of Pillow's, a tokenizer, and no video.

    They always resize with Pillow, also where torchvision is installed, so that every machine sees the same pixels. `from_pretrained`
    reads the published layout (preprocessor_config.json, tokenizer, chat template) and their own; `save_pretrained` writes a folder
    under the published classes' names, which both these classes and an ordinary `AutoProcessor` with torchvision read.
    """

    video_processor = None
    pillow: ClassVar[type]
    published: ClassVar[tuple[str, str]]  # the names of the published processor and image processor

    @classmethod
    def get_attributes(cls) -> list[str]:
        """The parts this processor is made of. The base class would read them off a signature that promises videos."""
        return ["image_processor", "tokenizer"]

    @classmethod
    def _get_arguments_from_pretrained(
        cls, pretrained_model_name_or_path: str, processor_dict: dict[str, Any] | None = None, **kwargs: Any
    ) -> list[Any]:
        # The automatic classes would pick torchvision's image processor where there is one.
        pillow: Any = cls.pillow
        pictures = pillow.from_pretrained(pretrained_model_name_or_path, **kwargs)
        tokenizer = AutoTokenizer.from_pretrained(pretrained_model_name_or_path, **kwargs)
        return [pictures, tokenizer]

    def to_dict(self) -> dict[str, Any]:
        """The configuration under the published classes' names, which every reader of such folders knows."""
        described = super().to_dict()
        described["processor_class"], described["image_processor"]["image_processor_type"] = self.published
        return described

    def save_pretrained(self, save_directory: str | Path, push_to_hub: bool = False, **kwargs: Any) -> list[str]:
        """Write tokenizer, chat template, processor_config.json, and the preprocessor_config.json that older readers want."""
        # A call with padding leaves its setting in the tokenizer, which would save it as part of itself.
        self.tokenizer.backend_tokenizer.no_padding()
        self.tokenizer.backend_tokenizer.no_truncation()
        written = super().save_pretrained(str(save_directory), push_to_hub=push_to_hub, **kwargs)
        folder = Path(save_directory)
        described = self.to_dict()
        flat = {**described["image_processor"], "processor_class": described["processor_class"]}
        (folder / "preprocessor_config.json").write_text(
            json.dumps(flat, indent=2, sort_keys=True) + "\n", encoding="utf-8"
        )
        tokenizer_config = folder / "tokenizer_config.json"
        named = json.loads(tokenizer_config.read_text(encoding="utf-8"))
        named["processor_class"] = described["processor_class"]
        # How this process came to read it: the same weights would be other bytes offline, and DVC would take them for others.
        for how in ("is_local", "local_files_only"):
            named.pop(how, None)
        text = json.dumps(named, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
        tokenizer_config.write_text(text, encoding="utf-8")
        return written


class PicturesOnlyQwen2VLProcessor(PicturesOnlyProcessor, Qwen2VLProcessor):
    """Qwen2-VL's processor without its video part.

    Called with pictures and texts it gives `input_ids`, `attention_mask` and `mm_token_type_ids`, each (batch, length),
    `pixel_values` (patches of all pictures, channels * temporal * patch * patch) and `image_grid_thw` (pictures, 3).
    """

    pillow = Qwen2VLImageProcessorPil
    published = ("Qwen2VLProcessor", "Qwen2VLImageProcessor")

    def __init__(
        self,
        image_processor: Qwen2VLImageProcessorPil,
        tokenizer: PreTrainedTokenizerBase,
        chat_template: str | None = None,
    ) -> None:
        super().__init__(image_processor, tokenizer, chat_template=chat_template)


class PicturesOnlyQwen2p5VLProcessor(PicturesOnlyProcessor, Qwen2_5_VLProcessor):
    """Qwen2.5-VL's processor without its video part: the same inputs as Qwen2-VL's."""

    pillow = Qwen2VLImageProcessorPil
    published = ("Qwen2_5_VLProcessor", "Qwen2VLImageProcessor")

    def __init__(
        self,
        image_processor: Qwen2VLImageProcessorPil,
        tokenizer: PreTrainedTokenizerBase,
        chat_template: str | None = None,
    ) -> None:
        super().__init__(image_processor, tokenizer, chat_template=chat_template)


class PicturesOnlyIdefics3Processor(PicturesOnlyProcessor, Idefics3Processor):
    """Idefics3's processor, which is the first SmolVLM's too.

    Called with pictures and texts it gives `input_ids` and `attention_mask` (batch, length), `pixel_values` (batch, most tiles of a
    sample, 3, edge, edge) and `pixel_attention_mask` (batch, tiles, edge, edge). `image_seq_len` is the number of tokens of a tile.
    """

    pillow: ClassVar[type] = Idefics3ImageProcessorPil
    published = ("Idefics3Processor", "Idefics3ImageProcessor")

    def __init__(
        self,
        image_processor: Idefics3ImageProcessorPil | SmolVLMImageProcessorPil,
        tokenizer: PreTrainedTokenizerBase,
        image_seq_len: int = 169,
        chat_template: str | None = None,
    ) -> None:
        super().__init__(image_processor, tokenizer, image_seq_len=image_seq_len, chat_template=chat_template)


class PicturesOnlySmolVLMProcessor(PicturesOnlyIdefics3Processor):
    """SmolVLM2's processor without its video part: for stills it is Idefics3's to the letter, under other names."""

    pillow = SmolVLMImageProcessorPil
    published = ("SmolVLMProcessor", "SmolVLMImageProcessor")
