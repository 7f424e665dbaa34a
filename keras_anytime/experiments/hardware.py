"""The precision and the devices that a training computes with."""

import contextlib
from collections.abc import Iterator

import keras

from keras_anytime import backend
from keras_anytime.evaluation.provenance import accelerators
from keras_anytime.experiments.train_settings import TrainSettings
from keras_anytime.experiments.training_data import TrainingData
from keras_anytime.progress import counted
from keras_anytime.training.inputs import check_batch_sizes


def check_devices(settings: TrainSettings) -> None:
    """Raises a `ValueError` if there are fewer devices than are wanted."""
    # Looking for devices takes time, and one is always there.
    if settings.devices > 1 and settings.devices > len(backend.devices()):
        raise ValueError(
            "--devices is more than this machine has: "
            f"{counted(len(backend.devices()), 'device')} "
            f"({', '.join(backend.devices())}). "
            f"Received: --devices={settings.devices}"
        )


def check_batches(settings: TrainSettings, data: TrainingData) -> None:
    """Raises a `ValueError` if the devices cannot share a batch evenly.

    Args:
        settings: The settings of the training.
        data: The `TrainingData`, of which training uses two splits.
    """
    if settings.devices == 1:
        return
    for name in ("train", "eval"):
        check_batch_sizes(
            getattr(data, name), settings.batch_size, f"--{name}_split"
        )


@contextlib.contextmanager
def hardware(
    settings: TrainSettings, model: keras.Model | None = None
) -> Iterator[None]:
    """A context in which models compute with the precision and the devices.

    Args:
        settings: The settings of the training.
        model: The model to train, or `None` where it is to be built and
            compiled.

    Yields:
        Nothing.
    """
    before = keras.mixed_precision.dtype_policy()
    with backend.data_parallel(settings.devices, model):
        try:
            if settings.mixed_precision != "none":
                keras.mixed_precision.set_dtype_policy(
                    f"mixed_{settings.mixed_precision}"
                )
            yield
        finally:
            keras.mixed_precision.set_dtype_policy(before)


def network_arguments(settings: TrainSettings) -> dict[str, bool]:
    """Returns the arguments of a network's builder that several devices need.

    With batch statistics over all devices, the weights are those of one. JAX
    always has them.

    Args:
        settings: The settings of the training.
    """
    if settings.devices == 1 or keras.backend.backend() != "tensorflow":
        return {}
    return {"synchronized": True}


def describe_hardware(settings: TrainSettings) -> str:
    """Returns devices and precision in words."""
    names = accelerators()[: settings.devices]
    devices = ", ".join(names) or "the CPU"
    if settings.devices > len(names) and settings.devices > 1:
        devices = f"{settings.devices} devices of {devices}"
    precision = {"none": "float32"}.get(
        settings.mixed_precision, f"mixed {settings.mixed_precision}"
    )
    return f"{devices} in {precision}"
