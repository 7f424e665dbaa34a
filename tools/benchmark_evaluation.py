r"""What measuring all stages costs, beside `evaluate` of the largest alone.

    python tools/benchmark_evaluation.py --net=width_resnet42 --images=1000

Both run in one process, in turn, so that what else the machine does falls on
both alike. `evaluate` is that of Keras, on the largest stage as a model of its
own, with loss and accuracy; `anytime_curve` has every stage's errors, loss,
calibration and intervals. Times are medians over the rounds; so are ratios,
given with the lowest and highest.
"""

import statistics
import sys

from absl import app
from absl import flags

FLAGS = flags.FLAGS
flags.DEFINE_string(
    "net",
    "width_resnet42",
    "The network: a name that list_networks.py lists, or a builder of ka.nets.",
)
flags.DEFINE_integer("images", 1000, "Images to measure on.", lower_bound=1)
flags.DEFINE_integer("batch_size", 128, "Images per batch.", lower_bound=1)
flags.DEFINE_integer(
    "repetitions", 7, "Rounds that both ways are measured in.", lower_bound=1
)
flags.DEFINE_string("csv", None, "CSV file to write the table to.")


def main(argv):
    if len(argv) > 1:
        raise app.UsageError(f"Unexpected arguments: {argv[1:]}")
    import keras
    import numpy as np

    import keras_anytime as ka
    from keras_anytime.evaluation.csv_files import write_csv
    from keras_anytime.evaluation.tables import as_table
    from keras_anytime.experiments.benchmark import measure_time
    from keras_anytime.files import check_writable

    try:
        if FLAGS.csv:
            check_writable(FLAGS.csv)
        model = ka.nets.get(FLAGS.net)
    except (ValueError, OSError) as error:
        sys.exit(f"benchmark_evaluation.py: {error}")
    rng = np.random.default_rng(0)
    images = rng.standard_normal(
        (FLAGS.images, *model.input_shape[1:]), "float32"
    )
    labels = rng.integers(0, model.outputs[0].shape[-1], FLAGS.images)
    largest = model.stage(model.num_stages)
    largest.compile(
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    seconds = measure_time(
        {
            "evaluate": lambda: largest.evaluate(
                images, labels, batch_size=FLAGS.batch_size, verbose=0
            ),
            "anytime_curve": lambda: ka.evaluation.anytime_curve(
                model, (images, labels), batch_size=FLAGS.batch_size
            ),
        },
        FLAGS.repetitions,
        steps=1,
    )
    rows = []
    for name, times in seconds.items():
        ratios = times / seconds["evaluate"]
        rows.append(
            {
                "row": name,
                "stages": 1 if name == "evaluate" else model.num_stages,
                "seconds": f"{statistics.median(times):.3f}",
                "ratio": f"{statistics.median(ratios):.3f}",
                "lowest": f"{ratios.min():.3f}",
                "highest": f"{ratios.max():.3f}",
            }
        )
    print("\n".join(as_table(rows)))
    if FLAGS.csv:
        write_csv(FLAGS.csv, rows)


if __name__ == "__main__":
    app.run(main)
