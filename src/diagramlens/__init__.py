"""diagramlens teaches open vision-language models to read technical diagrams, and measures exactly how well they read."""

__version__ = "0.1.0"
