"""What a drawing shows and where: the box of every symbol and of its label, with a description in English and Chinese."""

from __future__ import annotations

from dataclasses import dataclass

from diagramlens.domains.circuits.scene import Box

# Kind of an object: what it is called in English, in Chinese.
DESCRIPTIONS = {
    "R": ("resistor", "电阻"),
    "L": ("inductor", "电感"),
    "C": ("capacitor", "电容"),
    "V": ("voltage source", "电压源"),
    "I": ("current source", "电流源"),
    "E": ("voltage-controlled voltage source", "电压控制电压源"),
    "G": ("voltage-controlled current source", "电压控制电流源"),
    "F": ("current-controlled current source", "电流控制电流源"),
    "H": ("current-controlled voltage source", "电流控制电压源"),
    "opamp": ("operational amplifier", "运算放大器"),
    "npn": ("NPN transistor", "NPN晶体管"),
    "pnp": ("PNP transistor", "PNP晶体管"),
    "nmos": ("NMOS transistor", "NMOS晶体管"),
    "pmos": ("PMOS transistor", "PMOS晶体管"),
    "rail": ("supply rail", "电源端"),
    "port": ("port", "端口"),
    "ground": ("ground", "接地"),
    "block": ("block", "方框"),
    "sum": ("summing point", "求和点"),
    "takeoff": ("take-off point", "引出点"),
    "input": ("input signal", "输入信号"),
    "output": ("output signal", "输出信号"),
}


@dataclass(frozen=True)
class DrawnObject:
    """A symbol or signal in the picture: its box `(x0, y0, x1, y1)` in pixels, and that of its label (`box` where none is printed)."""

    name: str
    kind: str
    box: Box
    label: Box
    rows: int = 1  # of its label

    def record(self) -> dict[str, object]:
        """The object as the diagram's row keeps it."""
        english, chinese = DESCRIPTIONS[self.kind]
        return {
            "name": self.name,
            "kind": self.kind,
            "box": list(self.box),
            "label": list(self.label),
            "description": english,
            "description_zh": chinese,
        }
