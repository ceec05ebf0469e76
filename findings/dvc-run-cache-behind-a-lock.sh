#!/usr/bin/env bash
# dvc 3.67.1.
#
# `dvc repro` runs a stage again whose result lies in the run cache, where dvc.lock names other outputs for the same command and
# dependencies, and these are not in the cache: as after a checkout of a dvc.lock that somebody else's machine has made, on which a stage
# (a training, say) gives other bytes. Without any dvc.lock the very same workspace takes the result from the run cache and runs nothing.
# Expected: with a dvc.lock whose outputs cannot be had, what can be had without one.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# What was seen, to the letter.
cat >seen <<'SEEN'
first time: ran
nothing changed: did not run
result removed from the workspace: did not run
dvc.lock of another machine: ran
the same, without dvc.lock: did not run
SEEN

${PYTHON:-python3} -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check dvc==3.67.1
export PATH=$work/venv/bin:$PATH DVC_NO_ANALYTICS=1
mkdir repository && cd repository
git init --quiet
dvc init --quiet
echo data >input
cat >dvc.yaml <<'YAML'
stages:
  train:
    cmd: tr a-z A-Z <input >weights
    deps: [input]
    outs: [weights]
YAML
tell() {
  dvc repro >../said 2>&1
  if grep --quiet '^Running stage' ../said; then echo "$1: ran"; else echo "$1: did not run"; fi
}
{
  tell "first time"
  tell "nothing changed"
  rm weights
  tell "result removed from the workspace"
  # What another machine made of the same input: other bytes, which are in no cache here.
  here=$(md5sum weights | cut -d' ' -f1)
  there=$(echo "another processor's" | md5sum | cut -d' ' -f1)
  sed "s/$here/$there/" dvc.lock >../foreign.lock
  cp ../foreign.lock dvc.lock
  rm weights
  tell "dvc.lock of another machine"
  rm dvc.lock weights
  tell "the same, without dvc.lock"
} >../now
cd ..
diff seen now && echo "as it was seen"
