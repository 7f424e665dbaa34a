"""The one idea: a stage is a subgraph of a Keras graph."""
