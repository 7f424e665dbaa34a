r"""Fine-tunes a trained network to a smaller file, and prints the sizes.

Run it on what `keras-anytime-train` left:

    python tools/compress.py --model=runs/x/model.keras \
        --output=runs/x/pruned.keras --method=prune \
        --train_split=train[:45000] --sparsity=0.5
"""

from absl import app

from keras_anytime.commands import process
from keras_anytime.experiments import command_line
from keras_anytime.experiments.compress_settings import CompressSettings

command_line.define_flags(CompressSettings)


def main(argv):
    settings = command_line.read_settings(CompressSettings, argv[1:])
    # Keras is imported after the flags are read, because it takes seconds.
    from keras_anytime.experiments.compress import compress

    with process.errors_in_one_line(
        ValueError, ImportError, OSError, FloatingPointError
    ):
        compress(settings)


if __name__ == "__main__":
    app.run(main)
