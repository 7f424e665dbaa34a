r"""Evaluates trained networks as the papers do, and writes a report.

    keras-anytime-evaluate --runs=runs/osgd

    keras-anytime-evaluate --output=runs/evaluation \
        --runs=runs/osgd_1,runs/osgd_2,runs/osgd_3 \
        --against=runs/sgd_1,runs/sgd_2,runs/sgd_3 \
        --oracle=runs/w1,runs/w2,runs/w4 --baseline=runs/even

Each folder is the work folder of a run of `keras-anytime-train`. Several
`--runs` are the same training with different seeds; most sections are about the
first. `--oracle` names separate networks, trained with `--oracle_stage=1` and
so on. With them, networks are exported and timed on this machine, to simulate
deadlines.

The output folder gets CSV and JSON files for programs, PNG and SVG pictures,
and `report.html`, a single file with all tables and pictures.
"""

from keras_anytime.commands.process import errors_in_one_line
from keras_anytime.commands.process import started
from keras_anytime.experiments.evaluate_settings import EvaluateSettings


def main() -> None:
    """Runs the command."""
    with started():
        from keras_anytime.experiments import command_line

        command_line.run(EvaluateSettings, evaluate_runs, __doc__)


def evaluate_runs(settings: EvaluateSettings) -> None:
    """Evaluates; ends the process with one line where the user can help."""
    with errors_in_one_line(
        ValueError, ImportError, OSError, FloatingPointError
    ):
        # Keras is imported after the flags are read, because it takes seconds.
        from keras_anytime.experiments.evaluate import evaluate

        evaluate(settings)
