"""The two ways to run an exported network: LiteRT and TensorFlow.

Each is imported when a file of its kind is opened, and not before.
"""

import pathlib
from collections.abc import Callable

import numpy as np

Program = Callable[[dict], dict]


class LoadError(ValueError):
    """An exported file cannot be opened."""


def load_programs(kind: str, path: pathlib.Path, names, num_threads=None):
    """Returns the programs of an exported network, by signature name.

    Args:
        kind: `"tflite"` or `"saved_model"`, as the manifest says.
        path: The file or folder.
        names: The signatures to open.
        num_threads: Integer, the threads of LiteRT, or `None` for its choice.

    Returns:
        Dict from names to functions from a dict of arrays to a dict of
        arrays. They must be called by one thread at a time.

    Raises:
        LoadError: If the file cannot be opened or lacks a signature.
        ImportError: If the library that runs it is missing.
    """
    loaders = {"tflite": _load_tflite, "saved_model": _load_saved_model}
    if kind not in loaders:
        raise LoadError(
            f"This version runs exports of kind {sorted(loaders)}. "
            f"Received: {kind!r} in {str(path)!r}"
        )
    try:
        available, wrap = loaders[kind](path, num_threads)
    except ImportError:
        raise
    except Exception as error:
        raise LoadError(
            f"{str(path)!r} cannot be opened ({type(error).__name__}); it is "
            "damaged, or no file of this kind."
        ) from error
    missing = sorted(set(names) - set(available))
    if missing:
        raise LoadError(f"{str(path)!r} lacks the signatures {missing}.")
    return {name: wrap(name) for name in names}


def _load_tflite(path, num_threads):
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as error:
        raise ImportError(
            "Running a .tflite file needs LiteRT: "
            "pip install 'keras-anytime[device]'"
        ) from error
    interpreter = Interpreter(model_path=str(path), num_threads=num_threads)

    def wrap(name) -> Program:
        runner = interpreter.get_signature_runner(name)
        return lambda inputs: runner(**inputs)

    return interpreter.get_signature_list(), wrap


def _load_saved_model(path, num_threads):
    del num_threads  # TensorFlow shares one pool of threads per process.
    try:
        import tensorflow as tf
    except ImportError as error:
        raise ImportError(
            "Running a SavedModel needs TensorFlow: "
            "pip install 'keras-anytime[tensorflow]'"
        ) from error
    loaded = tf.saved_model.load(str(path))

    def wrap(name) -> Program:
        def run(inputs):
            # By way of `loaded`: a signature alone does not keep the variables
            # that it reads alive.
            outputs = loaded.signatures[name](
                **{key: tf.constant(value) for key, value in inputs.items()}
            )
            return {key: np.asarray(value) for key, value in outputs.items()}

        return run

    return list(loaded.signatures), wrap
