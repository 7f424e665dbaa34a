"""Saved models: checked, written whole, with metadata."""
