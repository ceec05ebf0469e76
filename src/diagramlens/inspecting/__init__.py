"""Inspecting: what a model is made of, what a recipe trains of it, and what memory that takes, before anything is downloaded."""
