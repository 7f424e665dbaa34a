"""The backends that run exported networks: LiteRT and TensorFlow.

Each is imported when a file of its kind is opened, and not before.
"""

import functools
import pathlib
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_anytime.manifest.manifest import Manifest
from keras_anytime.manifest.manifest import Signature
from keras_anytime.manifest.values import short_repr

#: A function from a dict of input arrays to a dict of output arrays.
Program = Callable[[dict[str, Any]], dict[str, Any]]
#: Shape and dtype of each tensor, of the inputs and of the outputs.
TensorDetails = dict[str, tuple[tuple[int | None, ...], str]]


class LoadError(ValueError):
    """An exported file cannot be opened."""


def load_programs(
    manifest: Manifest,
    path: pathlib.Path,
    num_threads: int | None = None,
    names: Sequence[str] | None = None,
    content: bytes | None = None,
) -> dict[str, Program]:
    """Returns the programs of an exported file by signature name.

    Args:
        manifest: The file's manifest.
        path: Path of the file or folder.
        num_threads: Integer. The threads of LiteRT, or `None` for its choice.
        names: Sequence of strings. The wanted signatures of the manifest;
            `None` means those that answer stage after stage.
        content: Bytes of a `.tflite` file. `None` maps the file into memory.
            A mapped file must not change: otherwise answers are wrong, or the
            process ends.

    Returns:
        Dict from names to functions from a dict of arrays to a dict of
        arrays, with batches of any size. Only one thread at a time may call
        them.

    Raises:
        LoadError: If the file cannot be opened, or its signatures differ from
            the manifest.
        ImportError: If the library that runs the file is missing.
    """
    loaders = {"tflite": _load_tflite, "saved_model": _load_saved_model}
    kind = manifest.kind
    if kind not in loaders:
        raise LoadError(
            f"This version can run exports of kind {sorted(loaders)}. "
            f"Received: {short_repr(kind)} in {str(path)!r}"
        )
    try:
        available, wrap = loaders[kind](path, num_threads, content)
    except ImportError:
        raise
    except Exception as error:
        raise LoadError(
            f"{str(path)!r} cannot be opened ({type(error).__name__}); it is "
            "damaged, or is not a file of this kind."
        ) from error
    names = manifest.program_names if names is None else names
    missing = sorted(set(names) - set(available))
    if missing:
        raise LoadError(f"{str(path)!r} lacks the signatures {missing}.")
    for name in names:
        _check_signature(
            name, available[name](), manifest.signatures[name], path
        )
    programs = {name: wrap(name) for name in names}
    if manifest.resizable:
        return programs
    return {
        name: _accept_any_batch(
            program, manifest.signatures[name].inputs[0].shape[0]
        )
        for name, program in programs.items()
    }


def _accept_any_batch(program: Program, size: int | None) -> Program:
    """Wraps a program of a fixed batch size, so that it takes any batch.

    Args:
        program: The program.
        size: Integer. Its batch size, or `None` if it takes any batch already.
    """
    if size is None:
        return program

    def run(inputs: dict[str, Any]) -> dict[str, Any]:
        count = len(next(iter(inputs.values())))
        if count == size:
            return program(inputs)
        parts = [
            program(
                {
                    name: _pad_batch(array[start : start + size], size)
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


def _pad_batch(array: np.ndarray, size: int) -> np.ndarray:
    """Returns `size` rows, repeating the last row if some are missing."""
    missing = size - len(array)
    if not missing:
        return array
    return np.concatenate([array, np.repeat(array[-1:], missing, axis=0)])


def _check_signature(
    name: str,
    actual: Sequence[TensorDetails],
    signature: Signature,
    path: pathlib.Path,
) -> None:
    """Raises a `LoadError` if a signature differs from the manifest."""
    for specs, details in zip(
        (signature.inputs, signature.outputs), actual, strict=True
    ):
        wanted = {spec.name: (spec.shape, spec.dtype) for spec in specs}
        different = sorted(
            tensor
            for tensor in {*wanted, *details}
            if tensor not in wanted
            or tensor not in details
            or not _matches(*wanted[tensor], *details[tensor])
        )
        if different:
            raise LoadError(
                f"{str(path)!r} is not the file of its manifest: in the "
                f"signature {name} they differ in {short_repr(different)}. "
                "Export it again."
            )


def _matches(
    shape: tuple[int | None, ...],
    dtype: str,
    actual_shape: tuple[int | None, ...],
    actual_dtype: str,
) -> bool:
    """Tells if a tensor has the shape and dtype of the manifest.

    Either batch size may be open: a LiteRT file for any batch size states 1,
    and TensorFlow does not always know the batch size of an output.
    """
    return (
        dtype == actual_dtype
        and shape[1:] == actual_shape[1:]
        and (shape[0] == actual_shape[0] or None in (shape[0], actual_shape[0]))
    )


#: Functions that describe each signature, and one that wraps a signature.
_Loaded = tuple[
    dict[str, Callable[[], list[TensorDetails]]], Callable[[str], Program]
]


def _load_tflite(
    path: pathlib.Path, num_threads: int | None, content: bytes | None
) -> _Loaded:
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

    def wrap(name: str) -> Program:
        runner = interpreter.get_signature_runner(name)
        return lambda inputs: runner(**inputs)

    def describe(name: str) -> list[TensorDetails]:
        runner = interpreter.get_signature_runner(name)
        return [
            {
                key: (
                    tuple(int(size) for size in detail["shape"]),
                    np.dtype(detail["dtype"]).name,
                )
                for key, detail in details.items()
            }
            for details in (
                runner.get_input_details(),
                runner.get_output_details(),
            )
        ]

    names = interpreter.get_signature_list()
    return {name: functools.partial(describe, name) for name in names}, wrap


def _load_saved_model(
    path: pathlib.Path, num_threads: int | None, content: bytes | None
) -> _Loaded:
    # TensorFlow has one pool of threads per process, and reads a folder.
    del num_threads, content
    try:
        import tensorflow as tf
    except ImportError as error:
        raise ImportError(
            "Running a SavedModel needs TensorFlow: "
            "pip install 'keras-anytime[tensorflow]'"
        ) from error
    loaded = tf.saved_model.load(str(path))

    def wrap(name: str) -> Program:
        def run(inputs: dict[str, Any]) -> dict[str, Any]:
            # A signature alone does not keep the variables alive that it
            # reads, so `loaded` is referenced.
            outputs = loaded.signatures[name](
                **{key: tf.constant(value) for key, value in inputs.items()}
            )
            return {key: np.asarray(value) for key, value in outputs.items()}

        return run

    def describe(name: str) -> list[TensorDetails]:
        function = loaded.signatures[name]
        return [
            {
                key: (tuple(spec.shape), spec.dtype.name)
                for key, spec in specs.items()
            }
            for specs in (
                function.structured_input_signature[1],
                function.structured_outputs,
            )
        ]

    names = loaded.signatures
    return {name: functools.partial(describe, name) for name in names}, wrap
