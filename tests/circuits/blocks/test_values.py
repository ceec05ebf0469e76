"""Transfer functions in blocks: read exactly, refused when they are none or would take long."""

from __future__ import annotations

import pytest

from diagramlens.domains.circuits.blocks.values import ValueTextError, check_value, names_in, read_value


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1/(s+2)", "1/(2+s)"),
        ("10/(s**2+0.5*s)", "20/(s*(2*s+1))"),
        ("(s+1)*(s+2)/s^2", "1+3/s+2/s**2"),
        ("-K/(-s)", "K/s"),
        ("1/s/s", "1/s**2"),
    ],
)
def test_equal_quotients_are_read_as_one(one: str, other: str):
    names = names_in(one)
    assert names == names_in(other)
    (above, below), (over, under) = read_value(one, names), read_value(other, names)
    assert above * under == over * below


@pytest.mark.parametrize(
    "text",
    ["", "1/", "s+)", "(s", "2 s", "s**-1", "s**s", "s**99", "1/0", "open(s)", "s" * 500, "(" * 50 + "s"],
)
def test_what_is_no_transfer_function_is_refused(text: str):
    with pytest.raises(ValueTextError):
        check_value(text)


@pytest.mark.parametrize("text", ["(9**12)**12", "(a+b+c+d+e+f+g)**12", "1/((s+1)**12*(s+2)**12)", "9" * 100])
def test_hostile_powers_are_refused(text: str):
    with pytest.raises(ValueTextError):
        check_value(text)
