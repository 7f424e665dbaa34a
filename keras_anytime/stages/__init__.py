"""Subgraphs: a stage is a subgraph of a functional Keras graph."""
