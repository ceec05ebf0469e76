"""Reading quantities and comparing them with exact golds."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diagramlens.grading import (
    Quantity,
    QuantityError,
    compare_quantities,
    compute_numerical_accuracy,
    extract_numerical_answer,
    parse_quantity,
)
from diagramlens.records import DiagramLensError

READ = {
    "2.2 kΩ": ("2200", "Ω"),
    "2.2 k\u2126": ("2200", "Ω"),
    "10\\,k\\Omega": ("10000", "Ω"),
    "1.2 kilohms": ("1200", "Ω"),
    "5 megohms": ("5000000", "Ω"),
    "2k2": ("2200", None),
    "4R7 Ω": ("4.7", "Ω"),
    "4.7k": ("4700", None),
    "-2.5 mA": ("-0.0025", "A"),
    "−2.5 µA": ("-0.0000025", "A"),
    "-2.5 μA": ("-0.0000025", "A"),
    "2.50\\,\\mu\\text{A}": ("0.0000025", "A"),
    "3 milliamps": ("0.003", "A"),
    "$4\\,\\text{V}$": ("4", "V"),
    "\\(-4\\ \\mathrm{V}\\)": ("-4", "V"),
    "\\boxed{-2.5\\text{ mA}}": ("-0.0025", "A"),
    "\\boxed{4}\\,\\text{V}": ("4", "V"),
    "4.0 volts": ("4", "V"),
    "= 4 V": ("4", "V"),
    "5V.": ("5", "V"),
    "4 [V]": ("4", "V"),
    "(-4) V": ("-4", "V"),
    "- 3 V": ("-3", "V"),
    "+4 V": ("4", "V"),
    "**4 V**": ("4", "V"),
    "5/3 V": ("5/3", "V"),
    "-\\frac{5}{3}\\,\\mathrm{V}": ("-5/3", "V"),
    "2.5e-3 A": ("0.0025", "A"),
    "2.5 \\times 10^{-3}\\,\\text{A}": ("0.0025", "A"),
    "2.5·10⁻³ A": ("0.0025", "A"),
    "2.5 * 10**-3 A": ("0.0025", "A"),
    "1,000 V": ("1000", "V"),
    "3,5 V": ("3.5", "V"),
    "0,0025 A": ("0.0025", "A"),
    "1.234,5 V": ("1234.5", "V"),
    "2 200 Ω": ("2200", "Ω"),
    "1'000'000 Hz": ("1000000", "Hz"),
    "10³ Hz": ("1000", "Hz"),
    "\\SI{2.2}{\\kilo\\ohm}": ("2200", "Ω"),
    "minus 4 V": ("-4", "V"),
    "4000 mV": ("4", "V"),
    "12 kHz": ("12000", "Hz"),
    "7": ("7", None),
    "-0.004": ("-0.004", None),
    "4 V/s": ("4", "V/s"),
    "The current through R2, flowing from left to right, is -2.5 mA.": ("-0.0025", "A"),
    "V_{R2} = 3.3\\ \\text{V} across R2": ("3.3", "V"),
    "10 V - 6 V = 4 V": ("4", "V"),
    "I = 12/(1000+2000) = 4 mA": ("0.004", "A"),
    "5/3 V or 1.67 V": ("1.67", "V"),
}
REFUSED = {
    "": "no number",
    "I do not know": "no number",
    "R1": "no number",
    "±4 V": "±",
    "\\pm 4 V": "±",
    "4 V or 5 V": "two quantities",
    "5 to 6 V": "two quantities",
    "4-5 V": "arithmetic",
    "4 V - 2 V": "arithmetic",
    "12 V/3": "arithmetic",
    "2*4 V": "arithmetic",
    "12 V / 3 kΩ": "arithmetic",
    "1,23,4 V": "arithmetic",
    "not 5.5 V": "denied",
    "at most 5.5 V": "bounded",
    "It is 6 V. The source is 10 V.": "two quantities are stated",
    "1/0 V": "division by zero",
    "1e400 V": "too large",
    "9" * 100: "too long",
    "1" * 1_000_000: "characters",
}


@pytest.mark.parametrize("text", READ)
def test_a_quantity_is_read_exactly(text):
    value, unit = READ[text]
    assert parse_quantity(text) == Quantity(Fraction(value), unit)


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: text[:20])
def test_a_text_without_one_clear_quantity_is_refused_with_the_reason(text):
    with pytest.raises(QuantityError, match=REFUSED[text]):
        parse_quantity(text)


@settings(max_examples=200, deadline=None)
@given(
    st.integers(-999, 999).filter(bool),
    st.integers(-3, 3),
    st.sampled_from("VA"),
    st.sampled_from(["{} {}{}", "${}\\,\\text{{{}{}}}$", "is {}{}{}."]),
)
def test_any_written_quantity_is_read_back(digits, thousands, unit, form):
    prefix = {-3: "n", -2: "u", -1: "m", 0: "", 1: "k", 2: "M", 3: "G"}[thousands]
    found = parse_quantity(form.format(digits / 100, prefix, unit))
    assert found == Quantity(Fraction(digits, 100) * Fraction(1000) ** thousands, unit)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="0123456789.eE+-−×/ VAmkΩ{}()$\\frac,±or=*^_", max_size=40))
def test_any_text_is_read_or_refused(text):
    try:
        assert isinstance(parse_quantity(text).value, Fraction)
    except QuantityError as refusal:
        assert str(refusal)


FOUR_VOLTS = Quantity(Fraction(4), "V")


@pytest.mark.parametrize(
    ("predicted", "value_right", "unit_right"),
    [
        ("4 V", True, True),
        ("4000 mV", True, True),
        ("0.004 kV", True, True),
        ("4.04 V", True, True),
        ("3.96 V", True, True),
        ("4.041 V", False, True),
        ("-4 V", False, True),
        ("4", True, False),
        ("4 A", True, False),
        ("4 mV", False, True),
        ("4000 mA", True, False),
        ("unknown", False, False),
    ],
)
def test_value_and_unit_are_scored_apart(predicted, value_right, unit_right):
    score = compare_quantities(FOUR_VOLTS, predicted)
    assert (score.value_right, score.unit_right) == (value_right, unit_right), score.reason
    assert score.reason


def test_the_reason_tells_a_wrong_sign_from_a_wrong_value():
    assert "wrong sign" in compare_quantities(FOUR_VOLTS, "-4 V").reason
    assert "not within 0.01 of 4" in compare_quantities(FOUR_VOLTS, "5 V").reason
    assert "missing, not V" in compare_quantities(FOUR_VOLTS, "4").reason


def test_a_gold_of_zero_asks_for_a_value_within_a_billionth():
    zero = Quantity(Fraction(0), "A")
    assert compare_quantities(zero, "0 A").value_right
    assert compare_quantities(zero, "1 nA").value_right
    assert not compare_quantities(zero, "1 uA").value_right


def test_the_numerical_answer_is_in_the_base_unit():
    assert extract_numerical_answer("The voltage is 4000 mV.") == 4.0
    assert extract_numerical_answer("42") == 42.0
    assert extract_numerical_answer("no number here") is None


def test_numerical_accuracy_is_the_fraction_within_the_tolerance():
    assert compute_numerical_accuracy("4000 mV", "4 V") == 1.0
    assert compute_numerical_accuracy(1.01, 1) == 1.0
    assert compute_numerical_accuracy(1.0101, 1) == 0.0
    assert compute_numerical_accuracy(-1.0, 1.0) == 0.0
    assert compute_numerical_accuracy([1.0, "2 V", None, float("nan")], [1.0, 2.0, 3.0, 4.0]) == 0.5
    assert compute_numerical_accuracy(1.05, 1.0, tolerance=0.1) == 1.0


def test_numerical_accuracy_names_what_cannot_be_compared():
    with pytest.raises(DiagramLensError, match="2 predicted answers against 1"):
        compute_numerical_accuracy([1, 2], [1])
    with pytest.raises(DiagramLensError, match="expected value 'x'"):
        compute_numerical_accuracy("1", "x")
    with pytest.raises(DiagramLensError, match="tolerance"):
        compute_numerical_accuracy(1, 1, tolerance=-0.1)
