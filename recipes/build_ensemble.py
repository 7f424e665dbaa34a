r"""Builds an EANN from trained networks, and measures it on test data.

    python recipes/build_ensemble.py --output=runs/eann \
        --runs=runs/n7,runs/n13,runs/n25

Each folder is the work folder of a run of `keras-anytime-train`, the smallest
network first. Which answers are used is chosen on the validation data of the
runs, their `--eval_split`, or on `--split`. The ensemble is then measured on
`--test_split`. `--rule=depth` chooses as Hu 2017, Section 3.3, does; the
default is that of Hu 2019, Section 4. `--oracle` names runs of separate
networks, to compare with OPT and OPT+.

The output folder gets `model.keras`, the curve on test data as CSV, JSON and
picture, the curve with costs divided by E[C] (Hu 2017, Figure 2e), tables, and
`report.html`. `keras-anytime-evaluate` and `-export` take it as a run.
"""

from keras_anytime.commands.process import errors_in_one_line
from keras_anytime.commands.process import started
from keras_anytime.experiments.ensemble_settings import EnsembleSettings


def build(settings):
    with errors_in_one_line(
        ValueError, ImportError, OSError, FloatingPointError
    ):
        # Keras is imported after the flags are read, because it takes seconds.
        from keras_anytime.experiments.ensemble import build_ensemble

        build_ensemble(settings)


if __name__ == "__main__":
    with started():
        from keras_anytime.experiments import command_line

        command_line.run(EnsembleSettings, build, __doc__)
