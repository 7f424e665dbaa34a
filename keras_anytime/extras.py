"""The extras of the package: which to install where a package is missing.

The package itself needs NumPy only, because a device has no use for Keras.
"""

_TENSORFLOW = "pip install 'keras-anytime[tensorflow]'"
_JAX = "pip install 'keras-anytime[jax]'"
_EITHER = f"{_TENSORFLOW}, or {_JAX} to train on JAX"
# What to say by the name of the module that cannot be imported.
_ADVICE = {
    "ai_edge_quantizer": f"Exports need it and TensorFlow: {_TENSORFLOW}.",
    "absl": f"Training, evaluation and exports need absl-py: {_EITHER}.",
    "h5py": f"Networks in Keras need h5py: {_EITHER}.",
    "keras": f"Networks and their training need Keras: {_EITHER}.",
    "matplotlib": (
        "Pictures need Matplotlib: pip install 'keras-anytime[plot]'."
    ),
    "sklearn": f"The digits need scikit-learn: {_EITHER}.",
    "jax": f"Keras needs JAX where KERAS_BACKEND=jax is set: {_JAX}.",
    "tensorflow": (
        "Exports need TensorFlow, and so does Keras unless KERAS_BACKEND=jax "
        f"is set: {_TENSORFLOW}, or {_JAX} to train on JAX."
    ),
}


def add_advice(error: ModuleNotFoundError) -> bool:
    """Adds to an error's message which extra brings the missing package.

    Args:
        error: A `ModuleNotFoundError`. Its message stays as it is if no extra
            brings the package, or if it has the advice.

    Returns:
        Boolean. Whether an extra brings the package.
    """
    advice = _ADVICE.get((error.name or "").partition(".")[0])
    text = error.msg or f"No module named {error.name!r}"
    if advice and advice not in text:
        error.msg = f"{text}. {advice}"
    return advice is not None
