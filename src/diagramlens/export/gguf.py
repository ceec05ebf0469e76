"""Qwen2-VL from a Hugging Face folder to two GGUF files: the language part, and the vision part that llama.cpp calls mmproj.

PyPI's `gguf` brings the file format, the tensor names and the block quantisers; what it lacks is the converter, which is this file.
It reads the safetensors directly and holds one tensor at a time: writing 366 MB took 34 MB of memory (two copies of the largest
matrix in fp32), where building the whole file first takes more than three times its size.

Formats: `f16` and `q8_0` (blocks of 32 weights, a half-precision scale each). Vectors and norms stay in fp32, as llama.cpp's kernels
want them. Metadata holds no date and no path, and tensors are written in the order of their names: equal folders give equal bytes.

Keys and tensor names follow llama.cpp (https://github.com/ggml-org/llama.cpp, conversion/qwenvl.py) and the GGUF specification
(https://github.com/ggml-org/ggml/blob/master/docs/gguf.md).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from safetensors import SafetensorError, safe_open
from transformers import Qwen2VLConfig
from transformers.models.qwen2.tokenization_qwen2 import PRETOKENIZE_REGEX
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from diagramlens.export import ExportError

FILE_TYPES = {
    "f16": (gguf.LlamaFileType.MOSTLY_F16, gguf.GGMLQuantizationType.F16),
    "q8_0": (gguf.LlamaFileType.MOSTLY_Q8_0, gguf.GGMLQuantizationType.Q8_0),
}

# Qwen2-VL's vision layers take torch's LayerNorm with this epsilon; no configuration carries it.
VISION_NORM_EPSILON = 1e-6
# llama.cpp asks for a nominal picture size and overrides it from each picture; this is the number its own converter writes.
NOMINAL_IMAGE_SIZE = 560
# gguf's tensor map takes the merger's two linear layers, mlp.0 and mlp.2, for blocks, and knows them from three blocks on.
SMALLEST_VISION_MAP = 3


@dataclass(frozen=True)
class Tensor:
    """One tensor of a GGUF file, not read yet: its GGUF name and type, and where in the checkpoint its numbers are.

    `shape` is the numpy shape (rows first); `rows` a range of the stored tensor's first axis (a third of a fused qkv) and `frame`
    the time step of the patch convolution (out, channels, time, height, width), where only a part is meant.
    """

    name: str
    shape: tuple[int, ...]
    type: gguf.GGMLQuantizationType
    source: str
    rows: tuple[int, int] | None = None
    frame: int | None = None


# Passes the tensors on one by one, showing how far the writing is.
Progress = Callable[[Sequence[Tensor]], Iterable[Tensor]]


class Checkpoint:
    """The tensors of a folder of safetensors by their published names (`visual.…`, `model.…`, `lm_head.…`), read on demand.

    transformers 5 calls the parts `model.visual` and `model.language_model` in memory and keeps the published names in files;
    both are understood. Raises ExportError where there is no readable weight file.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        files = sorted(folder.glob("*.safetensors"))
        if not files:
            raise ExportError(f"{folder}: no .safetensors file there; run the stage merge first")
        self._places: dict[str, tuple[Path, str]] = {}
        self.shapes: dict[str, tuple[int, ...]] = {}
        for file in files:
            try:
                with safe_open(file, framework="pt") as opened:
                    for key in opened.keys():  # noqa: SIM118 (not a mapping)
                        name = _published_name(key)
                        self._places[name] = (file, key)
                        self.shapes[name] = tuple(opened.get_slice(key).get_shape())
            except SafetensorError as error:
                raise ExportError(
                    f"{file}: not a readable safetensors file ({error}); run the stage merge again"
                ) from error

    def read(self, name: str, rows: tuple[int, int] | None = None) -> np.ndarray:
        """The numbers of one tensor, or of a range of its first axis, as fp32."""
        file, key = self._places[name]
        with safe_open(file, framework="pt") as opened:
            stored = opened.get_slice(key)
            values = stored[:] if rows is None else stored[rows[0] : rows[1]]
        # Through torch: numpy knows no bfloat16.
        numbers: np.ndarray = values.float().numpy()
        return numbers


def _published_name(key: str) -> str:
    for inside, published in (("model.language_model.", "model."), ("model.visual.", "visual.")):
        if key.startswith(inside):
            return published + key.removeprefix(inside)
    return key


def read_config(folder: Path) -> Any:
    """The Qwen2VLConfig of a folder. Raises ExportError for other models and for 4-bit folders.

    (Any, because transformers types the nested configurations as perhaps a dictionary, perhaps nothing.)
    """
    path = folder / "config.json"
    if not path.is_file():
        raise ExportError(
            f"{path}: no such file; GGUF is made from a complete model folder, which the stage merge writes"
        )
    stored = json.loads(path.read_text(encoding="utf-8"))
    if stored.get("model_type") != "qwen2_vl":
        raise ExportError(
            f"{path}: model_type {stored.get('model_type')!r} has no GGUF converter here; only 'qwen2_vl' has"
        )
    if "quantization_config" in stored:
        raise ExportError(
            f"{path}: these weights are quantised already; convert the merged 16- or 32-bit folder instead"
        )
    return Qwen2VLConfig.from_pretrained(folder)


def write_language(folder: Path, out: Path, kind: str, *, name: str, progress: Progress = iter) -> None:
    """Write the language part of the Qwen2-VL in `folder` to the GGUF file `out`, in `f16` or `q8_0`.

    `name` becomes `general.name`. Raises ExportError naming the tensor that has no GGUF name, does not fit the format's blocks or
    exceeds half precision, and for a tokenizer that llama.cpp would apply differently.
    """
    if kind not in FILE_TYPES:
        raise ExportError(f"GGUF format {kind!r}: one of {', '.join(FILE_TYPES)}")
    file_type, matrix_type = FILE_TYPES[kind]
    config = read_config(folder)
    checkpoint = Checkpoint(folder)
    tensors = list(_language_tensors(checkpoint, config, matrix_type))
    writer = _new_writer(gguf.MODEL_ARCH.QWEN2VL, gguf.GGUFType.MODEL, name, file_type)
    _add_language_metadata(writer, config)
    _add_tokenizer(writer, folder, config)
    _write(writer, checkpoint, tensors, out, progress)


def write_mmproj(folder: Path, out: Path, *, name: str, progress: Progress = iter) -> None:
    """Write the vision part of the Qwen2-VL in `folder`, merger included, to the GGUF file `out` in `f16`.

    Raises ExportError as `write_language` does, and for a picture processor that cuts other patches than the model.
    """
    file_type, matrix_type = FILE_TYPES["f16"]
    config = read_config(folder)
    checkpoint = Checkpoint(folder)
    tensors = list(_vision_tensors(checkpoint, config, matrix_type))
    writer = _new_writer(gguf.MODEL_ARCH.MMPROJ, gguf.GGUFType.MMPROJ, name, file_type)
    _add_vision_metadata(writer, folder, config)
    _write(writer, checkpoint, tensors, out, progress)


def _language_tensors(checkpoint: Checkpoint, config: Any, matrix_type: gguf.GGMLQuantizationType) -> Iterator[Tensor]:
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.QWEN2VL, config.text_config.num_hidden_layers)
    tied = _head_is_tied(checkpoint, config)
    for source, shape in sorted(checkpoint.shapes.items()):
        if source.startswith("visual.") or (source == "lm_head.weight" and tied):
            # Without `output.weight` llama.cpp takes the embedding for the head, which is what tied means.
            continue
        yield _tensor(_gguf_name(names, source, checkpoint.folder), shape, matrix_type, source)


def _head_is_tied(checkpoint: Checkpoint, config: Any) -> bool:
    if "lm_head.weight" not in checkpoint.shapes:
        if not config.tie_word_embeddings:
            raise ExportError(f"{checkpoint.folder}: lm_head.weight is missing though tie_word_embeddings is false")
        return True
    if not config.tie_word_embeddings:
        return False
    # As transformers decides: where both are stored and differ, the head is its own, whatever the configuration says.
    return np.array_equal(checkpoint.read("lm_head.weight"), checkpoint.read("model.embed_tokens.weight"))


def _vision_tensors(checkpoint: Checkpoint, config: Any, matrix_type: gguf.GGMLQuantizationType) -> Iterator[Tensor]:
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.MMPROJ, max(config.vision_config.depth, SMALLEST_VISION_MAP))
    for source, shape in sorted(checkpoint.shapes.items()):
        if not source.startswith("visual."):
            continue
        if source == "visual.patch_embed.proj.weight":
            # A still picture is the same frame twice: the convolution over time is the sum of two over the picture.
            if shape[2] != 2:
                raise ExportError(f"{source}: {shape[2]} frames a patch; llama.cpp takes 2 (temporal_patch_size)")
            for frame, suffix in ((0, "weight"), (1, "weight.1")):
                name = f"{gguf.TENSOR_NAMES[gguf.MODEL_TENSOR.V_ENC_EMBD_PATCH]}.{suffix}"
                yield Tensor(name, (*shape[:2], *shape[3:]), matrix_type, source, frame=frame)
        elif ".attn.qkv." in source:
            width = shape[0] // 3
            for third, part in enumerate("qkv"):
                name = _gguf_name(names, source.replace(".qkv.", f".{part}."), checkpoint.folder)
                yield _tensor(name, (width, *shape[1:]), matrix_type, source, rows=(third * width, (third + 1) * width))
        else:
            yield _tensor(_gguf_name(names, source, checkpoint.folder), shape, matrix_type, source)


def _gguf_name(names: gguf.TensorNameMap, source: str, folder: Path) -> str:
    found = names.get_name(source, try_suffixes=(".weight", ".bias"))
    if found is None:
        raise ExportError(f"{folder}: tensor {source} has no place in a GGUF file of this architecture")
    return found


def _tensor(
    name: str,
    shape: tuple[int, ...],
    matrix_type: gguf.GGMLQuantizationType,
    source: str,
    rows: tuple[int, int] | None = None,
) -> Tensor:
    if len(shape) < 2:
        return Tensor(name, shape, gguf.GGMLQuantizationType.F32, source, rows)
    block, _ = gguf.GGML_QUANT_SIZES[matrix_type]
    if shape[-1] % block:
        raise ExportError(f"tensor {source} has rows of {shape[-1]}: {matrix_type.name} needs a multiple of {block}")
    return Tensor(name, shape, matrix_type, source, rows)


def _new_writer(architecture: gguf.MODEL_ARCH, kind: str, name: str, file_type: gguf.LlamaFileType) -> gguf.GGUFWriter:
    writer = gguf.GGUFWriter(path=None, arch=gguf.MODEL_ARCH_NAMES[architecture])
    writer.add_type(kind)
    writer.add_name(name)
    writer.add_file_type(file_type)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    return writer


def _add_language_metadata(writer: gguf.GGUFWriter, config: Any) -> None:
    text = config.text_config
    rope = text.rope_parameters
    if rope.get("rope_type", "default") not in ("default", "mrope"):
        raise ExportError(f"rope_type {rope['rope_type']!r} in config.json: only unscaled M-RoPE is converted")
    sections = list(rope["mrope_section"])
    writer.add_block_count(text.num_hidden_layers)
    writer.add_context_length(text.max_position_embeddings)
    writer.add_embedding_length(text.hidden_size)
    writer.add_feed_forward_length(text.intermediate_size)
    writer.add_head_count(text.num_attention_heads)
    writer.add_head_count_kv(text.num_key_value_heads)
    # Time, height, width, and a fourth section that Qwen2-VL leaves empty.
    writer.add_rope_dimension_sections([*sections, *[0] * (4 - len(sections))])
    writer.add_rope_freq_base(rope["rope_theta"])
    writer.add_layer_norm_rms_eps(text.rms_norm_eps)
    writer.add_vocab_size(text.vocab_size)


def _add_tokenizer(writer: gguf.GGUFWriter, folder: Path, config: Any) -> None:
    stored = _read_json(folder / "tokenizer.json")
    _check_tokenizer(stored, folder)
    tokens, types = _token_list(stored, config.text_config.vocab_size, folder)
    writer.add_tokenizer_model("gpt2")
    # llama.cpp recognises published tokenizers by a hash of what they make of a test text; one that was trained here is unknown to
    # it, so the pre-tokenizer is named outright, its regex having been checked.
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_merges([pair if isinstance(pair, str) else " ".join(pair) for pair in stored["model"]["merges"]])
    named = _read_json(folder / "tokenizer_config.json")
    for role, add in (("eos", writer.add_eos_token_id), ("pad", writer.add_pad_token_id)):
        add(_special_id(tokens, named.get(f"{role}_token"), role, folder))
    # Qwen2 begins no text with a token of its own; the id is there for readers that insist on one.
    begin = config.text_config.bos_token_id
    writer.add_bos_token_id(begin if begin is not None else _special_id(tokens, named.get("pad_token"), "pad", folder))
    writer.add_add_bos_token(False)
    writer.add_chat_template(_chat_template(folder, named))


def _check_tokenizer(stored: Mapping[str, Any], folder: Path) -> None:
    """llama.cpp's `qwen2` pre-tokenizer cuts text by one fixed regex: any other here would silently give other tokens there."""
    if stored["model"]["type"] != "BPE":
        raise ExportError(
            f"{folder}/tokenizer.json: model {stored['model']['type']}; GGUF's gpt2 tokenizer is a byte-level BPE"
        )
    steps = (stored.get("pre_tokenizer") or {}).get("pretokenizers", [])
    patterns = [step["pattern"].get("Regex") for step in steps if step["type"] == "Split"]
    if patterns != [PRETOKENIZE_REGEX]:
        raise ExportError(
            f"{folder}/tokenizer.json: the split regex is not Qwen2's, so llama.cpp would cut the text elsewhere"
        )


def _token_list(stored: Mapping[str, Any], size: int, folder: Path) -> tuple[list[str], list[gguf.TokenType]]:
    """Token texts by id, up to the rows of the embedding, and their types. Ids without a token are padding of the embedding."""
    tokens = [f"[PAD{number}]" for number in range(size)]
    types = [gguf.TokenType.UNUSED] * size
    learnt = [(number, text, gguf.TokenType.NORMAL) for text, number in stored["model"]["vocab"].items()]
    added = [(token["id"], token["content"], _added_type(token)) for token in stored["added_tokens"]]
    for number, text, kind in [*learnt, *added]:
        if number >= size:
            raise ExportError(
                f"{folder}/tokenizer.json: token {text!r} has id {number}, but vocab_size is {size} in config.json"
            )
        tokens[number], types[number] = text, kind
    return tokens, types


def _added_type(token: Mapping[str, Any]) -> gguf.TokenType:
    looks_special = token["content"].startswith("<|") and token["content"].endswith("|>")
    return gguf.TokenType.CONTROL if token["special"] or looks_special else gguf.TokenType.USER_DEFINED


def _special_id(tokens: list[str], text: Any, role: str, folder: Path) -> int:
    # Older tokenizer_config.json files hold a token as an object.
    content = text.get("content") if isinstance(text, dict) else text
    if content not in tokens:
        raise ExportError(f"{folder}/tokenizer_config.json: {role}_token {content!r} is not in the vocabulary")
    return tokens.index(content)


def _chat_template(folder: Path, named: Mapping[str, Any]) -> str:
    path = folder / "chat_template.jinja"
    if path.is_file():
        return path.read_text(encoding="utf-8")
    if isinstance(named.get("chat_template"), str):
        return str(named["chat_template"])
    raise ExportError(
        f"{path}: no chat template there, nor in tokenizer_config.json; save the processor into the folder"
    )


def _add_vision_metadata(writer: gguf.GGUFWriter, folder: Path, config: Any) -> None:
    vision = config.vision_config
    pictures = Qwen2VLImageProcessorPil.from_pretrained(folder)
    cut = (pictures.patch_size, pictures.merge_size)
    if cut != (vision.patch_size, vision.spatial_merge_size):
        raise ExportError(
            f"{folder}: the processor cuts patches of {cut[0]} merged by {cut[1]}, "
            f"the model wants {vision.patch_size} and {vision.spatial_merge_size}"
        )
    writer.add_clip_has_vision_encoder(True)
    writer.add_clip_projector_type(gguf.VisionProjectorType.QWEN2VL)
    writer.add_vision_projection_dim(config.text_config.hidden_size)
    writer.add_vision_image_size(NOMINAL_IMAGE_SIZE)
    writer.add_vision_patch_size(vision.patch_size)
    writer.add_vision_spatial_merge_size(vision.spatial_merge_size)
    writer.add_vision_embedding_length(vision.embed_dim)
    writer.add_vision_feed_forward_length(int(vision.embed_dim * vision.mlp_ratio))
    writer.add_vision_block_count(vision.depth)
    writer.add_vision_head_count(vision.num_heads)
    writer.add_vision_attention_layernorm_eps(VISION_NORM_EPSILON)
    writer.add_vision_image_mean(list(pictures.image_mean))
    writer.add_vision_image_std(list(pictures.image_std))
    # Neither flag means quick_gelu, which is what published Qwen2-VL models have.
    if vision.hidden_act == "silu":
        writer.add_vision_use_silu(True)
    elif vision.hidden_act != "quick_gelu":
        raise ExportError(
            f"{folder}/config.json: vision hidden_act {vision.hidden_act!r}; llama.cpp computes quick_gelu or silu here"
        )


def _write(
    writer: gguf.GGUFWriter, checkpoint: Checkpoint, tensors: list[Tensor], out: Path, progress: Progress
) -> None:
    if not tensors:
        raise ExportError(f"{checkpoint.folder}: no tensor of this part of the model in its safetensors")
    for tensor in tensors:
        rows = int(np.prod(tensor.shape[:-1], dtype=np.int64))
        block, block_bytes = gguf.GGML_QUANT_SIZES[tensor.type]
        size = rows * tensor.shape[-1] // block * block_bytes
        writer.add_tensor_info(tensor.name, tensor.shape, np.dtype(np.float32), size, raw_dtype=tensor.type)
    writer.write_header_to_file(path=out)
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for tensor in progress(tensors):
        writer.write_tensor_data(_encode(checkpoint.read(tensor.source, tensor.rows), tensor))
    writer.close()


def _encode(values: np.ndarray, tensor: Tensor) -> np.ndarray:
    """The numbers in the tensor's GGUF type. Half precision ends at 65,504, and an infinity would only show as nonsense later."""
    if tensor.frame is not None:
        values = np.ascontiguousarray(values[:, :, tensor.frame])
    with np.errstate(over="ignore"):
        encoded: np.ndarray = gguf.quantize(values, tensor.type)
    finite = np.isfinite(values).all() and (encoded.dtype.kind != "f" or np.isfinite(encoded).all())
    if not finite:
        raise ExportError(f"tensor {tensor.source}: holds a number that is not finite in {tensor.type.name}")
    return encoded


def _read_json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise ExportError(f"{path}: no such file; save the processor into the model folder")
    loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return loaded
