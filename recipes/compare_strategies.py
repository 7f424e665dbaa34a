r"""Trains one network with the five strategies of Wan 2020, and compares them.

    python recipes/compare_strategies.py --workdir=runs/strategies \
        --seeds=1,2,3 -- --data=cifar10 --train_split=train[:20000] \
        --eval_split=train[45000:] --units=1,1,1 --filters=16,32,64 --epochs=6

What stands behind `--` are flags of train.py, the same for all runs. Each run
is train.py in a folder of its own, one after the other, so the same command
goes on where it was stopped. Prints the table of top-1 errors, mean
and standard deviation over the seeds, and writes the results of all runs, with
their commands, errors and minutes, to `strategies.json`.

Results on CIFAR-10 with a network that trains in minutes on two CPU cores are
in recipes/results/cifar10_strategies.json.
"""

import json
import pathlib
import subprocess
import sys

from absl import app
from absl import flags

FLAGS = flags.FLAGS
flags.DEFINE_string(
    "workdir", None, "Folder that gets one folder for each run.", required=True
)
flags.DEFINE_list(
    "seeds",
    ["1", "2", "3"],
    "Seeds, whole numbers: each strategy is trained once with each.",
)
flags.DEFINE_float(
    "scale",
    0.03,
    "The constant C of NormSGD and OSGD-Norm, to be calibrated: the paper's "
    "1/2 does not train small networks at a learning rate of 0.1.",
    lower_bound=0,
)


def strategies():
    """Returns a dict from Wan 2020's names to flags of train.py."""
    scale = {"scale": FLAGS.scale}
    normalized = json.dumps({"normalize": True, **scale})
    return {
        "Greedy": ["--greedy"],
        "SGD": ["--gradients=sum"],
        "OSGD": ["--gradients=orthogonal"],
        "NormSGD": [
            "--gradients=normalized",
            f"--gradients_arguments={json.dumps(scale)}",
        ],
        "OSGD-Norm": [
            "--gradients=orthogonal",
            f"--gradients_arguments={normalized}",
        ],
    }


def main(argv):
    if not FLAGS.workdir:
        sys.exit("compare_strategies.py: --workdir must name a folder.")
    if not FLAGS.seeds or not all(one.isdecimal() for one in FLAGS.seeds):
        sys.exit(
            "compare_strategies.py: --seeds must be whole numbers. "
            f"Received: {','.join(FLAGS.seeds)}"
        )
    from keras_anytime.files import check_writable
    from keras_anytime.files import user_path
    from keras_anytime.files import write_json

    workdir = user_path(FLAGS.workdir)
    try:
        check_writable(workdir / "strategies.json")
    except OSError as error:
        sys.exit(f"compare_strategies.py: cannot use --workdir: {error}")
    runs = []
    for seed in FLAGS.seeds:
        for strategy, own in strategies().items():
            folder = workdir / f"{strategy.lower()}_seed_{seed}"
            print(f"{strategy}, seed {seed}", flush=True)
            run(folder, [*argv[1:], *own, f"--seed={seed}"])
            results = json.loads((folder / "results.json").read_text())
            runs.append({"strategy": strategy, **results})
    write_json(workdir / "strategies.json", {"runs": runs})
    print(table(runs))


def run(folder, arguments):
    """Runs train.py, which trains no further where it was done before."""
    train = pathlib.Path(__file__).with_name("train.py")
    done = subprocess.run(
        [sys.executable, train, *arguments, f"--workdir={folder}"], check=False
    )
    if done.returncode:
        sys.exit("compare_strategies.py: train.py failed; see above.")


def table(runs):
    """Returns the errors of each stage and strategy as text."""
    import keras_anytime as ka
    from keras_anytime.evaluation.tables import as_table

    curves = {}
    for one in runs:
        curve = ka.evaluation.AnytimeCurve.from_dict(one["curve"])
        curves.setdefault(one["strategy"], []).append(curve)
    errors = {
        strategy: ka.evaluation.aggregate(of_seeds).at_stages()
        for strategy, of_seeds in curves.items()
    }
    stages = range(len(curve.points))
    return "\n".join(
        as_table(
            {"stage": k + 1, **{s: f"{of[k]:.1%}" for s, of in errors.items()}}
            for k in stages
        )
    )


if __name__ == "__main__":
    app.run(main)
