r"""Times a training step of each combiner beside plain `Sum`, as ratios.

All networks are trained in one process, in turn, so that what else the machine
does falls on all alike. Medians over the rounds are printed and their ratios
to `Sum`.

    python tools/benchmark_training.py --filters=16,32,64 --repetitions=9
"""

import statistics
import sys
import time

from absl import app
from absl import flags

FLAGS = flags.FLAGS
flags.DEFINE_integer("batch_size", 64, "Images per step.", lower_bound=1)
flags.DEFINE_integer("image_size", 32, "Height and width.", lower_bound=8)
flags.DEFINE_list("filters", ["16", "32", "64"], "Full width of each block.")
flags.DEFINE_list("units", ["3", "3", "3"], "Residual units of each block.")
flags.DEFINE_string("nesting", "w1-w2-w4", "Widths of the stages.")
flags.DEFINE_integer("repetitions", 9, "Rounds measured.", lower_bound=1)
flags.DEFINE_integer("steps", 3, "Steps of a network a round.", lower_bound=1)


def main(argv):
    if len(argv) > 1:
        raise app.UsageError(f"Unexpected arguments: {argv[1:]}")
    import keras
    import numpy as np

    import keras_anytime as ka

    rng = np.random.default_rng(0)
    shape = (FLAGS.image_size, FLAGS.image_size, 3)
    images = rng.standard_normal((FLAGS.batch_size, *shape), "float32")
    labels = rng.integers(0, 10, FLAGS.batch_size)

    try:
        units = [int(count) for count in FLAGS.units]
        filters = [int(width) for width in FLAGS.filters]
        ka.nets.width_nested_resnet(
            shape, 10, nesting=FLAGS.nesting, units=units, filters=filters
        )
    except ValueError as error:
        sys.exit(f"benchmark_training.py: {error}")

    models = {}
    for name in ["sum", *(n for n in ka.gradients.names() if n != "sum")]:
        models[name] = ka.nets.width_nested_resnet(
            shape,
            10,
            nesting=FLAGS.nesting,
            units=units,
            filters=filters,
        )
        models[name].compile(
            keras.optimizers.SGD(0.01, momentum=0.9),
            loss="sparse_categorical_crossentropy",
            gradients=name,
        )
        models[name].train_on_batch(images, labels)

    seconds = {name: [] for name in models}
    for _ in range(FLAGS.repetitions):
        for name, model in models.items():
            start = time.perf_counter()
            for _ in range(FLAGS.steps):
                model.train_on_batch(images, labels)
            seconds[name].append((time.perf_counter() - start) / FLAGS.steps)

    base = statistics.median(seconds["sum"])
    print(f"{'gradients':12} {'ms/step':>9} {'/ sum':>6}  spread of / sum")
    for name, values in seconds.items():
        ratios = sorted(
            one / reference
            for one, reference in zip(values, seconds["sum"], strict=True)
        )
        median = statistics.median(values)
        print(
            f"{name:12} {1e3 * median:9.1f} {median / base:6.2f}  "
            f"{ratios[0]:.2f} to {ratios[-1]:.2f}"
        )


if __name__ == "__main__":
    app.run(main)
