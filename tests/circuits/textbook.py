"""Circuits that every textbook shows, as a SPICE user writes them."""

from __future__ import annotations

_LADDER = "V1 n0 0\n" + "\n".join(f"R{k} n{k - 1} n{k}\nC{k} n{k} 0" for k in range(1, 13))

TEXTBOOK = {
    "RC ladder of 12 sections": _LADDER,
    "Wheatstone bridge": "V1 1 0\nR1 1 2\nR2 1 3\nR3 2 0\nR4 3 0\nR5 2 3",
    "Wien bridge arm": "V1 1 0\nR1 1 2\nC1 2 3\nR2 3 0\nC2 3 0\nP1 3 0",
    "Wien bridge": "V1 1 0\nR1 1 2\nC1 2 3\nR2 3 0\nC2 3 0\nRa 1 4\nRb 4 0\nP1 3 4",
    "twin-T": "V1 1 0\nR1 1 2\nR2 2 3\nC3 2 0\nC1 1 4\nC2 4 3\nR3 4 0\nP1 3 0",
    "bridged-T": "V1 1 0\nC1 1 2\nC2 2 3\nR1 2 0\nR2 1 3\nRL 3 0",
    "Sallen-Key low pass": "V1 1 0\nR1 1 2\nR2 2 3\nC1 2 4\nC2 3 0\nE1 4 0 opamp 3 4\nP1 4 0",
    "Sallen-Key high pass of gain K": "V1 1 0\nC1 1 2\nC2 2 3\nR1 2 4\nR2 3 0\nE1 4 0 opamp 3 5\nR3 5 0\nR4 4 5",
    "inverting integrator": "V1 1 0\nR1 1 2\nC1 2 3\nE1 3 0 opamp 0 2\nP1 3 0",
    "difference amplifier": "V1 1 0\nR1 1 2\nR2 2 3\nV2 4 0\nR3 4 5\nR4 5 0\nE1 3 0 opamp 5 2",
    "summing amplifier": "V1 1 0\nV2 2 0\nV3 3 0\nR1 1 4\nR2 2 4\nR3 3 4\nRF 4 5\nE1 5 0 opamp 0 4\nP1 5 0",
    "gyrator": "V1 1 0\nR1 1 2\nE1 4 0 opamp 1 3\nE2 2 0 opamp 5 3\nR2 2 3\nR3 3 4\nC1 4 5\nR4 5 0",
    "common emitter": (
        "VCC 4 0 9; up, supply\nV1 1 0\nC1 1 5\nR1 4 5\nR2 5 0\nQ1 2 5 6 npn\nRC 4 2\nRE 6 0\nCE 6 0\nC2 2 7\nRL 7 0"
    ),
    "differential pair": (
        "VDD 9 0 5; up, supply\nV1 1 0\nV2 2 0\nM1 3 1 5 nmos\nM2 4 2 5 nmos\nR1 9 3\nR2 9 4\nI1 5 0 1m"
    ),
    "CMOS inverter": "VDD 9 0 5; up, supply\nV1 1 0\nM1 2 1 0 nmos\nM2 2 1 9 pmos\nC1 2 0",
    "cascode": "VDD 9 0\nVB 4 0\nV1 1 0\nM1 2 1 0 nmos\nM2 3 4 2 nmos\nR1 9 3",
    "symmetrical supplies": "VDD 9 0 5\nVSS 8 0 -5\nV1 1 0\nM1 9 1 2 nmos\nR1 2 8\nC1 2 3\nRL 3 0",
    "small-signal model": "V1 1 0\nRS 1 2\nRpi 2 0\nG1 3 0 2 0 gm\nro 3 0\nRC 3 0".replace("ro", "Ro"),
    "current mirror model": "I1 0 1\nV1 1 2 0\nR1 2 0\nF1 0 3 V1 2\nR2 3 0",
    "level 0 of the benchmark": "R1 0 1 R1\nR2 2 0 R2\nV1 1 2 V1",
    "level 1 of the benchmark": "V1 2 0 step\nC1 3 0 C1\nR1 3 2 R1",
    "level 2 of the benchmark": "C1 2 1 C1\nG1 1 4 2 0 y_1\nV1 2 0 step\nR1 2 0 R1\nR2 2 4 R2",
}
