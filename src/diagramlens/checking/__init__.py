"""Checking: is params.yaml right, do pictures fit their budget, does a batch go through the model, can it learn a few samples."""
