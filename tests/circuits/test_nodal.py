"""Nodal equations as one writes them by hand, and true of the circuit's exact solution."""

from __future__ import annotations

import pytest
import sympy

from diagramlens.domains.circuits.netlist import parse_netlist
from diagramlens.domains.circuits.nodal import NodalEquation, nodal_equation, nodal_equations
from diagramlens.domains.circuits.solve import SolveError, voltage

FILTER = "Vs 1 0 5\nR1 1 2 1k\nC1 2 0 1u\nL1 2 3 1m\nR2 3 0 2k\nI1 0 3 1m"


def test_the_current_law_is_written_part_by_part():
    equation = nodal_equation(parse_netlist(FILTER), "3")
    assert equation.text == "(V3-V2)/(s*L1)+V3/R2-I1=0"
    assert equation.names == ("I1", "L1", "R2", "s")
    assert equation.voltages == ("V2", "V3")


def test_nodes_of_a_drawing_are_called_by_their_letters():
    netlist = parse_netlist("V1 a d 5\nR1 a b\nC1 b c\nW c d\nW d 0\nR2 b c")
    assert nodal_equation(netlist, "b").text == "(Vb-Va)/R1+s*C1*Vb+Vb/R2=0"


def test_controlled_sources_and_opamps_have_their_equations():
    netlist = parse_netlist("Vs 1 0\nR1 1 2\nG1 2 0 1 2 g\nR2 2 3\nE1 3 0 opamp 0 2")
    assert nodal_equation(netlist, "2").text == "(V2-V1)/R1+g*(V1-V2)+(V2-V3)/R2=0"
    assert [equation.text for equation in nodal_equations(netlist)][1:] == ["V1=Vs", "0=V2"]


def test_a_transistor_is_written_by_its_small_signal_model():
    netlist = parse_netlist("VDD 4 0 5; up, supply\nVs 1 0\nM1 2 1 0 nmos\nR1 4 2")
    assert nodal_equation(netlist, "2").text == "gm1*V1+V2/ro1+V2/R1=0"
    assert sorted(nodal_equation(netlist, "2").names) == ["R1", "gm1", "ro1"]


CIRCUITS = [
    FILTER,
    "Vs 1 0\nR1 1 2\nE1 3 2 1 0 A\nR2 3 0\nR3 2 0",
    "Vs 1 0\nR1 1 2\nV2 2 3\nR2 3 0\nI1 3 0",
    "Vs 1 0\nR1 1 2\nVm 2 0\nF1 0 3 Vm\nR2 3 0\nH1 4 3 Vm\nR3 4 0",
    "Vs 1 0\nR1 1 2\nR2 2 3\nC1 2 4\nC2 3 0\nE1 4 0 opamp 3 4",
    "VCC 5 0; up, supply\nVs 1 0\nQ1 2 1 3 npn\nR1 5 2\nR2 3 0",
]


@pytest.mark.parametrize("text", CIRCUITS)
def test_the_equations_determine_every_voltage_and_the_solver_agrees(text: str):
    netlist = parse_netlist(text)
    equations = nodal_equations(netlist, called=lambda node: f"Vn{node}")
    names = {name for equation in equations for name in (*equation.names, *equation.voltages)}
    symbols = {name: sympy.Symbol(name) for name in names}
    unknowns = [symbols[name] for name in sorted({name for equation in equations for name in equation.voltages})]
    assert len(unknowns) == len(equations)

    def difference(equation: NodalEquation) -> sympy.Expr:
        return sympy.sympify(equation.left, locals=symbols) - sympy.sympify(equation.right, locals=symbols)

    solution = sympy.solve([difference(equation) for equation in equations], unknowns, dict=True)[0]
    for unknown in unknowns:
        if unknown.name.startswith("Vn"):
            exact = voltage(netlist, unknown.name.removeprefix("Vn"), "0").rational()
            expected = sympy.sympify(f"({exact.numerator})/({exact.denominator})", locals=symbols)
            assert sympy.cancel(solution[unknown] - expected) == 0


@pytest.mark.parametrize(
    ("text", "node", "message"),
    [
        (FILTER, "1", "the voltage of node 1 is fixed by Vs"),
        (FILTER, "0", "node 0 is the reference"),
        (FILTER, "9", "there is no node '9'"),
        ("V5 1 0\nR1 1 2\nR2 2 0 V2", "2", "V2 would be the name of a voltage or current and of a part"),
        ("V1 1 0\nR1 1 0\nI1 2 0", "2", "node 2 floats"),
    ],
)
def test_where_there_is_no_equation_the_reason_is_given(text: str, node: str, message: str):
    with pytest.raises(SolveError, match=message):
        nodal_equation(parse_netlist(text), node)
