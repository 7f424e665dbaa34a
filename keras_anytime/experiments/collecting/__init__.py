"""Reports of a paper's experiments: finished runs beside published numbers."""
