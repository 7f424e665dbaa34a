r"""Lists the papers' networks: what they are, and what their stages cost.

    python tools/list_networks.py
    python tools/list_networks.py --names=width_resnet42,msdnet_7 --first_step \
        --csv=runs/networks.csv

Multiply-adds (MACs) and parameters are those of the first and the last stage.
Seconds are wall-clock: to build the network and, with `--first_step`, from
`fit` to the end of the first OSGD step, tracing included.
"""

import gc
import sys
import time

from absl import app
from absl import flags

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
    if len(argv) > 1:
        raise app.UsageError(f"Unexpected arguments: {argv[1:]}")
    import keras_anytime as ka
    from keras_anytime.evaluation.csv_files import write_csv
    from keras_anytime.files import check_writable
    from keras_anytime.nets import catalogue

    try:
        if FLAGS.csv:
            check_writable(FLAGS.csv)
        names = [catalogue.canonical_name(one) for one in FLAGS.names]
    except (ValueError, OSError) as error:
        sys.exit(f"list_networks.py: {error}")
    rows = []
    for name in names or ka.nets.names():
        rows.append(measure(name))
        if len(rows) == 1:
            print("  ".join(rows[0]))
        print("  ".join(str(value) for value in rows[-1].values()), flush=True)
        if FLAGS.csv:
            write_csv(FLAGS.csv, rows)


def measure(name):
    """Builds a network and returns its row of the table."""
    import keras

    import keras_anytime as ka

    keras.backend.clear_session()
    gc.collect()
    keras.utils.set_random_seed(0)
    start = time.perf_counter()
    model = ka.nets.get(name)
    built = time.perf_counter() - start
    costs = ka.evaluation.stage_costs(model)
    row = {
        "name": name,
        "stages": model.num_stages,
        "layers": len(model.layers),
        "first_mmacs": f"{costs[0].macs / 1e6:.2f}",
        "last_mmacs": f"{costs[-1].macs / 1e6:.2f}",
        "first_parameters": costs[0].parameters,
        "last_parameters": costs[-1].parameters,
        "build_s": f"{built:.1f}",
    }
    if FLAGS.first_step:
        row["first_step_s"] = f"{first_step(model):.1f}"
    return row


def first_step(model):
    """Returns the seconds to the end of the first OSGD step."""
    import keras
    import numpy as np

    model.compile(
        keras.optimizers.SGD(0.1, momentum=0.9),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        gradients="orthogonal",
    )
    rng = np.random.default_rng(0)
    shape = (FLAGS.batch_size, *model.input_shape[1:])
    images = rng.standard_normal(shape, "float32")
    labels = rng.integers(0, model.outputs[0].shape[-1], FLAGS.batch_size)
    start = time.perf_counter()
    model.fit(images, labels, batch_size=FLAGS.batch_size, verbose=0)
    return time.perf_counter() - start


if __name__ == "__main__":
    app.run(main)
