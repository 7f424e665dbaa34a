"""The two ways to run an exported network: LiteRT and TensorFlow.

Each is imported when a file of its kind is opened, and not before.
"""

import functools
import pathlib
from collections.abc import Callable
from collections.abc import Sequence

import numpy as np

from keras_anytime.manifest.manifest import Manifest
from keras_anytime.manifest.values import short_repr

Program = Callable[[dict], dict]


class LoadError(ValueError):
    """An exported file cannot be opened."""


def load_programs(
    manifest: Manifest,
    path: pathlib.Path,
    num_threads: int | None = None,
    names: Sequence[str] | None = None,
    content: bytes | None = None,
) -> dict[str, Program]:
    """Returns programs of an exported file, by signature name.

    Args:
        manifest: The file's manifest.
        path: The file or folder.
        num_threads: Integer, the threads of LiteRT, or `None` for its choice.
        names: Sequence of strings, signatures of the manifest; `None` for
            those that answer stage after stage.
        content: Bytes of a `.tflite` file. `None` maps it into memory, where
            it has to stay as it is: a change is a wrong answer, or ends the
            process.

    Returns:
        Dict from names to functions from a dict of arrays to a dict of
        arrays, batches of any size. They must be called by one thread at a
        time.

    Raises:
        LoadError: If the file cannot be opened, or has other signatures than
            the manifest says.
        ImportError: If the library that runs it is missing.
    """
    loaders = {"tflite": _load_tflite, "saved_model": _load_saved_model}
    kind = manifest.kind
    if kind not in loaders:
        raise LoadError(
            f"This version runs exports of kind {sorted(loaders)}. "
            f"Received: {short_repr(kind)} in {str(path)!r}"
        )
    try:
        available, wrap = loaders[kind](path, num_threads, content)
    except ImportError:
        raise
    except Exception as error:
        raise LoadError(
            f"{str(path)!r} cannot be opened ({type(error).__name__}); it is "
            "damaged, or no file of this kind."
        ) from error
    names = manifest.program_names if names is None else names
    missing = sorted(set(names) - set(available))
    if missing:
        raise LoadError(f"{str(path)!r} lacks the signatures {missing}.")
    for name in names:
        _check(name, available[name](), manifest.signatures[name], path)
    programs = {name: wrap(name) for name in names}
    if manifest.resizable:
        return programs
    return {
        name: _in_batches(program, manifest.signatures[name].inputs[0].shape[0])
        for name, program in programs.items()
    }


def _in_batches(program, size) -> Program:
    """Returns a program of a fixed batch size as one for any number of images.

    Args:
        program: The program.
        size: Integer, its batch size, or `None` for one of any already.
    """
    if size is None:
        return program

    def run(inputs):
        count = len(next(iter(inputs.values())))
        if count == size:
            return program(inputs)
        parts = [
            program(
                {
                    name: _filled(array[start : start + size], size)
                    for name, array in inputs.items()
                }
            )
            for start in range(0, count, size)
        ]
        return {
            name: np.concatenate([part[name] for part in parts])[:count]
            for name in parts[0]
        }

    return run


def _filled(array, size):
    """Returns so many rows, the last one again and again where some lack."""
    missing = size - len(array)
    if not missing:
        return array
    return np.concatenate([array, np.repeat(array[-1:], missing, axis=0)])


def _check(name, found, signature, path):
    """Raises a `LoadError` if a signature is not as the manifest says."""
    for specs, details in zip(
        (signature.inputs, signature.outputs), found, strict=True
    ):
        wanted = {spec.name: (spec.shape, spec.dtype) for spec in specs}
        odd = sorted(
            name
            for name in {*wanted, *details}
            if name not in wanted
            or name not in details
            or not _fits(*wanted[name], *details[name])
        )
        if odd:
            raise LoadError(
                f"{str(path)!r} is not the file of its manifest: in the "
                f"signature {name} they differ in {short_repr(odd)}. Export it "
                "again."
            )


def _fits(shape, dtype, found_shape, found_dtype):
    """Whether a tensor is as the manifest says, which may leave sizes open.

    A LiteRT file of any batch size says that it is 1, and TensorFlow does not
    always know that of what it returns.
    """
    return (
        dtype == found_dtype
        and shape[1:] == found_shape[1:]
        and (shape[0] == found_shape[0] or None in (shape[0], found_shape[0]))
    )


def _load_tflite(path, num_threads, content):
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as error:
        raise ImportError(
            "Running a .tflite file needs LiteRT: "
            "pip install 'keras-anytime[device]'"
        ) from error
    interpreter = Interpreter(
        model_path=str(path) if content is None else None,
        model_content=content,
        num_threads=num_threads,
    )

    def wrap(name) -> Program:
        runner = interpreter.get_signature_runner(name)
        return lambda inputs: runner(**inputs)

    def describe(name):
        runner = interpreter.get_signature_runner(name)
        return [
            {
                key: (
                    tuple(int(size) for size in one["shape"]),
                    np.dtype(one["dtype"]).name,
                )
                for key, one in details.items()
            }
            for details in (
                runner.get_input_details(),
                runner.get_output_details(),
            )
        ]

    names = interpreter.get_signature_list()
    return {one: functools.partial(describe, one) for one in names}, wrap


def _load_saved_model(path, num_threads, content):
    # TensorFlow shares one pool of threads per process, and reads a folder.
    del num_threads, content
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

    def describe(name):
        function = loaded.signatures[name]
        return [
            {
                key: (tuple(one.shape), one.dtype.name)
                for key, one in specs.items()
            }
            for specs in (
                function.structured_input_signature[1],
                function.structured_outputs,
            )
        ]

    names = loaded.signatures
    return {one: functools.partial(describe, one) for one in names}, wrap
