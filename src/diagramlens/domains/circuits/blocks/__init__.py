"""Block diagrams of control systems, level 5 of CircuitSense: their text, solution, sampling, drawing and questions."""

from diagramlens.domains.circuits.blocks.text import BlocksError, format_blocks, is_block_diagram, parse_blocks

__all__ = ["BlocksError", "format_blocks", "is_block_diagram", "parse_blocks"]
