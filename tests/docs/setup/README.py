"""The README's code needs nothing before it."""
