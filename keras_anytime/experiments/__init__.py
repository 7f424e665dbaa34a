"""Experiments: the run folder, concurrent trainings, benchmarks."""
