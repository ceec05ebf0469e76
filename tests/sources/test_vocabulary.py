"""What foreign labels mean: the spellings of public data sets, and what is left unknown because nobody can know."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagramlens.sources.counting import COUNTED
from diagramlens.sources.vocabulary import symbol_of

# All classes of CGHD (hand-drawn circuits, arXiv:2107.10373): what each counts among, "?" where it may be that or not; "" is none.
CGHD = {
    "text": "", "junction": "", "crossover": "", "terminal": "", "gnd": "ground", "vss": "ground?", "voltage.dc": "", "voltage.ac": "",
    "voltage.battery": "", "resistor": "R", "resistor.adjustable": "R?", "resistor.photo": "R?", "capacitor.unpolarized": "C",
    "capacitor.polarized": "C", "capacitor.adjustable": "C?", "inductor": "L", "inductor.ferrite": "L", "inductor.coupled": "L?",
    "transformer": "L?", "diode": "diode", "diode.light_emitting": "diode", "diode.thyrector": "diode?", "diode.zener": "diode",
    "diac": "diode?", "triac": "", "thyristor": "", "varistor": "R?", "transistor.bjt": "npn pnp?", "transistor.fet": "nmos pmos?",
    "transistor.photo": "npn pnp?", "operational_amplifier": "opamp", "operational_amplifier.schmitt_trigger": "opamp?",
    "optocoupler": "diode npn pnp?", "integrated_circuit": "opamp?", "integrated_circuit.ne555": "",
    "integrated_circuit.voltage_regulator": "", "xor": "", "and": "", "or": "", "not": "", "nand": "", "nor": "", "probe": "",
    "probe.current": "", "probe.voltage": "", "switch": "switch", "relay": "switch?", "socket": "", "fuse": "", "speaker": "", "motor": "",
    "lamp": "", "microphone": "", "antenna": "", "crystal": "", "mechanical": "", "magnetic": "", "optical": "", "block": "",
    "explanatory": "",
}  # fmt: skip


def counted(label: str) -> str:
    symbol = symbol_of(label)
    assert symbol.known
    return " ".join(sorted(symbol.counts & set(COUNTED))) + ("" if symbol.certain else "?")


@pytest.mark.parametrize(("label", "counts"), CGHD.items())
def test_every_class_of_cghd_is_known_but_its_unknown(label: str, counts: str) -> None:
    assert counted(label) == counts
    assert symbol_of(label).english and symbol_of(label).chinese


@pytest.mark.parametrize(
    ("kind", "labels"),
    [
        ("R", ["Resistor", "RESISTORS", "resistor symbol", "1_resistor", "03 - resistor", "european resistor", "R", "r", "R12", "电阻"]),
        ("C", ["Capacitor (polarized)", "nonPolarizedCapacitor"]),
        ("C", ["polarized_capacitor", "Non-Polarized Capacitor", "electrolytic-capacitor", "cap", "C3", "电容"]),
        ("L", ["inductors", "Inductor-Symbol", "L1"]),
        ("V", ["DC Voltage Source", "dc_source", "voltage-source", "source.voltage", "Batteries", "V"]),
        ("opamp", ["op-amp", "Op Amp", "OpAmp", "op_amps", "Operational Amplifiers", "operational-amplifier", "运算放大器"]),
        ("npn", ["NPN", "npn transistor", "transistor_npn", "NPN-BJT", "npn晶体管"]),
        ("pmos", ["PMOS", "pMOS", "p-channel MOSFET", "mosfet_p", "PMOS transistors"]),
        ("ground", ["GND", "Ground", "earth", "Chassis ground", "gnds", "接地"]),
    ],
)  # fmt: skip
def test_case_order_plural_and_what_stands_between_the_words_make_no_difference(kind: str, labels: list[str]) -> None:
    assert {label: symbol_of(label).kind for label in labels} == dict.fromkeys(labels, kind)
    assert all(symbol_of(label).certain for label in labels)


@pytest.mark.parametrize(
    "label", ["LED", "leds", "light-emitting diode", "Zener", "diode.schottky", "D3", "photo_diode"]
)
def test_every_diode_is_a_diode_and_keeps_its_label(label: str) -> None:
    assert (symbol_of(label).kind, counted(label)) == (label, "diode")


@pytest.mark.parametrize("label", ["resistor_1", "Resistor 2_1", "resistor3"])
def test_a_number_behind_the_word_may_make_it_another_symbol_of_its_sort(label: str) -> None:
    assert counted(label) == "R?"


@pytest.mark.parametrize("label", ["resistor?", "3 resistors", "12 Resistors", "resistor \ufffd", "2 fixed resistors"])
def test_a_question_mark_or_a_number_of_them_leaves_the_count_open(label: str) -> None:
    assert counted(label) == "R?"


@pytest.mark.parametrize(
    "label",
    ["", "unknown", "???", "7", "resistor network", "resistor value", "transistor amplifier", "0V", "D", "lampe", "component",
     "electronic device", "__background__", "current mirror", "block amplifier", "resistorcapacitor",
     "non resistor", "non-inductor", "not resistor"],
)  # fmt: skip
def test_a_label_that_is_not_in_the_table_is_not_known_whatever_words_it_has(label: str) -> None:
    symbol = symbol_of(label)
    assert not symbol.known and not symbol.certain and symbol.kind == label


@given(st.text(max_size=80))
def test_any_text_is_a_label(label: str) -> None:
    symbol = symbol_of(label)
    assert symbol.known or symbol.kind == label
