#!/usr/bin/env bash
# spicelib 1.6.4.
#
# SpiceEditor writes a number with six digits, be it a part's value or a parameter, whole numbers too: the simulation is of another number,
# and nothing says so. Two seeds of a Monte Carlo run, dates for instance, are one seed; a frequency that fits a whole number of periods into
# the samples fits no longer. Given as a text, or by set_component_parameters, it stays as it is.
# Expected: the number that was set.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# What was seen, to the letter.
cat >seen <<'SEEN'
L1 in x 14.3322m; C1 x out 17.6543219f; .param seed= 20.2611Meg; .param f= 2.49268Meg
L1 in x 14.3322m; C1 x out 17.6543219f; .param seed= 20.2611Meg; .param f= 2.49268Meg
SEEN

${PYTHON:-python3} -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check spicelib==1.6.4
venv/bin/python - >now <<'CODE'
from pathlib import Path

from spicelib import SpiceEditor

Path("given.net").write_text("* filter\nL1 in x 1m\nC1 x out 1f\n.param seed=1\n.param f=1k\n.end\n")
for seed in (20261130, 20261131):
    netlist = SpiceEditor("given.net")
    netlist.set_component_value("L1", 14.33218765e-3)
    netlist.set_component_value("C1", "17.6543219f")
    netlist.set_parameter("seed", seed)
    netlist.set_parameter("f", 1021 / 4096 * 10e6)  # 2492675.78125 Hz: 1021 periods in 4096 samples at 10 MHz
    netlist.save_netlist("written.net")
    print(*Path("written.net").read_text().splitlines()[1:5], sep="; ")
CODE
diff seen now && echo "as it was seen"
