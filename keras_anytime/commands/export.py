r"""Exports a trained network as LiteRT files with a signature per step.

Run it on what `keras-anytime-train` left. For a device that is fed pixels, in
float32 and full 8-bit integers, each stage measured on images that were not
trained on:

    keras-anytime-export --model=runs/x/model.keras \
        --output=runs/x/anytime.tflite --data=cifar10 --pixels=true \
        --quantization=float32,int8 --verify \
        --verify_split='train[45000:46000]'
"""

from keras_anytime.commands.process import errors_in_one_line
from keras_anytime.commands.process import started
from keras_anytime.experiments.export_settings import ExportSettings


def main() -> None:
    """Runs the command."""
    with started():
        from keras_anytime.experiments import command_line

        command_line.run(ExportSettings, export, __doc__)


def export(settings: ExportSettings) -> None:
    """Exports; ends the process with one line where the user can help."""
    with errors_in_one_line(
        ValueError, ImportError, OSError, FloatingPointError
    ):
        # Keras is imported after the flags are read, because it takes seconds.
        from keras_anytime.experiments.export import export_tflite

        export_tflite(settings)
