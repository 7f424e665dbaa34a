r"""Lists the named networks with the costs of their stages.

    python tools/list_networks.py
    python tools/list_networks.py --names=width_resnet42,msdnet_7 --first_step \
        --csv=runs/networks.csv

Multiply-adds (MACs) and parameters are those of the first and the last stage.
Seconds are wall-clock: to build the network and, with `--first_step`, from
`fit` to the end of the first OSGD step, tracing included. `weights` are those
that ship with the package, for `ka.nets.get(name, weights=...)`.
"""

from absl import app
from absl import flags

from keras_anytime.commands import process
from keras_anytime.experiments import command_line

FLAGS = flags.FLAGS
flags.DEFINE_list("names", [], "Names of the networks to list; all, if empty.")
flags.DEFINE_bool(
    "first_step", False, "Measure the time to the end of the first OSGD step."
)
flags.DEFINE_integer(
    "batch_size", 64, "Images in the step of --first_step.", lower_bound=1
)
flags.DEFINE_string("csv", None, "CSV file to write the table to.")


def main(argv):
    command_line.refuse(argv[1:])
    # Keras is imported after the flags are read, because it takes seconds.
    from keras_anytime.experiments.network_list import NetworkList

    with process.errors_in_one_line(ValueError, OSError):
        networks = NetworkList(FLAGS.names, FLAGS.csv)
    networks.print(FLAGS.first_step, FLAGS.batch_size)


if __name__ == "__main__":
    app.run(main)
