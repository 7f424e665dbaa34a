r"""Collects finished runs: a paper's table beside ours.

    python recipes/collect.py --experiment=hu2019_table1 --workdir=runs/hu2019

reads the run folders `<row>_seed_<seed>` in --workdir that run_queue.py has
filled, and writes `hu2019_table1.md`, `.csv` and `.png` to --output. It can run
at any time: rows without a finished run show the paper's numbers only. Runs
with other settings than the paper's row, such as those of a quick trial, are
marked and named. Errors are means over the seeds, with the standard deviation
in brackets.

With --results, runs are read from the results files of run_queue.py, such as
those in recipes/results. A run that experiments share may be in the file of
another one: several files are given with commas between them.

    python recipes/collect.py --experiment=small_strategies \
        --results=recipes/results/small_strategies.json --output=runs/tables

recipes/show_experiment.py lists the experiments and their rows.
"""

import sys

from absl import app
from absl import flags

from keras_anytime.commands import process

FLAGS = flags.FLAGS
flags.DEFINE_string("experiment", None, "Name of the experiment.")
flags.DEFINE_string("workdir", None, "Folder that holds the run folders.")
flags.DEFINE_list("results", [], "Results files, in place of --workdir.")
flags.DEFINE_string("output", None, "Folder to write to; else --workdir.")


def main(_):
    if not FLAGS.experiment:
        sys.exit("collect.py: --experiment must be given.")
    # Keras is imported after the flags are read, because it takes seconds.
    from keras_anytime.experiments import papers
    from keras_anytime.experiments.collect import collect

    with process.errors_in_one_line(ValueError, ImportError, OSError):
        path = collect(
            papers.find(FLAGS.experiment),
            FLAGS.workdir,
            FLAGS.output,
            FLAGS.results,
        )
        print(path.read_text())
        print(f"Report: {path}")


if __name__ == "__main__":
    app.run(main)
