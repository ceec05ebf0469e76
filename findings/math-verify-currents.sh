#!/usr/bin/env bash
# math-verify 0.9.0 with latex2sympy2-extended 1.11.0, SymPy 1.14.0.
#
# Every current that is written with a capital I is the imaginary unit, whatever its subscript: the answer I_2 is right where the gold is I_1,
# and the quotient of two currents is 1. Voltages, small letters and E_1 keep their subscripts. math-verify is the usual judge of rewards in
# reinforcement learning, so a model that mixes up the currents of a circuit is paid for it.
# Expected: False in the first four rows, as in the last two.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# What was seen, to the letter.
cat >seen <<'SEEN'
$I_1$ | $I_2$ | True
$I_{in}$ | $I_{out}$ | True
$I_1 R_1 - I_2 R_2$ | $I_1 R_1 - I_1 R_2$ | True
$\frac{I_1}{I_2}$ | $1$ | True
$i_1$ | $i_2$ | False
$V_1$ | $V_2$ | False
SEEN

${PYTHON:-python3} -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check math-verify==0.9.0 latex2sympy2_extended==1.11.0 sympy==1.14.0
venv/bin/python - >now <<'CODE'
from math_verify import parse, verify

for gold, answer in (
    ("$I_1$", "$I_2$"),
    ("$I_{in}$", "$I_{out}$"),
    ("$I_1 R_1 - I_2 R_2$", "$I_1 R_1 - I_1 R_2$"),
    (r"$\frac{I_1}{I_2}$", "$1$"),
    ("$i_1$", "$i_2$"),
    ("$V_1$", "$V_2$"),
):
    print(gold, answer, verify(parse(gold), parse(answer)), sep=" | ")
CODE
diff seen now && echo "as it was seen"
