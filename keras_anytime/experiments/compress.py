"""The compression of a trained network by fine-tuning."""

import pathlib
import tempfile

import keras

from keras_anytime import data
from keras_anytime import export
from keras_anytime.experiments.compress_settings import CompressSettings
from keras_anytime.experiments.model_file import data_arguments
from keras_anytime.files import atomic_write
from keras_anytime.files import check_writable
from keras_anytime.loading import load_model
from keras_anytime.training.data_info import remember


def compress(settings: CompressSettings) -> None:
    """Fine-tunes a network to a smaller file, and prints the sizes of both.

    Args:
        settings: The settings of the compression.

    Raises:
        ValueError: If a setting is wrong, or data and network do not match.
        ImportError: If a package is missing.
        OSError: If a file cannot be read or written.
        FloatingPointError: If the weights are no longer finite.
    """
    _check(settings)
    options: dict[str, float] = {"epochs": settings.epochs}
    if settings.learning_rate is not None:
        options["learning_rate"] = settings.learning_rate
    if settings.method == "prune":
        options["sparsity"] = settings.sparsity
    if settings.method == "cluster":
        options["clusters"] = settings.clusters
    model = load_model(settings.model)
    if settings.data:
        info = data.info(
            settings.data,
            settings.data_dir,
            download=settings.download,
            **data_arguments(
                model, settings.data, settings.data_dir, settings.download
            ),
        )
        remember(model, info)
    name = (model.data_info or {}).get("name")
    if name is None:
        raise ValueError("Images to train on are needed: give --data.")
    train_data, *_ = data.load(
        name,
        batch_size=settings.batch_size,
        splits=settings.train_split and (settings.train_split,),
        data_dir=settings.data_dir,
        download=settings.download,
        **data_arguments(model, name, settings.data_dir, settings.download),
    )
    method = getattr(export, settings.method)
    compressed = method(model, train_data, **options)
    atomic_write(settings.output, compressed.save)
    for name, network in (("before", model), ("after", compressed)):
        sizes = _exported_sizes(network)
        print(
            f"Float .tflite {name}: {sizes.raw} bytes, "
            f"{sizes.compressed} compressed"
        )
    print(f"Written: {settings.output}")


def _check(settings: CompressSettings) -> None:
    """Raises an error if a setting is wrong or the output cannot be written."""
    if not settings.output.endswith(".keras"):
        raise ValueError(
            f"--output must end in .keras. Received: {settings.output}"
        )
    if not 0 < settings.sparsity < 1:
        raise ValueError(
            f"--sparsity must be between 0 and 1. Received: {settings.sparsity}"
        )
    check_writable(settings.output)


def _exported_sizes(model: keras.Model) -> export.FileSizes:
    """Returns the sizes of a network's float `.tflite` file."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "network.tflite"
        export.tflite(model, path, verbose=False)
        return export.file_sizes(path)
