"""The cards load weights that ship, and need nothing else."""
