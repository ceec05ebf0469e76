"""Data that others made, read into the same rows as what is drawn here: one module a source."""
