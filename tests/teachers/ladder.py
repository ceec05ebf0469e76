"""A ladder of three resistors and a capacitor with a marked output, about which the teachers' tests ask."""

LADDER = """\
V1 e a 10; up
R1 a b 2k; right
R3 b c 1k; right
C1 b f 1u; down
R2 c g 3k; down, v=vo
W e f; right
W f g; right
W f 0; down, ground
"""
