"""Saved models: checked before loading and saving, and written atomically."""
