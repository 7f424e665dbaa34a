r"""Trains the rows of Wan 2020's Tables 1 and 2, as many as time allows.

    KERAS_BACKEND=jax python recipes/gpu_tables.py --workdir=runs/tables \
        --minutes=480

Each row is a file in recipes/flags, trained by train.py in a folder of its own
with each seed: first the width-nested ResNet-42 with SGD and OSGD, then the
other strategies and networks. After each row its results (command, seed,
hardware, commit, versions, minutes, errors of each stage, and the paper's
beside them) are added to the file of --results. When time is up, what still
trains is stopped; the same command goes on from there, and does no finished row
again.

Where a row leaves the GPU idle, others are trained beside it: how many at a
time get the most done is measured, unless --at_a_time says it.

What stands behind `--` are further flags of train.py for all rows. So the
queue can be tried on two CPU cores in minutes:

    python recipes/gpu_tables.py --workdir=runs/try --minutes=30 \
        --rows=width_resnet42_sgd,width_resnet42_osgd --seeds=1,2 \
        --results=runs/try/tables.json -- --train_split=train[:2000] \
        --units=1,1,1 --filters=8,16,32 --epochs=4
"""

import itertools
import json
import os
import pathlib
import re
import signal
import sys

from absl import app
from absl import flags

FLAGS = flags.FLAGS
HERE = pathlib.Path(__file__).parent
PREFIX = "wan2020_"
NETWORKS = (
    "width_resnet42",
    "depth_sparse_resnet98",
    "alternating_sparse_resnet98",
    "simultaneous_sparse_resnet98",
    "cascade_sparse_resnet98",
    "even_width_resnet42",
)
# Those that the paper's claim is about come first.
STRATEGIES = (("sgd", "osgd"), ("greedy", "normsgd", "osgdnorm"))
ROWS = [
    f"{network}_{strategy}"
    for some in STRATEGIES
    for network in NETWORKS
    for strategy in some
]
# So many failures, each of a run on its own, have a cause that stays.
ENOUGH = 3

flags.DEFINE_string(
    "workdir", None, "Folder that gets one folder for each run.", required=True
)
flags.DEFINE_float(
    "minutes",
    None,
    "Minutes after which what still trains is stopped.",
    required=True,
    lower_bound=0,
)
flags.DEFINE_list(
    "rows", ROWS, "Rows of the tables to train, in the order of the queue."
)
flags.DEFINE_list(
    "seeds",
    ["1", "2", "3"],
    "Seeds, whole numbers: each row is trained once with each.",
)
flags.DEFINE_integer(
    "at_a_time",
    0,
    "Runs that train side by side; 0 measures how many get the most done.",
    lower_bound=0,
)
flags.DEFINE_string(
    "results",
    str(HERE / "results/wan2020_tables.json"),
    "JSON file to which the results of each run are added.",
)


def main(argv):
    try:
        arguments = argv[1:]
        trainings = queue(arguments)
        runs = results(arguments)
    except (ValueError, OSError) as error:
        sys.exit(f"gpu_tables.py: {error}")

    from keras_anytime.experiments.concurrency import run_concurrently
    from keras_anytime.files import user_path

    # Runs of one network differ by their seeds: they share compiled steps.
    compiled = (user_path(FLAGS.workdir) / "compiled").resolve()
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(compiled))
    done = {(run["row"], str(run["seed"])) for run in runs}
    left = {one: key for one, key in trainings.items() if key not in done}
    print(f"{len(trainings) - len(left)} of {len(trainings)} runs are done.")
    failed = []
    in_a_row = 0
    # Who ends this process this way means the trainings, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    for one, status, beside in run_concurrently(
        list(left), 60 * FLAGS.minutes, FLAGS.at_a_time or None
    ):
        if status is None:
            print(f"{one.name}: stopped, to go on next time", flush=True)
        elif status:
            failed.append(one.name)
            # Of those that nothing ran beside, which could be the cause.
            in_a_row += beside == 1
            log = one.folder / "log.txt"
            last = log.read_text(errors="replace").strip().splitlines()[-1:]
            print(f"{one.name}: failed; see {log}: {' '.join(last)}")
            if in_a_row == ENOUGH:
                print(f"{ENOUGH} runs in a row failed: no more are started.")
                break
        else:
            in_a_row = 0
            runs = add(finished(one, *left[one], beside), arguments)
            print(f"{one.name}: {line(runs[-1:])}", flush=True)
    print(table(runs))
    if failed:
        sys.exit(f"gpu_tables.py: these failed: {', '.join(failed)}")


def queue(arguments):
    """Returns a dict from trainings to their rows and seeds, in order."""
    from keras_anytime.experiments.concurrency import Training
    from keras_anytime.files import user_path

    if not FLAGS.workdir:
        raise ValueError("--workdir must name a folder. Received: nothing")
    unknown = [row for row in FLAGS.rows if row not in ROWS]
    if unknown:
        raise ValueError(
            f"--rows must be of {', '.join(ROWS)}. "
            f"Received: {', '.join(unknown)}"
        )
    if not FLAGS.seeds or not all(one.isdecimal() for one in FLAGS.seeds):
        raise ValueError(
            f"--seeds must be whole numbers. Received: {','.join(FLAGS.seeds)}"
        )
    found = {}
    # Rows of one network that follow each other are compared: seed by seed.
    for _, some in itertools.groupby(FLAGS.rows, network_of):
        rows = list(some)
        for seed in FLAGS.seeds:
            for row in rows:
                folder = user_path(FLAGS.workdir) / f"{row}_seed_{seed}"
                command = (
                    sys.executable,
                    str(HERE / "train.py"),
                    f"--flagfile={HERE / 'flags' / PREFIX}{row}.flags",
                    "--drop_remainder",
                    "--checkpoint_every=10",
                    *arguments,
                    f"--seed={seed}",
                    f"--workdir={folder}",
                )
                name = f"{row}, seed {seed}"
                found[Training(name, command, folder)] = row, seed
    return found


def network_of(row):
    """Returns the network that a row is about."""
    return row.rpartition("_")[0]


def results(arguments):
    """Returns the runs that the results file has.

    Raises:
        ValueError: If it is damaged, or of runs with other flags.
    """
    from keras_anytime.files import check_writable
    from keras_anytime.files import user_path

    path = user_path(FLAGS.results)
    check_writable(path)
    if not path.exists():
        return []
    try:
        found = json.loads(path.read_text())
        before, runs = found["arguments"], found["runs"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path} is damaged; use another file, or delete it."
        ) from error
    if before != arguments:
        raise ValueError(
            f"{path} holds runs with other flags for train.py: {before}. Use "
            f"another --results. Received: {arguments}"
        )
    return runs


def finished(training, row, seed, beside):
    """Returns what is kept of a run."""
    found = json.loads((training.folder / "results.json").read_text())
    return {
        "row": row,
        "paper": paper(row),
        # Minutes of runs side by side are not those of one alone.
        "at_a_time": beside,
        **found,
        "seed": int(seed),
    }


def paper(row):
    """Returns the paper's errors and deviations in %, of each stage."""
    text = (HERE / "flags" / f"{PREFIX}{row}.flags").read_text()
    comments = " ".join(
        one.lstrip("# ") for one in text.splitlines() if one.startswith("#")
    )
    return [
        {"error": float(error), "deviation": float(deviation)}
        for error, deviation in re.findall(
            r"(\d+\.\d+) \((\d+\.\d+)\)", comments
        )
    ]


def add(run, arguments):
    """Adds a run to those that the file has now, and returns them.

    Another queue, on another GPU, may add its own; the file is whole at any
    moment.
    """
    from keras_anytime.files import lock_file
    from keras_anytime.files import user_path
    from keras_anytime.files import write_json

    path = user_path(FLAGS.results)
    with lock_file(path.with_name(f".{path.name}.lock"), wait=True):
        runs = [*results(arguments), run]
        write_json(path, {"arguments": arguments, "runs": runs})
    return runs


def line(runs):
    """Returns the errors of runs of one row beside the paper's."""
    from keras_anytime.evaluation import AnytimeCurve
    from keras_anytime.evaluation import aggregate

    curves = [AnytimeCurve.from_dict(run["curve"]) for run in runs]
    ours = [f"{error:.1%}" for error in aggregate(curves).at_stages()]
    theirs = [
        f"{one['error']} ({one['deviation']})" for one in runs[0]["paper"]
    ]
    return f"{', '.join(ours)} | paper {', '.join(theirs)}"


def table(runs):
    """Returns a line for each row that has results."""
    lines = []
    for row in FLAGS.rows:
        some = [run for run in runs if run["row"] == row]
        if some:
            lines.append(f"{row}, {len(some)} seeds: {line(some)}")
    return "\n".join(lines) or "No row is finished yet."


if __name__ == "__main__":
    app.run(main)
