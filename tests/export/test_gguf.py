"""GGUF: the files hold the model's own weights, words and sizes under the names that llama.cpp looks for."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from diagramlens.export import ExportError, weight_bytes
from diagramlens.export.gguf import write_language, write_mmproj


class Written:
    """A GGUF file read back: its fields, and its tensors as fp32."""

    def __init__(self, path: Path) -> None:
        reader = gguf.GGUFReader(path)
        self.fields: dict[str, Any] = {key: field.contents() for key, field in reader.fields.items()}
        self.types = {tensor.name: tensor.tensor_type.name for tensor in reader.tensors}
        self.tensors = {tensor.name: gguf.dequantize(tensor.data, tensor.tensor_type) for tensor in reader.tensors}


def weights(folder: Path) -> dict[str, np.ndarray]:
    return {name: tensor.float().numpy() for name, tensor in load_file(folder / "model.safetensors").items()}


@pytest.fixture(scope="module")
def files(base_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("gguf")
    write_language(base_dir, out / "model-f16.gguf", "f16", name="tiny")
    write_language(base_dir, out / "model-q8_0.gguf", "q8_0", name="tiny")
    write_mmproj(base_dir, out / "mmproj-f16.gguf", name="tiny")
    return out


def changed(folder: Path, out: Path, file: str, changes: Mapping[str, Any]) -> Path:
    """A copy of a model folder with other values at the top of one of its JSON files."""
    shutil.copytree(folder, out)
    stored = json.loads((out / file).read_text(encoding="utf-8"))
    (out / file).write_text(json.dumps({**stored, **changes}), encoding="utf-8")
    return out


def with_tensors(folder: Path, out: Path, changes: Mapping[str, torch.Tensor]) -> Path:
    shutil.copytree(folder, out)
    save_file({**load_file(folder / "model.safetensors"), **changes}, out / "model.safetensors")
    return out


# Hugging Face name to llama.cpp name, for one layer of each part: written by hand, so that the converter's map is not its own judge.
LANGUAGE_NAMES = {
    "model.embed_tokens.weight": "token_embd.weight",
    "model.norm.weight": "output_norm.weight",
    "model.layers.1.input_layernorm.weight": "blk.1.attn_norm.weight",
    "model.layers.1.self_attn.q_proj.weight": "blk.1.attn_q.weight",
    "model.layers.1.self_attn.q_proj.bias": "blk.1.attn_q.bias",
    "model.layers.1.self_attn.k_proj.weight": "blk.1.attn_k.weight",
    "model.layers.1.self_attn.v_proj.bias": "blk.1.attn_v.bias",
    "model.layers.1.self_attn.o_proj.weight": "blk.1.attn_output.weight",
    "model.layers.1.post_attention_layernorm.weight": "blk.1.ffn_norm.weight",
    "model.layers.1.mlp.gate_proj.weight": "blk.1.ffn_gate.weight",
    "model.layers.1.mlp.up_proj.weight": "blk.1.ffn_up.weight",
    "model.layers.1.mlp.down_proj.weight": "blk.1.ffn_down.weight",
}
VISION_NAMES = {
    "visual.blocks.2.attn.proj.weight": "v.blk.2.attn_out.weight",
    "visual.blocks.2.mlp.fc1.weight": "v.blk.2.ffn_up.weight",
    "visual.blocks.2.mlp.fc2.bias": "v.blk.2.ffn_down.bias",
    "visual.blocks.2.norm1.weight": "v.blk.2.ln1.weight",
    "visual.blocks.2.norm2.bias": "v.blk.2.ln2.bias",
    "visual.merger.ln_q.weight": "v.post_ln.weight",
    "visual.merger.mlp.0.weight": "mm.0.weight",
    "visual.merger.mlp.2.bias": "mm.2.bias",
}


def test_the_f16_file_holds_the_language_weights_to_half_precision(base_dir: Path, files: Path) -> None:
    written, original = Written(files / "model-f16.gguf"), weights(base_dir)
    assert len(written.tensors) == sum(name.startswith("model.") for name in original)
    for name, called in LANGUAGE_NAMES.items():
        wanted = original[name] if original[name].ndim == 1 else original[name].astype(np.float16).astype(np.float32)
        np.testing.assert_array_equal(written.tensors[called], wanted, err_msg=called)


def test_vectors_stay_in_full_precision_and_matrices_take_the_files_type(files: Path) -> None:
    for kind in ("f16", "q8_0"):
        written = Written(files / f"model-{kind}.gguf")
        for name, type_name in written.types.items():
            assert type_name == ("F32" if written.tensors[name].ndim == 1 else kind.upper()), name


def test_the_q8_0_file_is_within_half_a_step_of_each_block(base_dir: Path, files: Path) -> None:
    written, original = Written(files / "model-q8_0.gguf"), weights(base_dir)
    for name, called in LANGUAGE_NAMES.items():
        if original[name].ndim == 1:
            continue
        blocks = original[name].reshape(-1, 32)
        error = np.abs(written.tensors[called].reshape(-1, 32) - blocks).max(axis=1)
        step = np.abs(blocks).max(axis=1) / 127
        # Half a step of rounding, and the scale itself in half precision (127 steps at a relative 2^-11).
        assert (error <= step * (0.5 + 127 * 2**-11) + 1e-8).all(), called
    assert weight_bytes(files / "model-q8_0.gguf") < 0.65 * weight_bytes(files / "model-f16.gguf")


def test_the_language_file_says_all_that_a_reader_needs(files: Path) -> None:
    fields = Written(files / "model-f16.gguf").fields
    wanted = {
        "general.architecture": "qwen2vl",
        "general.type": "model",
        "general.name": "tiny",
        "general.file_type": int(gguf.LlamaFileType.MOSTLY_F16),
        "general.quantization_version": 2,
        "qwen2vl.block_count": 2,
        "qwen2vl.context_length": 32768,
        "qwen2vl.embedding_length": 64,
        "qwen2vl.feed_forward_length": 128,
        "qwen2vl.attention.head_count": 4,
        "qwen2vl.attention.head_count_kv": 2,
        "qwen2vl.rope.dimension_sections": [2, 3, 3, 0],
        "qwen2vl.rope.freq_base": 10000.0,
        "qwen2vl.attention.layer_norm_rms_epsilon": pytest.approx(1e-6),
        "qwen2vl.vocab_size": 384,
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "qwen2",
        "tokenizer.ggml.add_bos_token": False,
    }
    assert {key: fields.get(key) for key in wanted} == wanted
    assert Written(files / "model-q8_0.gguf").fields["general.file_type"] == int(gguf.LlamaFileType.MOSTLY_Q8_0)


def test_words_merges_and_template_are_the_tokenizers(base_dir: Path, files: Path) -> None:
    from transformers import AutoTokenizer

    fields, tokenizer = Written(files / "model-f16.gguf").fields, AutoTokenizer.from_pretrained(base_dir)
    ids = tokenizer.get_vocab()
    assert fields["tokenizer.ggml.tokens"] == sorted(ids, key=ids.__getitem__)
    special = {ids[token.content] for token in tokenizer.added_tokens_decoder.values() if token.special}
    types = fields["tokenizer.ggml.token_type"]
    assert {number for number, kind in enumerate(types) if kind == gguf.TokenType.CONTROL} == special
    assert set(types) == {gguf.TokenType.CONTROL, gguf.TokenType.NORMAL}
    merges = json.loads((base_dir / "tokenizer.json").read_text(encoding="utf-8"))["model"]["merges"]
    assert fields["tokenizer.ggml.merges"] == [" ".join(pair) for pair in merges]
    assert fields["tokenizer.ggml.eos_token_id"] == tokenizer.eos_token_id
    assert fields["tokenizer.ggml.padding_token_id"] == tokenizer.pad_token_id
    assert fields["tokenizer.chat_template"] == tokenizer.chat_template


def test_the_vision_file_holds_the_towers_weights_with_qkv_and_frames_apart(base_dir: Path, files: Path) -> None:
    written, original = Written(files / "mmproj-f16.gguf"), weights(base_dir)

    def half(array: np.ndarray) -> np.ndarray:
        return array if array.ndim == 1 else array.astype(np.float16).astype(np.float32)

    for name, called in VISION_NAMES.items():
        np.testing.assert_array_equal(written.tensors[called], half(original[name]), err_msg=called)
    for ending in ("weight", "bias"):
        thirds = np.split(original[f"visual.blocks.1.attn.qkv.{ending}"], 3)
        for part, third in zip("qkv", thirds, strict=True):
            np.testing.assert_array_equal(written.tensors[f"v.blk.1.attn_{part}.{ending}"], half(third))
    frames = half(original["visual.patch_embed.proj.weight"])  # (width, channels, time, patch, patch)
    np.testing.assert_array_equal(written.tensors["v.patch_embd.weight"], frames[:, :, 0])
    np.testing.assert_array_equal(written.tensors["v.patch_embd.weight.1"], frames[:, :, 1])
    towers = [name for name in original if name.startswith("visual.")]
    assert len(written.tensors) == len(towers) + 2 * 2 * 3 + 1  # qkv twice in each of three layers, and one frame


def test_the_vision_file_says_all_that_a_reader_needs(files: Path) -> None:
    fields = Written(files / "mmproj-f16.gguf").fields
    wanted = {
        "general.architecture": "clip",
        "general.type": "mmproj",
        "clip.has_vision_encoder": True,
        "clip.projector_type": "qwen2vl_merger",
        "clip.vision.projection_dim": 64,
        "clip.vision.image_size": 560,
        "clip.vision.patch_size": 14,
        "clip.vision.spatial_merge_size": 2,
        "clip.vision.embedding_length": 32,
        "clip.vision.feed_forward_length": 128,
        "clip.vision.block_count": 3,
        "clip.vision.attention.head_count": 2,
        "clip.vision.attention.layer_norm_epsilon": pytest.approx(1e-6),
        "clip.vision.image_mean": pytest.approx([0.48145466, 0.4578275, 0.40821073]),
        "clip.vision.image_std": pytest.approx([0.26862954, 0.26130258, 0.27577711]),
    }
    assert {key: fields.get(key) for key in wanted} == wanted
    # quick_gelu, as Qwen2-VL has it, is what a reader takes when neither is named.
    assert not {"clip.use_gelu", "clip.use_silu"} & fields.keys()


def test_a_head_of_its_own_is_written_and_a_tied_one_is_not(untied_dir: Path, files: Path, tmp_path: Path) -> None:
    assert "output.weight" not in Written(files / "model-f16.gguf").tensors
    write_language(untied_dir, tmp_path / "model.gguf", "f16", name="untied")
    head = weights(untied_dir)["lm_head.weight"]
    np.testing.assert_allclose(
        Written(tmp_path / "model.gguf").tensors["output.weight"], head, rtol=2**-11, atol=2**-25
    )


def test_an_untied_model_without_its_head_is_refused(untied_dir: Path, tmp_path: Path) -> None:
    folder = tmp_path / "headless"
    shutil.copytree(untied_dir, folder)
    tensors = load_file(untied_dir / "model.safetensors")
    del tensors["lm_head.weight"]
    save_file(tensors, folder / "model.safetensors")
    with pytest.raises(ExportError, match=r"lm_head\.weight is missing"):
        write_language(folder, tmp_path / "model.gguf", "f16", name="tiny")


def test_a_stored_head_is_left_out_only_where_it_is_the_embedding(base_dir: Path, files: Path, tmp_path: Path) -> None:
    embedding = load_file(base_dir / "model.safetensors")["model.embed_tokens.weight"]
    same = with_tensors(base_dir, tmp_path / "same", {"lm_head.weight": embedding.clone()})
    write_language(same, tmp_path / "same.gguf", "f16", name="tiny")
    assert (tmp_path / "same.gguf").read_bytes() == (files / "model-f16.gguf").read_bytes()
    other = with_tensors(base_dir, tmp_path / "other", {"lm_head.weight": embedding + 1})
    write_language(other, tmp_path / "other.gguf", "f16", name="tiny")
    assert "output.weight" in Written(tmp_path / "other.gguf").tensors


def test_equal_folders_give_equal_bytes_wherever_they_lie(base_dir: Path, files: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "other" / "place"
    shutil.copytree(base_dir, elsewhere)
    write_language(elsewhere, tmp_path / "model.gguf", "q8_0", name="tiny")
    write_mmproj(elsewhere, tmp_path / "mmproj.gguf", name="tiny")
    assert (tmp_path / "model.gguf").read_bytes() == (files / "model-q8_0.gguf").read_bytes()
    assert (tmp_path / "mmproj.gguf").read_bytes() == (files / "mmproj-f16.gguf").read_bytes()


def test_weights_in_several_shards_under_the_names_of_transformers_5_are_read_alike(
    base_dir: Path, files: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "sharded"
    shutil.copytree(base_dir, folder)
    renamed = {
        name.replace("model.", "model.language_model.", 1).replace("visual.", "model.visual.", 1): tensor
        for name, tensor in load_file(base_dir / "model.safetensors").items()
    }
    (folder / "model.safetensors").unlink()
    for number in range(3):
        part = {name: renamed[name] for name in sorted(renamed)[number::3]}
        save_file(part, folder / f"model-{number + 1:05d}-of-00003.safetensors")
    write_language(folder, tmp_path / "model.gguf", "f16", name="tiny")
    write_mmproj(folder, tmp_path / "mmproj.gguf", name="tiny")
    assert (tmp_path / "model.gguf").read_bytes() == (files / "model-f16.gguf").read_bytes()
    assert (tmp_path / "mmproj.gguf").read_bytes() == (files / "mmproj-f16.gguf").read_bytes()


def test_an_embedding_with_more_rows_than_tokens_is_padded_with_unused_ones(base_dir: Path, tmp_path: Path) -> None:
    config = json.loads((base_dir / "config.json").read_text())
    rows = load_file(base_dir / "model.safetensors")["model.embed_tokens.weight"]
    wider = with_tensors(base_dir, tmp_path / "wider", {"model.embed_tokens.weight": torch.cat([rows, rows[:6]])})
    config["text_config"]["vocab_size"] = 390
    (wider / "config.json").write_text(json.dumps(config))
    write_language(wider, tmp_path / "model.gguf", "f16", name="tiny")
    fields = Written(tmp_path / "model.gguf").fields
    assert fields["tokenizer.ggml.tokens"][384:] == [f"[PAD{number}]" for number in range(384, 390)]
    assert fields["tokenizer.ggml.token_type"][384:] == [gguf.TokenType.UNUSED] * 6


def test_rows_that_do_not_fill_the_blocks_of_q8_0_are_named(base_dir: Path, tmp_path: Path) -> None:
    odd = with_tensors(base_dir, tmp_path / "odd", {"model.layers.0.mlp.down_proj.weight": torch.zeros(64, 100)})
    with pytest.raises(
        ExportError, match=r"^tensor model\.layers\.0\.mlp\.down_proj\.weight has rows of 100: Q8_0 [^\n]*32$"
    ):
        write_language(odd, tmp_path / "model.gguf", "q8_0", name="tiny")
    assert not (tmp_path / "model.gguf").exists()


def test_a_tensor_without_a_place_is_named(base_dir: Path, tmp_path: Path) -> None:
    odd = with_tensors(base_dir, tmp_path / "odd", {"model.layers.0.mlp.extra.weight": torch.zeros(64, 64)})
    with pytest.raises(ExportError, match=r"tensor model\.layers\.0\.mlp\.extra\.weight has no place"):
        write_language(odd, tmp_path / "model.gguf", "f16", name="tiny")


def test_a_weight_beyond_half_precision_is_named_instead_of_becoming_infinite(base_dir: Path, tmp_path: Path) -> None:
    large = with_tensors(
        base_dir, tmp_path / "large", {"model.layers.0.self_attn.q_proj.weight": torch.full((64, 64), 7e4)}
    )
    with pytest.raises(ExportError, match=r"q_proj\.weight: holds a number that is not finite in F16"):
        write_language(large, tmp_path / "model.gguf", "f16", name="tiny")


def test_a_tokenizer_that_cuts_text_otherwise_is_refused(base_dir: Path, tmp_path: Path) -> None:
    split = {"type": "Split", "pattern": {"Regex": r"\d+"}, "behavior": "Isolated", "invert": False}
    other = {"pre_tokenizer": {"type": "Sequence", "pretokenizers": [split]}}
    folder = changed(base_dir, tmp_path / "model", "tokenizer.json", other)
    with pytest.raises(ExportError, match="split regex is not Qwen2's"):
        write_language(folder, tmp_path / "model.gguf", "f16", name="tiny")


def test_quantised_weights_and_other_models_are_refused_in_one_line(base_dir: Path, tmp_path: Path) -> None:
    quantised = changed(base_dir, tmp_path / "nf4", "config.json", {"quantization_config": {"load_in_4bit": True}})
    with pytest.raises(ExportError, match=r"^[^\n]*quantised already[^\n]*$"):
        write_mmproj(quantised, tmp_path / "out.gguf", name="tiny")
    other = changed(base_dir, tmp_path / "llama", "config.json", {"model_type": "llama"})
    with pytest.raises(ExportError, match=r"^[^\n]*'llama' has no GGUF converter[^\n]*$"):
        write_language(other, tmp_path / "out.gguf", "f16", name="tiny")


def test_what_is_missing_from_a_folder_is_named(base_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"config\.json: no such file"):
        write_language(tmp_path, tmp_path / "out.gguf", "f16", name="tiny")
    for file in ("tokenizer.json", "chat_template.jinja", "model.safetensors"):
        folder = tmp_path / f"without-{file}"
        shutil.copytree(base_dir, folder)
        (folder / file).unlink()
        with pytest.raises(ExportError, match="safetensors" if file == "model.safetensors" else file):
            write_language(folder, tmp_path / "out.gguf", "f16", name="tiny")


def test_damaged_weights_are_named_in_one_line(base_dir: Path, tmp_path: Path) -> None:
    folder = tmp_path / "damaged"
    shutil.copytree(base_dir, folder)
    (folder / "model.safetensors").write_bytes((base_dir / "model.safetensors").read_bytes()[:1000])
    with pytest.raises(ExportError, match=r"^[^\n]*model\.safetensors: not a readable safetensors file[^\n]*$"):
        write_language(folder, tmp_path / "out.gguf", "f16", name="tiny")


def test_a_processor_that_cuts_other_patches_than_the_model_is_refused(base_dir: Path, tmp_path: Path) -> None:
    stored = json.loads((base_dir / "processor_config.json").read_text())
    pictures = {**stored["image_processor"], "patch_size": 16}
    folder = changed(base_dir, tmp_path / "model", "processor_config.json", {"image_processor": pictures})
    flat = json.loads((folder / "preprocessor_config.json").read_text())
    (folder / "preprocessor_config.json").write_text(json.dumps({**flat, "patch_size": 16}))
    with pytest.raises(ExportError, match="patches of 16 merged by 2, the model wants 14 and 2"):
        write_mmproj(folder, tmp_path / "out.gguf", name="tiny")
