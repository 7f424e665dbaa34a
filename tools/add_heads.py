"""Makes an anytime network of a saved Keras model.

    python tools/add_heads.py --model=my.keras --classes=10 --at=0.25,0.5 \
        --output=anytime.keras

`--at` takes shares of the multiply-adds, at which the nearest cut is taken, or
names of layers. `--cuts=cuts.csv` writes the table of all cuts.
"""

from keras_anytime.commands import process
from keras_anytime.experiments import command_line
from keras_anytime.experiments.conversion_settings import ConversionSettings


def _convert(settings):
    # Keras is imported after the flags are read, because it takes seconds.
    from keras_anytime.experiments.conversion import convert_model

    with process.errors_in_one_line(ValueError, OSError, FloatingPointError):
        convert_model(settings)


if __name__ == "__main__":
    command_line.run(ConversionSettings, _convert, __doc__)
