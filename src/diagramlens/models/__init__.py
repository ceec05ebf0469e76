"""Models: the table of families, loading, and the small Qwen2-VL made from nothing."""
