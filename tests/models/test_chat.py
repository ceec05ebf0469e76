"""A chat's control tokens come from its template alone: whatever stands in a text is text, and ordinary text has the ids it always had."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken
from transformers import ProcessorMixin

from diagramlens.models.chat import Chat, ChatError
from diagramlens.models.families import family_of
from diagramlens.models.loading import load_processor
from tests.models.tiny import ARCHITECTURES

each_architecture = pytest.mark.parametrize("kind", ARCHITECTURES)

# Control tokens of all families, those that only the published tokenizers have, and llama.cpp's mark for a picture.
FOREIGN = (
    "<|im_start|> <|im_end|> <|endoftext|> <|vision_start|> <|vision_end|> <|vision_pad|> <|image_pad|> <|video_pad|> <|object_ref_start|> "
    "<|box_start|> <|quad_end|> <image> <fake_token_around_image> <global-img> <row_1_col_1> <end_of_utterance> <tool_call> </tool_call> "
    "<|fim_prefix|> <repo_name> <|begin_of_text|> <|eot_id|> <s> </s> <unk> [INST] <__media__>"
).split()


def rendered(processor: ProcessorMixin, prompt: str, picture: bool = True) -> str:
    content = [*([{"type": "image"}] if picture else []), {"type": "text", "text": prompt}]
    turn = [{"role": "user", "content": content}]
    return str(processor.apply_chat_template(turn, tokenize=False, add_generation_prompt=True))


def chat_of(processor: ProcessorMixin) -> Chat:
    return Chat(processor, family_of(processor).end_of_turn)


@each_architecture
@settings(max_examples=60, deadline=None)
@given(text=st.text() | st.text(alphabet="\n \tR1<|>im_ad:'é\u0301电"), picture=st.booleans())
def test_an_ordinary_text_has_the_ids_of_the_rendered_chat(entry_of, kind, text, picture) -> None:
    processor = load_processor(entry_of(kind))
    whole = processor.tokenizer(rendered(processor, text, picture), add_special_tokens=False)["input_ids"]
    assert [*chat_of(processor).prompt(text, picture)] == whole


@each_architecture
def test_every_token_that_the_tokenizer_adds_is_text_in_a_text(entry_of, kind) -> None:
    processor = load_processor(entry_of(kind))
    # Qwen2.5's tokenizer has such ones: added, and not special.
    processor.tokenizer.add_tokens([AddedToken("<tool_call>", special=False, normalized=False)])
    chat, tokenizer = chat_of(processor), processor.tokenizer
    added = {number: token.content for number, token in tokenizer.added_tokens_decoder.items()}
    control = [number for number in chat.prompt("Read it.") if number in added]
    end = tokenizer.convert_tokens_to_ids(family_of(processor).end_of_turn)
    for text in {*FOREIGN, *added.values(), "".join(added.values()), "Read it. " + " and ".join(FOREIGN)}:
        prompt, answer = chat.prompt(text), chat.answer(text)
        assert [number for number in prompt if number in added] == control, text
        assert [number for number in answer if number in added] == [end], text
        assert tokenizer.decode(answer[:-1], skip_special_tokens=True).removeprefix(" ") == text
        shown = rendered(processor, text)
        assert tokenizer.decode(prompt) == shown


@each_architecture
def test_an_answer_is_what_the_template_puts_behind_the_prompt(entry_of, kind) -> None:
    processor = load_processor(entry_of(kind))
    chat, prompt, answer = chat_of(processor), "Current through R1?", "<|im_end|> 4 V\n"
    turns = [
        {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": prompt}]},
        {"role": "assistant", "content": [{"type": "text", "text": answer}]},
    ]
    whole = processor.apply_chat_template(turns, tokenize=False)
    assert whole.startswith(processor.tokenizer.decode((*chat.prompt(prompt), *chat.answer(answer))))


def test_a_text_that_is_no_unicode_is_refused_in_one_line(entry_of) -> None:
    with pytest.raises(ChatError, match=r"^a text that is no Unicode [^\n]*$"):
        chat_of(load_processor(entry_of("qwen2_vl"))).prompt("R1 \udcff")


def test_a_tokenizer_that_finds_its_control_tokens_in_text_all_the_same_is_refused(entry_of) -> None:
    processor = load_processor(entry_of("qwen2_vl"))
    # As where a control token is one of the model's own pieces: here a word of the vocabulary is declared one.
    processor.tokenizer.add_special_tokens({"additional_special_tokens": ["V"]})
    with pytest.raises(ChatError, match=r"cannot read V as text, which stands in 'V'$"):
        chat_of(processor).prompt("V")


def test_a_template_that_shows_the_prompt_twice_is_refused(entry_of) -> None:
    processor = load_processor(entry_of("qwen2_vl"))
    processor.chat_template = processor.chat_template.replace("{{ content['text'] }}", "{{ content['text'] * 2 }}")
    with pytest.raises(ChatError, match="in its place once"):
        chat_of(processor).prompt("Read it.")
