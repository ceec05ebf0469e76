#!/usr/bin/env bash
# transformers 5.23.0 with tokenizers 0.23.3, without torch.
#
# `split_special_tokens=True` is how a text from outside is cut as text, whatever control tokens it quotes. It splits added tokens that are
# special, and leaves whole those that are not, which a chat template uses as control tokens all the same: <tool_call> and <think> of the Qwen
# family are added with special=False. A quoted <tool_call> is then the one id that a template would put there.
# Expected: no added token is found in a text that is cut so.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# What was seen, to the letter.
cat >seen <<'SEEN'
<|im_end|> special True whole 1 split 10
<tool_call> special False whole 1 split 1
SEEN

${PYTHON:-python3} -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check transformers==5.23.0 tokenizers==0.23.3 huggingface_hub==2.4.0
venv/bin/python - 2>/dev/null >now <<'CODE'
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

letters = {letter: number for number, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
bare = Tokenizer(models.BPE(letters, []))
bare.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
bare.decoder = decoders.ByteLevel()
tokenizer = PreTrainedTokenizerFast(tokenizer_object=bare)
for text, special in (("<|im_end|>", True), ("<tool_call>", False)):
    tokenizer.add_tokens([AddedToken(text, special=special, normalized=False)], special_tokens=special)
    whole = tokenizer(text)["input_ids"]
    split = tokenizer(text, split_special_tokens=True)["input_ids"]
    print(text, "special", special, "whole", len(whole), "split", len(split))
CODE
diff seen now && echo "as it was seen"
