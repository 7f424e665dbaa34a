"""The programs of an export: steps and subnetworks as models and functions."""

import contextlib
import logging
import os
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence

import keras
import tensorflow as tf

from keras_anytime.backend.types import Tensor
from keras_anytime.manifest.manifest import Signature
from keras_anytime.manifest.manifest import TensorSpec
from keras_anytime.stages import graph
from keras_anytime.stages import outputs as outputs_lib


def stage_programs(
    model: keras.Model, stages: Sequence[int], subnets: bool = True
) -> dict[str, keras.Model]:
    """Returns the programs of a network by the names of their signatures.

    Args:
        model: An `AnytimeModel` of the exported stages alone, in the form of
            `rebuild.exportable`.
        stages: Sequence of integers, the stages' numbers in the signatures.
        subnets: Boolean. Whether the subnetworks are among the programs.

    Returns:
        Dict from `step_k` and `subnet_k` of each stage k to `keras.Model`s
        from dicts to dicts of tensors. A model that is not interruptible has
        no steps.
    """
    programs: dict[str, keras.Model] = {}
    if model.interruptible:
        for k, stage in enumerate(stages, start=1):
            programs[f"step_{stage}"] = model.step(k)
    if subnets:
        answers = model.by_stage(model.outputs)
        for stage, answer in zip(stages, answers, strict=True):
            programs[f"subnet_{stage}"] = _subnetwork(model, answer)
    return programs


def signature_of(program: keras.Model, batch_size: int | None) -> Signature:
    """Returns the inputs and outputs of a program.

    Args:
        program: A `keras.Model` as from `stage_programs`.
        batch_size: Integer, or `None` for batches of any size.
    """
    return Signature(
        inputs=_specs(program.input, batch_size),
        outputs=_specs(program.output, batch_size),
    )


def write_saved_model(
    programs: Mapping[str, keras.Model],
    folder: str | os.PathLike,
    batch_size: int | None,
) -> None:
    """Writes programs as one SavedModel that holds each variable once.

    Args:
        programs: Dict from signature names to models, as from
            `stage_programs`.
        folder: Path to write to.
        batch_size: Integer, or `None` for batches of any size.
    """
    archive = keras.export.ExportArchive()
    for name, program in programs.items():
        archive.add_endpoint(
            name,
            _function(program),
            input_signature=[
                {
                    key: tf.TensorSpec(
                        (batch_size, *tensor.shape[1:]), tensor.dtype, name=key
                    )
                    for key, tensor in program.input.items()
                }
            ],
        )
    with without_notices():
        archive.write_out(str(folder), verbose=False)


@contextlib.contextmanager
def without_notices() -> Iterator[None]:
    """A context in which TensorFlow's logger keeps notices to itself.

    In notebooks, TensorFlow reports each file that it writes, temporary ones
    too.
    """
    logger = tf.get_logger()
    level = logger.level
    logger.setLevel(max(level, logging.WARNING))
    try:
        yield
    finally:
        logger.setLevel(level)


def _subnetwork(
    model: keras.Model, answer: Tensor | dict[str, Tensor]
) -> keras.Model:
    """Returns the subnetwork of an answer, from the inputs that it reads."""
    answer = outputs_lib.named_logits(answer)
    read = {
        id(tensor)
        for operation in graph.subnetwork_operations(model.inputs, answer)
        for tensor in graph.tensors_read(model, operation)
    }
    inputs = {
        name: tensor
        for name, tensor in model.feature_inputs.items()
        if id(tensor) in read
    }
    if any(tensor.name != name for name, tensor in inputs.items()):
        # Keras requires that inputs have the names of the keys, and layers
        # keep their names. So the layers are called on new inputs.
        alone = keras.Model(list(inputs.values()), answer)
        inputs = {
            name: keras.Input(
                batch_shape=tensor.shape, dtype=tensor.dtype, name=name
            )
            for name, tensor in inputs.items()
        }
        answer = keras.models.clone_model(
            alone,
            list(inputs.values()),
            clone_function=lambda operation: operation,
        ).output
    return keras.Model(inputs, answer)


def _function(program: keras.Model) -> Callable[..., dict[str, Tensor]]:
    # A plain function, because an endpoint on the model itself would write
    # each variable a second time.
    return lambda inputs: program(inputs, training=False)


def _specs(
    tensors: Mapping[str, Tensor], batch_size: int | None
) -> tuple[TensorSpec, ...]:
    return tuple(
        TensorSpec(name, (batch_size, *tensor.shape[1:]), tensor.dtype)
        for name, tensor in tensors.items()
    )
