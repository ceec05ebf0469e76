"""Models and processors from a folder or from the hub, checked as they come in.

`from_pretrained` is forgiving: a renamed weight is filled with noise, an adapter for another base loads empty, each with a line in
the log. Here whatever does not fit is an error that names what to mend.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import types
import warnings
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel, get_peft_model_state_dict
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional
from transformers import AutoConfig, BitsAndBytesConfig, PreTrainedModel, ProcessorMixin
from transformers.utils import logging as transformers_logging
from transformers.utils.hub import cached_file
from transformers.utils.import_utils import is_flash_attn_2_available

from diagramlens.models.families import Architecture, Family, check_components, family_named, plain_name
from diagramlens.models.source import LOCAL_ADVICE, LoadingError, check_source
from diagramlens.models.vision_inputs import Tiles
from diagramlens.params import ModelEntry

ADAPTER_BASE_FILE = "adapter_base.json"
FULL_WEIGHTS_FILE = "full.safetensors"


def pick_device(name: str) -> torch.device:
    """The device that `runtime.device` names; `auto` is the GPU where there is one. Raises LoadingError for a GPU that is not there."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    device = torch.device(name)
    if device.type == "cuda" and not torch.cuda.is_available():
        raise LoadingError(f"runtime.device = {name}: this machine has no CUDA device; use auto or cpu")
    return device


def has_bf16_matmul(device: torch.device) -> bool:
    """Whether bf16 is faster than fp32 there: GPUs that support it, and CPUs with AMX tiles."""
    if device.type == "cuda":
        # Older cards (T4, V100) emulate it, slower than fp32.
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device.type == "cpu" and torch.cpu._is_amx_tile_supported()


def attention_for(name: str, device: torch.device, dtype: torch.dtype) -> str:
    """The attention implementation that `runtime.attention` names; `auto` is FlashAttention 2 where it is installed and applies.

    Its kernels are compiled for compute capability 8.0 (Ampere) and above.
    """
    if name != "auto":
        return name
    if device.type != "cuda" or dtype not in (torch.float16, torch.bfloat16) or not is_flash_attn_2_available():
        return "sdpa"
    return "flash_attention_2" if torch.cuda.get_device_capability(device) >= (8, 0) else "sdpa"


def load_processor(entry: ModelEntry) -> ProcessorMixin:
    """The processor of a model, by its architecture's class, resizing pictures to between `min_pixels` and `max_pixels` in area.

    Raises LoadingError where there is none, or it has no chat template, and PictureBudgetError for sizes that it cannot resize to.
    """
    family = family_named(entry.family)
    check_source(entry)
    classes = _architecture(entry, family)
    try:
        processor = classes.processor.from_pretrained(entry.source, revision=entry.revision or "main")
    except (OSError, ValueError, KeyError) as error:
        raise LoadingError(_not_loaded(entry, "processor", error)) from error
    if processor.chat_template is None:
        processor.chat_template = processor.tokenizer.chat_template
    if processor.chat_template is None:
        raise LoadingError(f"{entry.source}: the processor has no chat template (chat_template.jinja is missing)")
    family.pictures.set_budget(processor, entry.min_pixels, entry.max_pixels)
    return processor


def load_model(
    entry: ModelEntry,
    *,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    four_bit: bool = False,
    adapter: Path | None = None,
    attention: str = "auto",
) -> PreTrainedModel | PeftModel:
    """A model in evaluation mode on `device`, with every weight accounted for.

    `dtype` is that of the weights; with `four_bit` they are nf4 with double quantisation, computing in bf16, but for the modules
    that the family leaves alone. `adapter` is a folder that the train stage wrote; its weights are put on top, unmerged. A folder
    that was saved quantised (models/quantized/nf4) loads as it is, and in fp32 with its 4-bit weights unpacked, to the numbers that
    they stand for.

    Raises LoadingError, in one line, for a folder or hub id that is not there, for a missing, unexpected or wrongly shaped weight,
    for another architecture than the family's, and for an adapter made for another base.
    """
    device = torch.device(device)
    family = family_named(entry.family)
    check_source(entry)
    base = _load_base(entry, family, device, dtype, four_bit, attention_for(attention, device, dtype))
    check_components(family, base)
    mend_four_bit_training(base)
    if family.pictures is Tiles:
        mend_mixed_types(base)
    if device.type == "cpu":
        linear_patch_embedding(family, base)
    model = base if adapter is None else _put_adapter(base, entry, Path(adapter))
    return model.eval()


def _load_base(
    entry: ModelEntry, family: Family, device: torch.device, dtype: torch.dtype, four_bit: bool, attention: str
) -> PreTrainedModel:
    classes = _architecture(entry, family)
    settings: dict[str, Any] = {"dtype": dtype, "attn_implementation": attention, "revision": entry.revision or "main"}
    if four_bit:
        settings["quantization_config"] = four_bit_config(family)
    if four_bit or device.type != "cpu":
        settings["device_map"] = {"": device}
    try:
        # Wrong shapes are let through here, to be reported below in one line instead of transformers' table.
        with quiet_libraries():
            loaded: Any = classes.model.from_pretrained(
                entry.source,
                output_loading_info=True,
                ignore_mismatched_sizes=True,
                trust_remote_code=False,
                use_safetensors=True,
                **settings,
            )
    except (OSError, SafetensorError, ValueError, ImportError) as error:
        raise LoadingError(_not_loaded(entry, "weights", error)) from error
    model, info = loaded
    mismatched = [key[0] if isinstance(key, tuple) else key for key in info["mismatched_keys"]]
    for what, keys in (
        ("missing", info["missing_keys"]),
        ("unexpected", info["unexpected_keys"]),
        ("wrongly shaped", mismatched),
    ):
        if keys:
            raise LoadingError(
                f"{entry.source}: {len(keys)} {what} weights for family {family.name}, the first is {sorted(keys)[0]}"
            )
    if hasattr(model, "hf_quantizer") and dtype == torch.float32 and not four_bit:
        with quiet_libraries():
            model.dequantize()
    for parameter in model.parameters():
        # transformers 5.23 leaves a quantised folder's other weights in the type they were stored in, and casts their biases.
        if parameter.is_floating_point():
            parameter.data = parameter.data.to(dtype)
    return model


def four_bit_config(family: Family) -> BitsAndBytesConfig:
    """4-bit NormalFloat with double quantisation, computing in bf16 (QLoRA, arXiv:2305.14314)."""
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
        # An explicit list replaces bitsandbytes' default, so the head has to be in it.
        llm_int8_skip_modules=list(family.unquantized),
    )


def mend_four_bit_training(model: nn.Module) -> None:
    """Keep bitsandbytes from repacking 4-bit weights on CPUs with avx512_bf16.

    bitsandbytes 0.50 repacks them in the first forward pass in evaluation mode and does not unpack them for training: later training
    then raises, or silently loses the gradients of layers without bias. A model without 4-bit layers is left as it is.
    """
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            setattr(module, "support_avx512bf16_for_cpu", False)  # noqa: B010 - torch types it as a tensor or module


def mend_mixed_types(model: PreTrainedModel) -> None:
    """Have an Idefics3's token embeddings come in the type that it gives to visual tokens, which take their places among them.

    That is the type of its first parameter: fp32 where the vision tower is trained in a model of bf16, which else raises in the first
    forward pass (transformers 5.23). A model of one type is left as it is.
    """
    inner: Any = model.model

    def in_its_type(_module: nn.Module, _inputs: Any, embedded: torch.Tensor) -> torch.Tensor:
        return embedded.to(inner.dtype)

    inner.get_input_embeddings().register_forward_hook(in_its_type)


def linear_patch_embedding(family: Family, model: nn.Module) -> None:
    """Compute the patch embedding as a matrix product instead of a convolution, with the same weights under the same names.

    Its kernel is as large as its stride, so the two are equal; on a CPU the product is several times faster, above all in bf16.
    """
    convolution = model.get_submodule(family.patch_embedding)

    def forward(self: Any, pixels: torch.Tensor) -> torch.Tensor:
        """What the convolution gives: (batch, channels out, counts …)."""
        # pixels  # (batch, channels, extents of space and time …), each extent a multiple of the kernel's
        kernel, counts = (
            self.kernel_size,
            [extent // k for extent, k in zip(pixels.shape[2:], self.kernel_size, strict=True)],
        )
        axes = len(kernel)
        cut = pixels.reshape(*pixels.shape[:2], *[size for pair in zip(counts, kernel, strict=True) for size in pair])
        # (batch, counts …, channels, kernel …), then one row a patch
        order = (0, *range(2, 2 + 2 * axes, 2), 1, *range(3, 3 + 2 * axes, 2))
        rows = cut.permute(order).reshape(-1, self.weight[0].numel())
        product = functional.linear(rows.to(self.weight.dtype), self.weight.flatten(1), self.bias)
        return product.view(len(pixels), *counts, -1).movedim(-1, 1)

    setattr(convolution, "forward", types.MethodType(forward, convolution))  # noqa: B010 - as above


@contextlib.contextmanager
def quiet_libraries() -> Iterator[None]:
    """Without transformers' bar for a load of a second, its tables of what did not load (an error here, in one line), and warnings
    about names that peft and TRL still use."""
    shown = transformers_logging.is_progress_bar_enabled()
    verbosity = transformers_logging.get_verbosity()
    transformers_logging.disable_progress_bar()
    transformers_logging.set_verbosity_error()
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*gradient_checkpointing.* is deprecated", FutureWarning)
            warnings.filterwarnings("ignore", "Found missing adapter keys")  # an error here, which the caller gets
            yield
    finally:
        transformers_logging.set_verbosity(verbosity)
        if shown:
            transformers_logging.enable_progress_bar()


# ------------------------------------------------------------------------------------------------------------------------- adapters


def write_adapter_base(folder: Path, entry: ModelEntry) -> None:
    """Say beside an adapter which base it was trained on, so that it is never put on another."""
    about = {"source": entry.source, "revision": entry.revision, "weights": weights_fingerprint(entry)}
    (folder / ADAPTER_BASE_FILE).write_text(json.dumps(about, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def weights_fingerprint(entry: ModelEntry) -> str:
    """Sixteen hex digits that tell one set of weights from another: sizes of the safetensors files and samples of their bytes.

    Sixty-four blocks of 64 KiB a file, spread evenly, so that a model of 140 GB is told from its sibling in a moment. Training
    changes nearly every byte of a weight; that none of the samples changes is not to be expected.
    """
    folder = _folder_of(entry)
    digest = hashlib.blake2b(digest_size=8)
    for path in sorted(folder.glob("*.safetensors")):
        size = path.stat().st_size
        digest.update(f"{path.name} {size}\n".encode())
        with path.open("rb") as file:
            for offset in _sample_offsets(size, block=65536, samples=64):
                file.seek(offset)
                digest.update(file.read(65536))
    return digest.hexdigest()


def _sample_offsets(size: int, block: int, samples: int) -> Iterable[int]:
    if size <= block * samples:
        return range(0, size, block)
    return [(size - block) * index // (samples - 1) for index in range(samples)]


def _put_adapter(model: PreTrainedModel, entry: ModelEntry, folder: Path) -> PreTrainedModel | PeftModel:
    _check_adapter_base(entry, folder)
    if (folder / FULL_WEIGHTS_FILE).is_file():
        put_weights(model, load_file(folder / FULL_WEIGHTS_FILE), str(folder / FULL_WEIGHTS_FILE))
    if not (folder / "adapter_config.json").is_file():
        return model
    weights_file = folder / "adapter_model.safetensors"
    try:
        with safe_open(weights_file, framework="pt") as file:
            saved = set(file.keys())
        with quiet_libraries():
            adapted = PeftModel.from_pretrained(model, str(folder))
    except (OSError, SafetensorError, ValueError, RuntimeError) as error:
        raise LoadingError(f"{weights_file}: {_first_line(error)}; run the train stage again") from error
    expected = set(get_peft_model_state_dict(adapted))
    for what, keys in (("missing", expected - saved), ("unexpected", saved - expected)):
        if keys:
            raise LoadingError(
                f"{weights_file}: {len(keys)} {what} weights, the first is {min(keys)}; it was made for another model"
            )
    return adapted


def _check_adapter_base(entry: ModelEntry, folder: Path) -> None:
    about_file = folder / ADAPTER_BASE_FILE
    if not about_file.is_file():
        raise LoadingError(f"{folder}: no adapter there ({ADAPTER_BASE_FILE} is missing); run the train stage first")
    about = json.loads(about_file.read_text(encoding="utf-8"))
    found = weights_fingerprint(entry)
    if about["weights"] != found:
        made_for = f"{about['source']}@{about['revision']}" if about["revision"] else about["source"]
        raise LoadingError(
            f"{folder}: made for another base ({made_for}, weights {about['weights']}) than {entry.source} (weights {found}); "
            "select that model, or train again"
        )


def put_weights(model: nn.Module, weights: Mapping[str, torch.Tensor], where: str, *, exact: bool = False) -> None:
    """Copy tensors into the parameters of these names (PEFT's prefix ignored).

    They are rounded to the model's type, or, with `exact`, the parameters take the tensors' own: what was trained in fp32 stays so in a
    bf16 model. Raises LoadingError for a tensor that does not fit.
    """
    parameters = {plain_name(name): parameter for name, parameter in model.named_parameters()}
    for name, tensor in weights.items():
        target = parameters.get(name)
        if target is None or target.shape != tensor.shape:
            problem = (
                "no such parameter"
                if target is None
                else f"shape {tuple(tensor.shape)} instead of {tuple(target.shape)}"
            )
            raise LoadingError(f"{where}: {name}: {problem}; it was made for another model")
        with torch.no_grad():
            if exact:
                target.data = target.data.to(tensor.dtype)
            target.copy_(tensor)


# --------------------------------------------------------------------------------------------------------------------------- sources


_HUB_ADVICE = "check models.<name>.source and revision in params.yaml, and the network (HF_HUB_OFFLINE, HF_TOKEN), or download it first"


def _architecture(entry: ModelEntry, family: Family) -> Architecture:
    """The classes that the model's config.json asks for. Raises LoadingError for another family's."""
    try:
        found = AutoConfig.from_pretrained(
            entry.source, revision=entry.revision or "main", trust_remote_code=False
        ).model_type
    except (OSError, ValueError, KeyError) as error:
        raise LoadingError(_not_loaded(entry, "config.json", error)) from error
    if found not in family.architectures:
        raise LoadingError(
            f"{entry.source}: a {found} model, where models.<name>.family = {family.name} wants {' or '.join(family.architectures)}"
        )
    return family.architectures[found]


def _folder_of(entry: ModelEntry) -> Path:
    if entry.is_local:
        return Path(entry.source)
    found = cached_file(entry.source, "config.json", revision=entry.revision or "main")
    if found is None:
        raise LoadingError(f"model source {entry.source}: not in the cache; {_HUB_ADVICE}")
    return Path(found).parent


def _not_loaded(entry: ModelEntry, what: str, error: Exception) -> str:
    advice = LOCAL_ADVICE if entry.is_local else _HUB_ADVICE
    return f"model source {entry.source}: {what} cannot be loaded ({_first_line(error)}); {advice}"


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__).rstrip(".;:")
