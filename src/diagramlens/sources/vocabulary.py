"""What the labels of foreign data sets mean: the kind of a symbol, what it is called, and which parts it counts among.

A label is a set of words: `capacitor.unpolarized`, `Unpolarized-Capacitors` and `capacitor (unpolarized)` are one. The table was made from
the labels of CI2N (2,269 schematics, looked at symbol by symbol), of CGHD (arXiv:2107.10373), and the everyday spellings of the same words.
What is not in it is not known, however much it looks like something: nobody can tell whether a `resistor network` is one resistor or four.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache

from diagramlens.domains.circuits.objects import DESCRIPTIONS


@dataclass(frozen=True)
class Symbol:
    """What is marked in a picture: its kind, what that is called in English and in Chinese, and which kinds of parts it `counts` among.

    `certain`: it is one of those parts; otherwise it may be one of them or none, and where it is not `known` one of any.
    """

    kind: str
    english: str
    chinese: str
    counts: frozenset[str] = frozenset()
    certain: bool = True
    known: bool = True


# This project's kinds, and how others spell them.
_KINDS = {
    "R": "resistor, resistor2, res, resistance, load resistor, pull-up resistor, pull-down resistor, shunt resistor",  # 2: CI2N's box
    "C": "capacitor, cap, condenser, electrolytic, bypass capacitor, decoupling capacitor, coupling capacitor",
    "L": "inductor, ind, inductance, ferrite-core inductor, iron-core inductor, air-core inductor, inductor.ferrite",
    "V": "voltage, voltage-lines, battery, battery cell, cell, bat, voltage.battery, source voltage, voltage supply, "
    "vsource, vsrc, dc, ac, vdc, vac, dc source, dc supply, sine source, sinusoidal source, signal source, pulse source, step source, emf",
    "I": "current, isource, isrc, source current, idc, iac",
    "E": "vcvs",
    "G": "vccs",
    "F": "cccs",
    "H": "ccvs",
    "ground": "gnd, ground, earth, earth ground, chassis, chassis ground, signal ground, analog ground, digital ground, power ground, "
    "agnd, dgnd, pgnd",
    "port": "port",
    "rail": "vdd, vcc, rail, power rail, avdd, dvdd, avcc",
    "npn": "npn, npn bjt, npn bipolar transistor, npn bipolar junction transistor, npn bjt transistor",
    "pnp": "pnp, pnp bjt, pnp bipolar transistor, pnp bipolar junction transistor, pnp bjt transistor",
    "nmos": "nmos, nmos transistor, n mos, nmosfet, n mosfet, n channel mosfet, nch mosfet, nmos fet, nmos mosfet, n channel mos",
    "pmos": "pmos, pmos transistor, p mos, pmosfet, p mosfet, p channel mosfet, pch mosfet, pmos fet, pmos mosfet, p channel mos",
    "opamp": "opamp, op-amp, op amplifier, operational amp, single-end-amp",  # CI2N: a triangle with two inputs and one output
}
# The others keep their label as their kind: what they count as, are called in English and in Chinese, and how they are spelled.
_COUNTED = (
    ("diode", "diode", "二极管", "diode, rectifier diode, signal diode, switching diode, pn diode"),
    ("diode", "Zener diode", "稳压二极管", "zener diode, zener"),
    ("diode", "light-emitting diode", "发光二极管", "light emitting diode, led, led diode"),
    ("diode", "Schottky diode", "肖特基二极管", "schottky diode, schottky"),
    ("diode", "photodiode", "光电二极管", "photodiode, photo diode"),
    (
        "switch",
        "switch",
        "开关",
        "switch, sw, toggle switch, spst, spst switch, spdt, spdt switch, switch open, switch closed",
    ),
    ("nmos", "NMOS transistor with its bulk drawn", "画出衬底的NMOS晶体管", "nmos-bulk"),
    ("pmos", "PMOS transistor with its bulk drawn", "画出衬底的PMOS晶体管", "pmos-bulk"),
    ("nmos", "NMOS transistor with a wire across it", "有导线穿过的NMOS晶体管", "nmos-cross"),
    ("pmos", "PMOS transistor with a wire across it", "有导线穿过的PMOS晶体管", "pmos-cross"),
    ("npn", "NPN transistor with a wire across it", "有导线穿过的NPN晶体管", "npn-cross"),
    ("pnp", "PNP transistor with a wire across it", "有导线穿过的PNP晶体管", "pnp-cross"),
)
# Of these it cannot be told whether they are such a part, or which.
_DOUBTFUL = (
    ("R", "resistor, fixed or adjustable", "固定或可调电阻", "resistor2_3"),
    (
        "R",
        "adjustable resistor",
        "可调电阻",
        "adjustable resistor, variable resistor, potentiometer, pot, rheostat, trimmer resistor",
    ),
    ("R", "photoresistor", "光敏电阻", "resistor.photo, photoresistor, ldr, light dependent resistor"),
    ("R", "thermistor", "热敏电阻", "thermistor, ntc, ptc, ntc thermistor, ptc thermistor"),
    ("R", "varistor", "压敏电阻", "varistor, vdr, mov"),
    ("R", "impedance", "阻抗", "impedance, load"),
    (
        "C",
        "adjustable capacitor",
        "可调电容",
        "adjustable capacitor, variable capacitor, trimmer capacitor, trim capacitor",
    ),
    ("C diode", "varactor", "变容二极管", "varactor, varicap, varactor diode, varicap diode"),
    ("C ground", "", "", "capacitor-3"),  # CI2N: the one symbol that is so called is a ground
    ("L", "inductor or transformer winding", "电感或变压器绕组", "inductor-3"),
    ("L", "coupled inductor", "耦合电感", "inductor.coupled, coupled inductor, mutual inductor"),
    ("L", "adjustable inductor", "可调电感", "adjustable inductor, variable inductor"),
    ("L", "coil", "线圈", "coil, choke, winding, ferrite bead, bead"),
    ("L", "transformer", "变压器", "transformer, xfmr"),
    ("diode", "thyrector", "浪涌抑制二极管", "diode.thyrector, thyrector, tvs, tvs diode"),
    ("diode", "diac", "双向触发二极管", "diac"),
    ("diode", "bridge rectifier", "桥式整流器", "bridge rectifier, diode bridge, bridge, rectifier"),
    ("diode npn pnp", "optocoupler", "光电耦合器", "optocoupler, opto coupler, optoisolator"),
    (
        "npn pnp",
        "bipolar transistor",
        "双极型晶体管",
        "transistor.bjt, bjt, bipolar transistor, bipolar junction transistor, q, darlington, darlington transistor",
    ),
    ("npn pnp", "phototransistor", "光电晶体管", "transistor.photo, phototransistor"),
    (
        "nmos pmos",
        "field-effect transistor",
        "场效应晶体管",
        "transistor.fet, fet, field effect transistor, mosfet, mos, mos transistor, m",
    ),
    ("npn pnp nmos pmos", "transistor", "晶体管", "transistor"),
    ("opamp", "differential amplifier", "差分放大器", "diff-amp, differential amplifier, differential amp"),
    ("opamp", "amplifier with one input and one output", "单输入单端输出放大器", "single-input-single-end-amp"),
    ("opamp", "amplifier", "放大器", "amplifier, amp"),
    ("opamp", "", "", "buffer, comparator, ota, transconductance amplifier, instrumentation amplifier"),
    ("opamp", "Schmitt trigger", "施密特触发器", "operational_amplifier.schmitt_trigger, schmitt trigger"),
    ("opamp", "integrated circuit", "集成电路", "integrated circuit, ic, chip, u"),
    ("switch", "push button", "按钮", "push button, button, pushbutton, push switch, tactile switch"),
    ("switch", "relay", "继电器", "relay"),
    ("switch", "", "", "contact, reed switch"),
    ("ground", "supply", "电源端", "vss, vee, supply, power, power supply, avss, dvss"),
)
# Symbols that are none of the parts that are counted, and marks that are no symbols.
_OTHERS = (
    ("text", "文字", "text, label, value, designator, reference designator, annotation, explanatory, name"),
    ("junction", "节点", "junction, node, dot, junction dot, connection dot"),
    ("crossing", "导线交叉", "crossover, crossing, wire crossing, cross, line cross, jump"),
    ("crossing of two wires that are not joined", "不相连的导线交叉", "cross-line-curved"),
    ("terminal", "端子", "terminal, open terminal"),
    ("connector", "连接器", "connector, socket, plug, jack, header"),
    ("", "", "pin, pad, test point, input, output"),
    ("wire", "导线", "wire, line"),
    ("", "", "bus, net, wire corner, corner, bend, curve, arrow, plus, minus, polarity"),
    ("antenna", "天线", "antenna, aerial"),
    ("crystal", "晶体振荡器", "crystal, quartz, xtal"),
    ("", "", "oscillator, resonator"),
    ("fuse", "保险丝", "fuse"),
    ("lamp", "灯", "lamp, bulb, light bulb, light"),
    ("motor", "电动机", "motor"),
    ("speaker", "扬声器", "speaker, loudspeaker"),
    ("", "", "buzzer, generator"),
    ("microphone", "麦克风", "microphone, mic"),
    ("probe", "探针", "probe"),
    ("voltmeter", "电压表", "voltmeter, probe.voltage"),
    ("ammeter", "电流表", "ammeter, probe.current"),
    ("", "", "ohmmeter, wattmeter, galvanometer, meter, oscilloscope"),
    ("thyristor", "晶闸管", "thyristor, scr"),
    ("triac", "双向晶闸管", "triac"),
    (
        "junction field-effect transistor",
        "结型场效应晶体管",
        "jfet, njfet, pjfet, n channel jfet, p channel jfet, n jfet, p jfet",
    ),
    ("insulated-gate bipolar transistor", "绝缘栅双极型晶体管", "igbt"),
    ("AND gate", "与门", "and, and gate"),
    ("OR gate", "或门", "or, or gate"),
    ("NOT gate", "非门", "not, not gate, inverter"),
    ("NAND gate", "与非门", "nand, nand gate"),
    ("NOR gate", "或非门", "nor, nor gate"),
    ("XOR gate", "异或门", "xor, xor gate"),
    ("XNOR gate", "同或门", "xnor, xnor gate"),
    ("", "", "logic gate, gate, flip flop"),
    ("555 timer", "555定时器", "integrated_circuit.ne555, ne555, 555, 555 timer"),
    ("voltage regulator", "稳压器", "integrated_circuit.voltage_regulator, voltage regulator, regulator"),
    ("mechanical coupling", "机械联动", "mechanical"),
    ("magnetic coupling", "磁耦合", "magnetic"),
    ("optical coupling", "光耦合", "optical"),
    ("", "", "source, controlled source, dependent source, power source, signal generator, function generator"),
)
# Words that say which resistor, capacitor … is meant, or how it is drawn, and leave it one.
_WITHOUT_WEIGHT = frozenset(
    re.findall(
        r"\w+",
        "symbol component part element device enhancement depletion dc ac independent fixed ideal pol polarized polarised unpol "
        "unpolarized unpolarised nonpolarized nonpolarised polar nonpolar electrolytic nonelectrolytic ceramic film tantalum us "
        "usa eu iec ieee ansi din american european horizontal vertical left right up down",
    )
)
# What people call a part by its letter (`R`, `R12`) is meant as in a netlist.
_LETTERS = {
    "R": "resistor",
    "C": "capacitor",
    "L": "inductor",
    "V": "voltage source",
    "I": "current source",
    "D": "diode",
}
_DESIGNATOR = re.compile(r"([RCLVI])[0-9]{0,4}|(D)[0-9]{1,4}", re.IGNORECASE)  # a D alone may be a drain
_SCHEME_NUMBER = re.compile(r"[0-9]+[\s._:-]+")
_IN_DOUBT = re.compile(
    r".*[?\ufffd].*|[0-9]+\s+[^\W\d].*s", re.IGNORECASE | re.DOTALL
)  # `resistor?`, and `3 resistors` in one box


@lru_cache(maxsize=1024)
def symbol_of(label: str) -> Symbol:
    """What a label means. Where nobody knows, its kind is the label and it is called so in both languages."""
    plain = " ".join(re.sub(r"[-_]+", " ", label).split())
    designator = _DESIGNATOR.fullmatch(label)
    meant = label if designator is None else _LETTERS[(designator[1] or designator[2]).upper()]
    words = _words(meant)
    found = _look_up(words) or _look_up(_words(_SCHEME_NUMBER.sub("", meant, count=1)))
    if found is not None:
        sure = found.certain and not _IN_DOUBT.fullmatch(label)
        named = replace(found, kind=found.kind or label, certain=sure)
        return named if found.english else replace(named, english=plain, chinese=plain)
    base = _look_up(frozenset(word for word in words if not word.isdigit()))
    if base is not None:
        # In CI2N `resistor2` is a resistor and `resistor2_3` perhaps: a number may make it another symbol, though hardly of another sort.
        return Symbol(label, plain, plain, base.counts, certain=False)
    return Symbol(label, plain, plain, certain=False, known=False)


def _look_up(words: frozenset[str]) -> Symbol | None:
    return _TABLE.get(words) or _TABLE.get(words - _WITHOUT_WEIGHT)


def _words(label: str) -> frozenset[str]:
    """The words and numbers of a label, small and singular."""
    parted = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", label).lower()
    # What is said not to be is another thing: `non-polarized` is one word, and `non resistor` is not a resistor.
    joined = re.sub(r"\bnon[\W_]+", "non", parted)
    return frozenset(map(_singular, re.findall(r"[^\W\d_]+|[0-9]+", joined)))


def _singular(word: str) -> str:
    # Both sides of a comparison go through this, so a word that is no plural (nmos) may lose its s.
    if len(word) > 3 and word.endswith("ies"):
        return word[:-3] + "y"
    if word.endswith(("ches", "shes", "xes")):
        return word[:-2]
    return word[:-1] if len(word) > 2 and word.endswith("s") and not word.endswith("ss") else word


def _table() -> dict[frozenset[str], Symbol]:
    rows: list[tuple[str, Symbol]] = []  # a symbol without a kind has its label's
    for kind, (english, chinese) in DESCRIPTIONS.items():
        rows.append((f"{english}, {_KINDS.get(kind, kind)}", Symbol(kind, english, chinese, frozenset({kind}))))
    for kinds, english, chinese, spellings in _COUNTED:
        rows.append((spellings, Symbol("", english, chinese, frozenset(kinds.split()))))
    for kinds, english, chinese, spellings in _DOUBTFUL:
        rows.append((spellings, Symbol("", english, chinese, frozenset(kinds.split()), certain=False)))
    rows += [(spellings, Symbol("", english, chinese)) for english, chinese, spellings in _OTHERS]
    known = {_words(spelling): symbol for spellings, symbol in rows for spelling in spellings.split(", ")}
    return known | {_words(symbol.chinese): symbol for _, symbol in rows if symbol.chinese}


_TABLE = _table()
