r"""Trains an anytime network and measures it; resumes if it was stopped.

    keras-anytime-train --data=cifar10 --workdir=runs/cifar10 \
        --train_split=train[:45000] --eval_split=train[45000:]

    keras-anytime-train \
        --flagfile=recipes/flags/wan2020/width_resnet42_osgd.flags \
        --workdir=runs/osgd

A flag after a flag file overrides the same flag in the file.

While training runs, the work folder gets the latest checkpoint in
`checkpoints/`; the metrics of each epoch in `history.csv` (with --greedy or
--midfeat, one file for each part); and the loss weights and the cosines of
gradients in `weights.csv` and `cosines.csv`. At the end it gets `model.keras`,
`curve.csv`, `curve.json`, `curve.png` and `results.json`; with --test_split
also `test_curve.csv` and `test_curve.json`. When a run was stopped, the same
command goes on from its last checkpoint, and ends with the same weights as a
run that was not stopped.
"""

from keras_anytime.commands.process import errors_in_one_line
from keras_anytime.commands.process import started
from keras_anytime.commands.process import stopped_by_user
from keras_anytime.experiments.run_folder import RunFolder
from keras_anytime.experiments.train_settings import TrainSettings


def main() -> None:
    """Runs the command."""
    with started():
        from keras_anytime.experiments import command_line

        command_line.run(TrainSettings, train, __doc__)


def train(settings: TrainSettings) -> None:
    """Trains; ends the process with one line where the user can help."""
    folder = RunFolder(settings.workdir)
    with stopped_by_user(
        "The same command goes on after the last epoch that has a checkpoint "
        f"in {folder.checkpoints}."
    ):
        # Keras is imported after the flags are read, because it takes seconds.
        from keras_anytime.callbacks import ChanceError
        from keras_anytime.experiments.train import prepare
        from keras_anytime.experiments.training_data import named_damage
        from keras_anytime.files import ContentError

        with errors_in_one_line(ValueError, ImportError, OSError):
            training = prepare(settings)
        with (
            errors_in_one_line(
                ChanceError, FloatingPointError, ContentError, OSError
            ),
            named_damage(),
        ):
            training.run()
    print(f"Results, model and curve are in {folder.path}.")
