r"""Trains an anytime network, resumes if it was stopped, and measures it.

    python recipes/train.py --data=cifar10 --workdir=runs/cifar10 \
        --train_split=train[:45000] --eval_split=train[45000:]

    python recipes/train.py \
        --flagfile=recipes/flags/wan2020_width_resnet42_osgd.flags \
        --workdir=runs/osgd

Flags after a flag file win over those in it.

The work folder gets `checkpoints/`, the latest one, while training runs, and
`history.csv` (with --greedy one for each stage), `weights.csv` and
`cosines.csv`, how the stages shared the training, and at its end `model.keras`,
`curve.csv`, `curve.json`, `curve.png` and `results.json`. The same command run
again goes on where it was stopped, and ends with the same weights as a run that
never was.
"""

from absl import app

from keras_anytime.experiments import command_line
from keras_anytime.experiments.run_folder import RunFolder
from keras_anytime.experiments.train_settings import TrainSettings

command_line.define_flags(TrainSettings)


def main(argv):
    settings = command_line.read_settings(TrainSettings, argv[1:])
    folder = RunFolder(settings.workdir)
    with command_line.stopped_by_user(
        "The same command goes on after the last epoch that has a checkpoint "
        f"in {folder.checkpoints}."
    ):
        train(settings)
    print(f"Results, model and curve are in {folder.path}.")


def train(settings):
    """Trains; ends the process with one line where the user can help."""
    # Keras is imported after the flags are read, because it takes seconds.
    from keras_anytime.experiments.train import prepare
    from keras_anytime.files import ContentError

    with command_line.errors_in_one_line(ValueError, ImportError, OSError):
        training = prepare(settings)
    with command_line.errors_in_one_line(
        FloatingPointError, ContentError, OSError
    ):
        training.run()


if __name__ == "__main__":
    app.run(main)
