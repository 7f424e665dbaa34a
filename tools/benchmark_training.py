r"""Step time and peak memory of every way to train, beside plain `Sum`.

    python tools/benchmark_training.py --filters=16,32,64 --csv=runs/cost.csv
    python tools/benchmark_training.py --net=sparse_resnet \
        --nesting=d1-d2-d4-d8 --units=8,8,8 --filters=16,32,64 --all
    python tools/benchmark_training.py --against=jax
    KERAS_BACKEND=jax python tools/benchmark_training.py --net=width_resnet42 \
        --batch_size=128 --peak_tflops=495

All networks are trained in one process, one step each in turn, so that what
else the machine does falls on all alike. The row `single` is the whole network
with its last output only, trained by Keras alone. Times are medians over the
rounds. So are ratios, given with the lowest and highest; they are to `sum`, or
in a row `a / b` that of `a` to `b`. Memory is what a step takes at its peak
above what stays between steps: activations and gradients, not weights; `-`
where the system does not tell.

With --against, the same networks are trained on another backend too, in a
process that waits while this one computes. With --peak_tflops, `of_peak` is the
share of that many floating-point operations that the convolutions and matrix
products of a step make of it: two for each multiply-add forward, and four for
each in the backward passes that the strategy takes. The peak to give is that of
the numbers computed in: GPUs multiply float32 as TF32 (495 on an H100).

On JAX, `train_on_batch` hands all variables in and out at every step, which
`fit` does not: where steps take milliseconds, as small networks' do on a GPU,
the seconds of epochs in `history.csv` of recipes/train.py are the fair ones.
"""

import json
import os
import statistics
import sys

from absl import app
from absl import flags

FLAGS = flags.FLAGS
flags.DEFINE_string(
    "net",
    "width_nested_resnet",
    "The network: a name that list_networks.py lists, or a builder of ka.nets. "
    "The default has --units=3,3,3 and --filters=16,32,64, if not given.",
)
flags.DEFINE_string(
    "nesting",
    None,
    "How the stages grow, such as w1-w2-w4; else as --net has it.",
)
flags.DEFINE_list(
    "units",
    None,
    "Units of each block, such as 3,3,3; else as many as --net has.",
)
flags.DEFINE_list(
    "filters",
    None,
    "Full width of each block, such as 16,32,64; else as wide as --net is.",
)
flags.DEFINE_string(
    "net_arguments",
    "{}",
    "Further arguments of the network's builder, as a JSON object.",
)
flags.DEFINE_integer(
    "image_size",
    None,
    "Height and width of images; else as --net has them.",
    lower_bound=8,
)
flags.DEFINE_integer(
    "batch_size", 64, "Images per training step.", lower_bound=1
)
flags.DEFINE_integer(
    "repetitions", 9, "Rounds that all networks are measured in.", lower_bound=1
)
flags.DEFINE_integer(
    "steps",
    4,
    "Training steps of each network in a round; rounded up to a multiple of "
    "--refresh_every.",
    lower_bound=1,
)
flags.DEFINE_integer(
    "refresh_every",
    4,
    "Training steps that share coefficients in the row with `refreshed`.",
    lower_bound=1,
)
flags.DEFINE_bool(
    "masked", False, "Add a row of OSGD with one masked kernel a layer."
)
flags.DEFINE_bool(
    "batch_norm", False, "Add a row of OSGD with Keras' batch normalization."
)
flags.DEFINE_bool(
    "bound", False, "Add a row of what OSGD has to compute at the least."
)
flags.DEFINE_bool(
    "gram", False, "Add a row of the Gram matrix and the coefficients alone."
)
flags.DEFINE_bool(
    "all",
    False,
    "Add the rows of --masked, --batch_norm, --bound and --gram that the "
    "network can have.",
)
flags.DEFINE_enum(
    "against",
    None,
    ["tensorflow", "jax"],
    "Add rows of the same networks on another backend.",
)
flags.DEFINE_float(
    "peak_tflops",
    None,
    "Operations that the device could do at best, in 10^12 a second, for the "
    "column of_peak.",
    lower_bound=0,
)
flags.DEFINE_bool(
    "serve", False, "Run training steps for another process, unmeasured."
)
flags.DEFINE_string("csv", None, "CSV file to write the table to.")

# Columns of the CSV file, and how they are printed.
COLUMNS = {
    "row": "",
    "ms_per_step": "ms/step",
    "images_per_second": "images/s",
    "share_of_peak": "of_peak",
    "ratio": "ratio",
    "lowest": "lowest",
    "highest": "highest",
    "peak_mib": "peak MiB",
    "peak_ratio": "ratio",
}
COMPARED = (
    ("orthogonal", "bound"),
    ("orthogonal, masked", "orthogonal"),
    ("orthogonal", "orthogonal, Keras' norm"),
    ("gram", "orthogonal"),
)


def main(argv):
    if len(argv) > 1:
        raise app.UsageError(f"Unexpected arguments: {argv[1:]}")
    if FLAGS.against:
        from keras_anytime.experiments.concurrency import SHARING

        os.environ.update(SHARING)
    from keras_anytime.files import check_writable

    try:
        builder, arguments = find_network()
        extras = find_extras(builder)
        model = builder(**arguments)
        if FLAGS.csv:
            check_writable(FLAGS.csv)
    except (ValueError, OSError) as error:
        sys.exit(f"benchmark_training.py: {error}")

    from keras_anytime.evaluation.csv_files import write_csv
    from keras_anytime.experiments import benchmark

    images, labels = batch(model)
    networks = make_networks(builder, arguments, extras)
    # This runs the compiled step that `fit` runs, and reads the loss, which
    # waits for the device.
    steps = {
        name: lambda network=network: network.train_on_batch(images, labels)
        for name, network in networks.items()
    }
    if FLAGS.serve:
        benchmark.serve(steps)
        return
    peaks = benchmark.measure_memory(steps, FLAGS.refresh_every)
    parts = {}
    if extras & {"bound", "gram"}:
        parts = benchmark.parts_of_a_step(
            compiled(model, "orthogonal"), images, labels
        )
    remote = elsewhere() if FLAGS.against else None
    other = {
        f"{name}, {FLAGS.against}": function
        for name, function in (remote.functions.items() if remote else ())
    }
    periods = -(-FLAGS.steps // FLAGS.refresh_every)
    seconds = benchmark.measure_time(
        {**steps, **parts, **other},
        FLAGS.repetitions,
        periods * FLAGS.refresh_every,
    )
    if remote:
        remote.close()
    if parts:
        seconds["bound"] = benchmark.bound(seconds, parts)
    shown = {*steps, *extras, *other}
    rows = make_rows(
        {k: v for k, v in seconds.items() if k in shown}, peaks, work(model)
    )
    width = max(len(row["row"]) for row in rows)
    columns = {
        column: title
        for column, title in COLUMNS.items()
        if FLAGS.peak_tflops or column != "share_of_peak"
    }
    for row in [columns, *rows]:
        name, *values = [row.get(column, "-") for column in columns]
        print(f"{name:{width}}" + "".join(f"{value:>10}" for value in values))
    if FLAGS.csv:
        write_csv(FLAGS.csv, rows)


def elsewhere():
    """Returns the same program on another backend, as a `Remote`."""
    from keras_anytime.experiments.benchmark import Remote

    return Remote(
        [sys.executable, *sys.argv, "--serve"], KERAS_BACKEND=FLAGS.against
    )


def work(model):
    """Returns a function from rows to the operations of their steps."""
    from keras_anytime.stages.cost import stage_costs

    macs = [cost.macs for cost in stage_costs(model)]

    def operations(name):
        backward = macs[-1]
        if name.startswith(("normalized", "orthogonal")):
            backward = sum(macs)
        if "refreshed" in name:
            others = FLAGS.refresh_every - 1
            backward = (backward + others * macs[-1]) / FLAGS.refresh_every
        return FLAGS.batch_size * (2 * macs[-1] + 4 * backward)

    return operations


def find_network():
    """Returns the builder that the flags ask for, and all its arguments."""
    from keras_anytime.nets import catalogue

    found = catalogue.find(FLAGS.net)
    arguments = found.defaults
    if FLAGS.net == FLAGS["net"].default:
        arguments |= {"units": (3, 3, 3), "filters": (16, 32, 64)}
    try:
        arguments = {**arguments, **json.loads(FLAGS.net_arguments)}
    except (ValueError, TypeError) as error:
        raise ValueError(
            "--net_arguments must be a JSON object such as '{\"stages\": 7}'. "
            f"Received: {FLAGS.net_arguments}"
        ) from error
    if FLAGS.image_size is not None:
        size = FLAGS.image_size
        arguments["input_shape"] = (size, size, *arguments["input_shape"][2:])
    if FLAGS.nesting is not None:
        arguments["nesting"] = FLAGS.nesting
    for name in ("units", "filters"):
        values = FLAGS[name].value
        if values is not None and not all(map(str.isdecimal, values)):
            raise ValueError(
                f"--{name} must be whole numbers. Received: {','.join(values)}"
            )
        if values is not None:
            arguments[name] = tuple(map(int, values))
    if isinstance(arguments["classes"], dict):
        raise ValueError(
            "--net_arguments must give one number of classes. "
            f"Received: {FLAGS.net_arguments}"
        )
    return found.builder, catalogue.complete_arguments(found.builder, arguments)


def find_extras(builder):
    """Returns the names of those flags whose rows are to be added."""
    import keras

    obstacles = {}
    if builder.__name__ != "width_nested_resnet":
        obstacles["masked"] = f"takes no {builder.__name__}"
    if keras.backend.backend() != "tensorflow" and not FLAGS.serve:
        obstacles["bound"] = obstacles["gram"] = "needs TensorFlow"
    extras = set()
    for name in ("masked", "batch_norm", "bound", "gram"):
        if FLAGS[name].value and name in obstacles:
            raise ValueError(f"--{name} {obstacles[name]}.")
        if FLAGS[name].value or (FLAGS.all and name not in obstacles):
            extras.add(name)
    return extras


def batch(model):
    """Returns images and labels, on the device: their way is no part of it."""
    import keras
    import numpy as np

    rng = np.random.default_rng(0)
    shape = (FLAGS.batch_size, *model.input_shape[1:])
    images = rng.standard_normal(shape, "float32")
    labels = rng.integers(0, model.output_shape[0][-1], FLAGS.batch_size)
    return [keras.ops.convert_to_tensor(one) for one in (images, labels)]


def compiled(model, gradients=None):
    """Compiles an `AnytimeModel`, or without gradients any other."""
    import keras

    model.compile(
        # So slow that weights, and with them the numbers, stay ordinary.
        keras.optimizers.SGD(1e-4, momentum=0.9),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        **({} if gradients is None else {"gradients": gradients}),
    )
    return model


def make_networks(builder, arguments, extras):
    """Returns the networks to train by the names of their rows."""
    import keras

    from keras_anytime.gradients import Orthogonal

    refreshed = Orthogonal(refresh_every=FLAGS.refresh_every)
    combiners = {
        "sum": "sum",
        "normalized": "normalized",
        "orthogonal": "orthogonal",
        "orthogonal, normalized": Orthogonal(normalize=True),
        f"orthogonal, refreshed every {FLAGS.refresh_every}": refreshed,
    }

    def fresh():
        keras.utils.set_random_seed(0)
        return builder(**arguments)

    single = fresh()
    networks = {"single": compiled(single.stage(single.num_stages))}
    for name, combiner in combiners.items():
        networks[name] = compiled(fresh(), combiner)
    if "masked" in extras:
        networks["orthogonal, masked"] = compiled(
            masked(builder, arguments), "orthogonal"
        )
    if "batch_norm" in extras:
        networks["orthogonal, Keras' norm"] = compiled(
            with_stock_batch_norm(fresh()), "orthogonal"
        )
    return networks


def masked(builder, arguments):
    """Returns a width-nested ResNet with one masked kernel per layer."""
    import keras

    import keras_anytime as ka

    nesting = ka.Nesting(str(arguments["nesting"]))

    def masked_layer(layer):
        config = layer.get_config()
        if not isinstance(layer, ka.layers.SlicedConv2D):
            return type(layer).from_config(config)
        channels = layer.kernel.shape[-2]
        if layer.name.startswith("stem"):
            # Every stage reads the whole image.
            inputs = (channels, *[0] * (nesting.num_stages - 1))
        else:
            inputs = nesting.slices(channels)
        outputs = nesting.slices(config.pop("filters"))
        del config["groups"]
        return ka.layers.MaskedConv2D(inputs, outputs, **config)

    def call(layer, *args, **kwargs):
        if isinstance(layer, ka.layers.MaskedConv2D):
            # Slices take lists, here of one tensor.
            return layer(*keras.tree.flatten(args))
        return layer(*args, **kwargs)

    keras.utils.set_random_seed(0)
    trunk = keras.models.clone_model(
        builder(**{**arguments, "nesting": "w1"}),
        clone_function=masked_layer,
        call_function=call,
    )
    pooled = trunk.get_layer("stage_1").input
    outputs = [
        keras.layers.Dense(
            arguments["classes"],
            kernel_regularizer=keras.regularizers.L2(arguments["l2"]),
            name=f"stage_{k}",
        )(pooled[:, :width])
        for k, width in enumerate(nesting.channels(pooled.shape[-1]), start=1)
    ]
    return ka.AnytimeModel(trunk.input, outputs)


def with_stock_batch_norm(model):
    """Returns the same network with `keras.layers.BatchNormalization`."""
    import keras

    import keras_anytime as ka

    def stock_layer(layer):
        kind = type(layer)
        if isinstance(layer, ka.layers.BatchNormalization):
            kind = keras.layers.BatchNormalization
        return kind.from_config(layer.get_config())

    clone = keras.models.clone_model(model, clone_function=stock_layer)
    clone.set_weights(model.get_weights())
    return clone


def make_rows(seconds, peaks, operations):
    """Returns the rows of the table: dicts from columns to text."""
    no_steps = ("bound", "gram")
    rows = []
    for name, values in seconds.items():
        of_one = statistics.median(values)
        row = {"row": name, "ms_per_step": f"{1e3 * of_one:.2f}"}
        if name not in no_steps:
            row["images_per_second"] = f"{FLAGS.batch_size / of_one:.0f}"
            if FLAGS.peak_tflops:
                share = operations(name) / of_one / 1e12 / FLAGS.peak_tflops
                row["share_of_peak"] = f"{share:.2%}"
        row |= ratio(values, seconds["sum"])
        if name in peaks:
            row["peak_mib"] = f"{peaks[name] / 2**20:.2f}"
        if name in peaks and peaks.get("sum"):
            row["peak_ratio"] = f"{peaks[name] / peaks['sum']:.3f}"
        rows.append(row)
    against = [
        (f"{name}, {FLAGS.against}", name)
        for name in seconds
        if f"{name}, {FLAGS.against}" in seconds
    ]
    rows += [
        {"row": f"{left} / {right}", **ratio(seconds[left], seconds[right])}
        for left, right in (*COMPARED, *against)
        if left in seconds and right in seconds
    ]
    return rows


def ratio(values, references):
    """Returns the columns of a ratio, taken round by round."""
    ratios = values / references
    return {
        "ratio": f"{statistics.median(ratios):.3f}",
        "lowest": f"{min(ratios):.3f}",
        "highest": f"{max(ratios):.3f}",
    }


if __name__ == "__main__":
    app.run(main)
