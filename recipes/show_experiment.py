r"""Lists the tables and figures of the papers, their rows, and flag files.

    python recipes/show_experiment.py
    python recipes/show_experiment.py --experiment=hu2019_table1
    python recipes/show_experiment.py --row=wan2020_width_resnet42_osgd \
        > my.flags

The first command lists all experiments, the second one the trainings of an
experiment, with the paper's numbers. The third one prints the flag file of a
training, for `recipes/train.py --flagfile=my.flags`.
"""

from absl import app

from keras_anytime.commands import process
from keras_anytime.experiments import command_line
from keras_anytime.experiments.queue_settings import ShowSettings

command_line.define_flags(ShowSettings)


def main(argv):
    settings = command_line.read_settings(ShowSettings, argv[1:])
    # Keras is imported after the flags are read, because it takes seconds.
    from keras_anytime.experiments.papers.text import show

    with process.errors_in_one_line(ValueError):
        print(show(settings))


if __name__ == "__main__":
    app.run(main)
