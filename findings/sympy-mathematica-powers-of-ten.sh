#!/usr/bin/env bash
# SymPy 1.14.0.
#
# mathematica_code prints a small or large decimal with the e of Python, which is no exponent in the Wolfram Language: there `1.0e-6*R` is the
# name e times 1.0, minus 6 R. SymPy's own parse_mathematica reads it so too, without a word, while it refuses 1.0*^-6, which would be right.
# Values from 0.0001 up to 1e15 are printed without an exponent, and come back.
# Expected: what parse_mathematica makes of what mathematica_code prints is what was printed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# What was seen, to the letter.
cat >seen <<'SEEN'
1.0e-6*R is read as -6*R + 1.0*e
R + 2.5e-9 is read as R + 2.5*e - 9
1.0e+20*R is read as 20*R + 1.0*e
0.001*R is read as 0.001*R
1.0*^-6*R: unable to create a single AST for the expression
SEEN

${PYTHON:-python3} -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check sympy==1.14.0
venv/bin/python - >now <<'CODE'
from sympy import Symbol, mathematica_code
from sympy.parsing.mathematica import parse_mathematica

R = Symbol("R")
for printed in (1e-6 * R, R + 2.5e-9, 1.0e20 * R, 0.001 * R):
    text = mathematica_code(printed)
    print(text, "is read as", parse_mathematica(text))
try:
    parse_mathematica("1.0*^-6*R")
except SyntaxError as error:
    print("1.0*^-6*R:", error)
CODE
diff seen now && echo "as it was seen"
