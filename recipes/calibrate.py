r"""Calibrates the constant C of NormSGD and OSGD-Norm by short trainings.

    python recipes/calibrate.py --workdir=runs/calibration \
        --scales=0.01,0.03,0.1,0.3,0.5 -- \
        --flagfile=recipes/flags/wan2020/width_resnet42_normsgd.flags \
        --train_split=train[:5000] --epochs=8

Flags after `--` are those of train.py for the row of a table; those of the
combiner are set by this recipe. It trains once with each combiner, scale and
seed, prints the losses and errors, and chooses the scale with the lowest mean
error of the stages on the evaluation split. A training that diverges is no
choice, and neither are trainings at chance. The same command goes on where it
was stopped, and repeats no finished training.

`calibration.json` in the work folder has the choice and all runs, and a flag
file for each combiner sets what was chosen:

    keras-anytime-train \
        --flagfile=recipes/flags/wan2020/width_resnet42_normsgd.flags \
        --flagfile=runs/calibration/normalized.flags --workdir=runs/normsgd
"""

from absl import app

from keras_anytime.commands import process
from keras_anytime.experiments import command_line
from keras_anytime.experiments.queue_settings import CalibrationSettings

command_line.define_flags(CalibrationSettings)


def main(argv):
    settings = command_line.read_settings(CalibrationSettings)
    with (
        process.errors_in_one_line(ValueError, OSError, RuntimeError),
        process.stopped_by_user("The same command goes on from there."),
    ):
        settings.check()
        # Keras is imported after the flags are checked: it takes seconds.
        from keras_anytime.experiments.calibrate import calibrate

        calibrate(settings, argv[1:])


if __name__ == "__main__":
    app.run(main)
