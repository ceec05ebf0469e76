"""Questions about a circuit, with exact answers, in three categories: perception, analysis and design.

Every question names what it is about and the polarity asked for. Polarity is said by the drawing's own directions ("positive at its left
end"), which the hints of the truth give; where a truth has none, by its nodes. + and - printed beside a part (hint `v=…`) or an arrow
(`i=…`) stand in the direction from its first node to its second. Where a picture has such parts, they come before the others four times
of five, and the prompt says "as marked". But a picture has few of them or none, and then any part is asked about, unless `marked_only`
forbids it. What a question needs and the picture does not show (values, models of op-amps and transistors, names of parts) stands in the
prompt.

An answer that needs no look at the picture teaches guessing: transfer functions of 0, 1 and -1 and voltages and currents of zero are
not asked, nor what the prompt itself states (the voltage across a voltage source, the current through a current source). What cannot
be asked is counted with its reason.
"""

from diagramlens.domains.circuits.questions.asking import (
    KINDS,
    Posed,
    QuestionError,
    ask,
    ask_and_count,
    begun_answer,
    multiplied_out,
    near_misses,
    pose,
    stepped_answer,
    worked_answer,
)
from diagramlens.domains.circuits.questions.circuit import Expressions, NetlistForm, number_nodes
from diagramlens.domains.circuits.questions.posing import TEACHER, random_for
from diagramlens.domains.circuits.questions.quantities import UNITS, quantity_text, spice_text, value_text

__all__ = [
    "KINDS",
    "TEACHER",
    "UNITS",
    "Expressions",
    "NetlistForm",
    "Posed",
    "QuestionError",
    "ask",
    "ask_and_count",
    "begun_answer",
    "multiplied_out",
    "near_misses",
    "number_nodes",
    "pose",
    "quantity_text",
    "random_for",
    "spice_text",
    "stepped_answer",
    "value_text",
    "worked_answer",
]
