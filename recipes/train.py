r"""Trains an anytime network, resumes if it was stopped, and measures it.

    python recipes/train.py --data=cifar10 --workdir=runs/cifar10 \
        --train_split=train[:45000] --eval_split=train[45000:]

    python recipes/train.py \
        --flagfile=recipes/flags/wan2020_width_resnet42_osgd.flags \
        --workdir=runs/osgd

Flags after a flag file win over those in it.

The work folder gets `checkpoints/`, the latest one, while training runs, and
`history.csv` (with --greedy one for each stage), `weights.csv` and
`cosines.csv`, how the stages shared the training, and at its end `model.keras`,
`curve.csv`, `curve.json`, `curve.png` and `results.json`. The same command run
again goes on where it was stopped, and ends with the same weights as a run that
never was.
"""

import json
import sys

from absl import app
from absl import flags
from absl import logging

FLAGS = flags.FLAGS
flags.DEFINE_string(
    "data",
    "digits",
    "The data set: 'digits', the path of an .npz file, or the name of a TFDS "
    "data set, such as cifar10.",
)
flags.DEFINE_string(
    "data_dir",
    None,
    "Folder of prepared TFDS data sets; else the environment's TFDS_DATA_DIR.",
)
flags.DEFINE_bool(
    "download",
    False,
    "Fetch and prepare the TFDS data set if it is not in --data_dir.",
)
flags.DEFINE_string(
    "train_split",
    None,
    "Split to train on, such as train[:45000]; else the data set's own.",
)
flags.DEFINE_string(
    "eval_split",
    None,
    "Split to measure on, such as train[45000:]; else the data set's own.",
)
flags.DEFINE_string(
    "labels",
    "{}",
    "Label sets, finest first, and the features that hold them, as JSON: "
    '\'{"fine": "label", "coarse": "coarse_label"}\'.',
)
flags.DEFINE_bool(
    "augment", True, "Pad, crop and mirror training images at random."
)
flags.DEFINE_integer(
    "batch_size", 128, "Images per training step.", lower_bound=1
)
flags.DEFINE_bool(
    "drop_remainder",
    False,
    "Leave out the last, smaller batch of an epoch, for which the training "
    "step would be compiled once more.",
)
flags.DEFINE_string(
    "net",
    "width_resnet42",
    "The network: a name that list_networks.py lists, or a builder of ka.nets.",
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
    "oracle_stage",
    0,
    "Train a separate network of the size of the stage of this number, for the "
    "oracle of evaluate.py; 0 trains the anytime network.",
    lower_bound=0,
)
flags.DEFINE_float(
    "l2",
    5e-5,
    "Factor of the squared norm of kernels in the loss.",
    lower_bound=0,
)
flags.DEFINE_string(
    "gradients",
    "orthogonal",
    "How stage gradients are combined: orthogonal or OSGD, normalized or "
    "NormSGD, sum or SGD, or OSGD_Norm.",
)
flags.DEFINE_string(
    "gradients_arguments",
    "{}",
    "Arguments of the combiner of --gradients, as a JSON object such as "
    "'{\"priority\": [2, 1, 3]}'.",
)
flags.DEFINE_string(
    "weighting",
    "constant",
    "Weights of the stages' losses: constant, linear, exponential, half_end, "
    "sieve, adaloss, alternating, milestone, average_loss, exp3, or "
    "random_weighted_majority.",
)
flags.DEFINE_string(
    "weighting_arguments",
    "{}",
    "Arguments of --weighting, as a JSON object such as '{\"gamma\": 0.1}'.",
)
flags.DEFINE_bool(
    "greedy",
    False,
    "Train one stage after the other, each for --epochs, by the stage's loss "
    "alone.",
)
flags.DEFINE_integer(
    "epochs", 200, "Passes over the training data.", lower_bound=1
)
flags.DEFINE_float(
    "learning_rate", 0.1, "The learning rate at the start.", lower_bound=0
)
flags.DEFINE_float(
    "momentum", 0.9, "Nesterov momentum of SGD.", lower_bound=0, upper_bound=1
)
flags.DEFINE_enum(
    "schedule",
    "cosine",
    ["constant", "cosine", "steps", "tenths"],
    "Learning rate: constant, cosine to 0, divided by 5 at 30%, 60% and 80% "
    "of the epochs (Wan 2020), or by 10 at 50% and 75% (Hu 2019).",
)
flags.DEFINE_integer(
    "warmup_epochs",
    0,
    "Epochs at the start in which the learning rate rises, with "
    "--schedule=steps or tenths.",
    lower_bound=0,
)
flags.DEFINE_integer(
    "seed",
    0,
    "Seed of the weights, and of the order and augmentation of images.",
    lower_bound=0,
    upper_bound=2**32 - 1,
)
flags.DEFINE_bool(
    "deterministic",
    False,
    "Train so that the same flags give the same weights to the last bit; "
    "slower.",
)
flags.DEFINE_integer(
    "checkpoint_every",
    1,
    "Epochs from one checkpoint to the next; a run that was stopped goes on "
    "from the last checkpoint.",
    lower_bound=1,
)
flags.DEFINE_string(
    "workdir",
    None,
    "Folder of the run; a stopped run goes on in its folder.",
    required=True,
)

# What may differ when a run is resumed: places, not what is computed.
_PLACES = ("workdir", "data_dir", "download", "checkpoint_every")
_WRITTEN = (
    "settings.json",
    "model.keras",
    "curve.csv",
    "curve.json",
    "curve.png",
    "results.json",
)
_UNUSED_IF_GREEDY = (
    "gradients",
    "gradients_arguments",
    "weighting",
    "weighting_arguments",
)


def main(argv):
    if len(argv) > 1:
        raise app.UsageError(f"Unexpected arguments: {argv[1:]}")
    logging.set_verbosity(logging.WARNING)
    from keras_anytime.files import user_path

    workdir = user_path(FLAGS.workdir)
    try:
        run(workdir)
    except KeyboardInterrupt:
        print(
            f"\ntrain.py: stopped. The same command goes on after the last "
            f"epoch that has a checkpoint in {workdir / 'checkpoints'}.",
            file=sys.stderr,
        )
        sys.exit(130)


def run(workdir):
    """Trains and measures; ends the process with one sentence if it cannot."""
    try:
        lock = claim(workdir)
    except (ValueError, OSError) as error:
        sys.exit(f"train.py: {error}")
    with lock:
        train_and_measure(workdir)
    print(f"Results, model and curve are in {workdir}.")


def train_and_measure(workdir):
    """As `run`, in a work folder that is this process's own."""
    try:
        model, train, test, resume = prepare(workdir)
    except (ValueError, ImportError, OSError) as error:
        sys.exit(f"train.py: {error}")

    from keras_anytime.files import ContentError

    try:
        if FLAGS.greedy:
            logs = train_greedily(model, train, test, workdir)
        else:
            logs = train_together(model, train, test, workdir, resume)
        measure(model, test, logs, workdir)
    except (FloatingPointError, ContentError) as error:
        sys.exit(f"train.py: {error}")
    except OSError as error:
        sys.exit(
            f"train.py: {error}. The checkpoints in {workdir} are whole: the "
            "same command goes on from there once there is room."
        )


def measure(model, test, logs, workdir):
    """Measures the trained network, and writes what is known of it."""
    import keras_anytime as ka
    from keras_anytime.files import write_json
    from keras_anytime.provenance import provenance

    finest = (model.label_sets or (None,))[0]
    curve = ka.evaluation.anytime_curve(model, test, label_set=finest)
    print(curve)
    model.save(workdir / "model.keras")
    curve.to_csv(workdir / "curve.csv")
    curve.to_json(workdir / "curve.json")
    try:
        curve.plot(workdir / "curve.png")
    except ImportError as error:
        print(f"curve.png is left out: {error}")
    results = {
        **provenance(),
        "flags": settings(),
        "seed": FLAGS.seed,
        "minutes": round(sum(log.seconds for log in logs) / 60, 2),
        "curve": curve.to_dict(),
    }
    write_json(workdir / "results.json", results)


def train_together(model, train, test, workdir, resume):
    """Trains all stages, and returns the logs."""
    import keras_anytime as ka

    log = ka.callbacks.EpochLog(workdir / "history.csv")
    if resume.epoch:
        print(f"Resuming after epoch {resume.epoch} of {FLAGS.epochs}.")
    model.fit(
        train,
        validation_data=test,
        epochs=FLAGS.epochs,
        callbacks=[
            *schedule(),
            ka.callbacks.StageProgress(),
            *of_stages(model, workdir),
            log,
            resume,
        ],
    )
    return [log]


def of_stages(model, workdir):
    """Returns callbacks that write how stages shared the training."""
    import keras_anytime as ka

    if model.num_stages == 1:
        return []
    callbacks = [ka.callbacks.LossWeights(workdir / "weights.csv")]
    if not model.combiner.joint:
        callbacks.append(ka.callbacks.GradientCosines(workdir / "cosines.csv"))
    return callbacks


def train_greedily(model, train, test, workdir):
    """Trains one stage after the other, and returns the logs."""
    import keras_anytime as ka

    logs = [
        ka.callbacks.EpochLog(workdir / f"history_stage_{k}.csv")
        for k in range(1, model.num_stages + 1)
    ]
    ka.training.fit_greedy(
        model,
        train,
        validation_data=test,
        epochs=FLAGS.epochs,
        callbacks=lambda k: [
            *schedule(),
            ka.callbacks.StageProgress(),
            logs[k - 1],
        ],
        workdir=workdir / "checkpoints",
        checkpoint_every=FLAGS.checkpoint_every,
    )
    return logs


def prepare(workdir):
    """Checks everything that can be wrong and returns what training needs."""
    for name in _UNUSED_IF_GREEDY if FLAGS.greedy else ():
        if FLAGS[name].present:
            raise ValueError(
                "--greedy trains each stage by its own loss alone. "
                f"Received: --{name}={FLAGS[name].value}"
            )

    import keras

    import keras_anytime as ka
    from keras_anytime import backend
    from keras_anytime.files import write_json
    from keras_anytime.nets import catalogue

    if FLAGS.deterministic:
        backend.make_deterministic()
    keras.utils.set_random_seed(FLAGS.seed)
    if (FLAGS.train_split is None) != (FLAGS.eval_split is None):
        raise ValueError(
            "Give both --train_split and --eval_split, or none. Received: "
            f"train_split={FLAGS.train_split}, eval_split={FLAGS.eval_split}"
        )
    # What tells nothing of the data comes before it is read, or fetched.
    schedule()
    check_learning_rate()
    catalogue.canonical(FLAGS.net)
    of_network = {"l2": FLAGS.l2, **net_arguments()}
    weighting = ka.weighting.get(
        FLAGS.weighting, **json_flag("weighting_arguments")
    )
    gradients = ka.gradients.get(
        FLAGS.gradients, **json_flag("gradients_arguments")
    )
    labels = json_flag("labels") or None
    about = ka.data.info(FLAGS.data, FLAGS.data_dir, labels, FLAGS.download)
    model = network(
        {
            "input_shape": about.image_shape,
            "classes": about.classes,
            **of_network,
        }
    )
    train, test = ka.data.load(
        FLAGS.data,
        batch_size=FLAGS.batch_size,
        splits=FLAGS.train_split and (FLAGS.train_split, FLAGS.eval_split),
        seed=FLAGS.seed,
        augment=FLAGS.augment,
        data_dir=FLAGS.data_dir,
        labels=labels,
        drop_remainder=FLAGS.drop_remainder,
    )
    model.compile(
        optimizer=keras.optimizers.SGD(
            learning_rate(FLAGS.epochs * len(train)),
            momentum=FLAGS.momentum,
            nesterov=FLAGS.momentum > 0,
        ),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        weighting=weighting,
        gradients=gradients,
    )
    resume = ka.callbacks.Resume(
        workdir / "checkpoints", every=FLAGS.checkpoint_every
    )
    model = resume.restore(model)
    write_json(workdir / "settings.json", settings())
    return model, train, test, resume


def check_learning_rate():
    """Raises a `ValueError` if steps of this rate go nowhere."""
    if not 0 < FLAGS.learning_rate < float("inf"):
        raise ValueError(
            "--learning_rate must be above 0 and finite. "
            f"Received: {FLAGS.learning_rate}"
        )


def learning_rate(steps):
    """Returns the learning rate at the start, or as a function of the steps."""
    import keras

    rate = FLAGS.learning_rate
    if FLAGS.schedule == "cosine":
        return keras.optimizers.schedules.CosineDecay(rate, steps)
    return rate


def schedule():
    """Returns the callbacks that change the learning rate, in a list."""
    import keras_anytime as ka

    if FLAGS.schedule in ("constant", "cosine"):
        if FLAGS.warmup_epochs:
            raise ValueError(
                "--warmup_epochs goes with --schedule=steps or tenths. "
                f"Received: --schedule={FLAGS.schedule}"
            )
        return []
    falls = {"steps": (5, (0.3, 0.6, 0.8)), "tenths": (10, (0.5, 0.75))}
    factor, shares = falls[FLAGS.schedule]
    return [
        ka.callbacks.StepDecay(
            FLAGS.learning_rate,
            factor=factor,
            shares=shares,
            warmup_epochs=FLAGS.warmup_epochs,
        )
    ]


def json_flag(name):
    """Returns a flag that holds a JSON object."""
    try:
        value = json.loads(FLAGS[name].value)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise ValueError(
            f"--{name} must be a JSON object such as '{{\"stages\": 7}}'. "
            f"Received: {FLAGS[name].value}"
        )
    return value


def network(arguments):
    """Builds the network: the anytime one, or one of its oracle's."""
    import keras_anytime as ka

    if not FLAGS.oracle_stage:
        return ka.nets.get(FLAGS.net, **arguments)
    networks = ka.nets.independent(FLAGS.net, **arguments)
    if FLAGS.oracle_stage > len(networks):
        raise ValueError(
            f"The network has {len(networks)} stages. "
            f"Received: --oracle_stage={FLAGS.oracle_stage}"
        )
    return networks[FLAGS.oracle_stage - 1]


def net_arguments():
    """Returns what the flags say of the network's arguments."""
    arguments = json_flag("net_arguments")
    for name in ("input_shape", "classes"):
        if name in arguments:
            raise ValueError(
                f"--net_arguments cannot set {name}: the data decide on it. "
                f"Received: {FLAGS.net_arguments}"
            )
    if FLAGS.nesting is not None:
        arguments["nesting"] = FLAGS.nesting
    for name in ("units", "filters"):
        values = FLAGS[name].value
        try:
            if values is not None:
                arguments[name] = [int(value) for value in values]
        except ValueError as error:
            raise ValueError(
                f"--{name} must be whole numbers. Received: {','.join(values)}"
            ) from error
    return arguments


def settings():
    """Returns the flags of this recipe that decide what is computed."""
    return {
        flag.name: flag.value
        for flag in FLAGS.get_key_flags_for_module(sys.argv[0])
        if flag.name not in _PLACES
        and not (FLAGS.greedy and flag.name in _UNUSED_IF_GREEDY)
    }


def claim(workdir):
    """Makes the work folder this process's own, until the file is closed.

    Raises:
        ValueError: If it is that of another run, or of another process.
    """
    if not FLAGS.workdir:
        raise ValueError("--workdir must name a folder. Received: nothing")
    from keras_anytime.callbacks.epoch_file import check_epoch_file
    from keras_anytime.experiments.runs import check_settings
    from keras_anytime.files import check_writable
    from keras_anytime.files import lock_file

    try:
        for name in (*_WRITTEN, "checkpoints/lock"):
            check_writable(workdir / name)
    except OSError as error:
        raise ValueError(f"cannot use --workdir: {error}") from error
    for name in ("history*.csv", "weights.csv", "cosines.csv"):
        for path in workdir.glob(name):
            check_epoch_file(path)
    now = settings()
    check_settings(workdir, now, {name: FLAGS[name].default for name in now})
    try:
        return lock_file(workdir / "checkpoints" / "lock")
    except BlockingIOError as error:
        raise ValueError(
            f"Another process is training in {workdir}; wait for it, or use "
            "another --workdir."
        ) from error


if __name__ == "__main__":
    app.run(main)
