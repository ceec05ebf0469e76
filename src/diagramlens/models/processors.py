"""Processors that need nothing beyond Pillow: pictures and text in, the model's inputs out.

transformers falls back to Pillow's image processors where torchvision is missing, but Qwen's *video* processor has no such fallback:
without torchvision `Qwen2VLProcessor` refuses to be built, and `AutoProcessor` returns a bare tokenizer without a word. torchvision
from PyPI is a CUDA build that breaks a CPU torch. Diagrams are stills, so the video processor is left out here. (transformers 5.23;
can go when the video processor becomes optional.)
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer, PreTrainedTokenizerBase, Qwen2VLProcessor
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil


class PicturesOnlyQwen2VLProcessor(Qwen2VLProcessor):
    """Qwen2-VL's processor without its video part.

    Called with pictures and texts it gives `input_ids`, `attention_mask` and `mm_token_type_ids`, each (batch, length),
    `pixel_values` (patches of all pictures, channels * temporal * patch * patch) and `image_grid_thw` (pictures, 3). It always
    resizes with Pillow, also where torchvision is installed, so that every machine sees the same pixels.

    `from_pretrained` reads the published layout (preprocessor_config.json, tokenizer, chat template) and its own;
    `save_pretrained` writes a folder that both this class and an ordinary `AutoProcessor` with torchvision read.
    """

    video_processor = None

    def __init__(
        self,
        image_processor: Qwen2VLImageProcessorPil,
        tokenizer: PreTrainedTokenizerBase,
        chat_template: str | None = None,
    ) -> None:
        super().__init__(image_processor, tokenizer, chat_template=chat_template)

    @classmethod
    def get_attributes(cls) -> list[str]:
        """The parts this processor is made of. The base class would read them off a signature that promises videos."""
        return ["image_processor", "tokenizer"]

    @classmethod
    def _get_arguments_from_pretrained(
        cls, pretrained_model_name_or_path: str, processor_dict: dict[str, Any] | None = None, **kwargs: Any
    ) -> list[Any]:
        # The automatic classes would pick torchvision's image processor where there is one.
        pictures = Qwen2VLImageProcessorPil.from_pretrained(pretrained_model_name_or_path, **kwargs)
        tokenizer = AutoTokenizer.from_pretrained(pretrained_model_name_or_path, **kwargs)
        return [pictures, tokenizer]

    def to_dict(self) -> dict[str, Any]:
        """The configuration under the published class's names, which every reader of Qwen2-VL folders knows."""
        described = super().to_dict()
        described["processor_class"] = "Qwen2VLProcessor"
        described["image_processor"]["image_processor_type"] = "Qwen2VLImageProcessor"
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
        text = json.dumps(named, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
        tokenizer_config.write_text(text, encoding="utf-8")
        return written
