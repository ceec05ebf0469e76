#!/usr/bin/env bash
# transformers 5.23.0, without torch.
#
# A tokenizer that is read and saved again tells in tokenizer_config.json how this process came to read it: `is_local` (from a folder or from the
# hub) and `local_files_only` (the argument, or HF_HUB_OFFLINE=1 around it). The same files, read and saved online and offline, are therefore
# other bytes, by one character: whatever hashes a model's folder (a cache, a lock file, a registry) takes the two for two models.
# Expected: what is saved depends on what was read alone, as a second save of the same tokenizer within one process does.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# What was seen, to the letter.
cat >seen <<'SEEN'
made: is_local None local_files_only None
online: is_local True local_files_only False
offline: is_local True local_files_only True
online and offline are the same bytes: False
SEEN

${PYTHON:-python3} -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check transformers==5.23.0 tokenizers==0.23.3 huggingface_hub==2.4.0
export HF_HOME=$work/home
cat >save.py <<'CODE'
import sys

from tokenizers import Tokenizer, models
from transformers import AutoTokenizer, PreTrainedTokenizerFast

source, target = sys.argv[1:]
if source == "-":
    bare = Tokenizer(models.WordLevel({"R1": 0, "<unk>": 1}, unk_token="<unk>"))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bare, unk_token="<unk>")
else:
    tokenizer = AutoTokenizer.from_pretrained(source)
tokenizer.save_pretrained(target)
CODE
{
  venv/bin/python save.py - made
  HF_HUB_OFFLINE=0 venv/bin/python save.py made online
  HF_HUB_OFFLINE=1 venv/bin/python save.py made offline
} 2>/dev/null
venv/bin/python - >now <<'CODE'
import json
from pathlib import Path

files = {name: Path(name, "tokenizer_config.json").read_bytes() for name in ("made", "online", "offline")}
for name, content in files.items():
    config = json.loads(content)
    print(f"{name}: is_local {config.get('is_local')} local_files_only {config.get('local_files_only')}")
print("online and offline are the same bytes:", files["online"] == files["offline"])
CODE
diff seen now && echo "as it was seen"
