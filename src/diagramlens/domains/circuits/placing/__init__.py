"""Places for the parts of any netlist: where hints or names say them, from those (`hints`); else along buses (`bus`)."""
