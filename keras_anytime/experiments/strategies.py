"""A comparison of the five strategies of Wan 2020 on one network."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from keras_anytime.evaluation import AnytimeCurve
from keras_anytime.evaluation import aggregate
from keras_anytime.evaluation.tables import as_table
from keras_anytime.experiments.queue_settings import StrategySettings
from keras_anytime.experiments.results_folder import results_folder
from keras_anytime.experiments.run_folder import RunFolder
from keras_anytime.files import write_json


def compare_strategies(
    settings: StrategySettings,
    train_script: str | os.PathLike,
    arguments: Sequence[str] = (),
) -> None:
    """Trains a network with each strategy and seed, and prints the errors.

    Writes the results of all runs to `strategies.json`.

    Args:
        settings: The settings of the comparison.
        train_script: Path of recipes/train.py.
        arguments: Sequence of strings. Further flags of train.py for all runs.

    Raises:
        OSError: If the folder cannot be written.
        RuntimeError: If a training fails.
    """
    workdir = results_folder(settings.workdir, "strategies.json")
    runs = []
    for seed in settings.seeds:
        for strategy, flags in strategy_flags(settings.scale).items():
            folder = RunFolder(workdir / f"{strategy.lower()}_seed_{seed}")
            print(f"{strategy}, seed {seed}", flush=True)
            # A training that is finished is not repeated.
            done = subprocess.run(
                [
                    sys.executable,
                    train_script,
                    *arguments,
                    *flags,
                    f"--seed={seed}",
                    f"--workdir={folder.path}",
                ],
                check=False,
            )
            if done.returncode:
                raise RuntimeError("train.py failed; see above.")
            runs.append({"strategy": strategy, **folder.read_results()})
    write_json(workdir / "strategies.json", {"runs": runs})
    print(strategy_table(runs))


def strategy_flags(scale: float) -> dict[str, list[str]]:
    """Returns a dict from the names of Wan 2020 to flags of train.py.

    Args:
        scale: Float. The constant C of NormSGD and OSGD-Norm.
    """
    normalized = json.dumps({"normalize": True, "scale": scale})
    return {
        "Greedy": ["--greedy"],
        "SGD": ["--gradients=sum"],
        "OSGD": ["--gradients=orthogonal"],
        "NormSGD": [
            "--gradients=normalized",
            f"--gradients_arguments={json.dumps({'scale': scale})}",
        ],
        "OSGD-Norm": [
            "--gradients=orthogonal",
            f"--gradients_arguments={normalized}",
        ],
    }


def strategy_table(runs: Sequence[Mapping[str, Any]]) -> str:
    """Returns the errors of each stage and strategy as text.

    Args:
        runs: Sequence of dicts with `strategy` and `curve`.
    """
    curves: dict[str, list[AnytimeCurve]] = {}
    for run in runs:
        curve = AnytimeCurve.from_dict(run["curve"])
        curves.setdefault(run["strategy"], []).append(curve)
    errors = {
        strategy: aggregate(of_seeds).at_stages()
        for strategy, of_seeds in curves.items()
    }
    num_stages = len(next(iter(errors.values())))
    return "\n".join(
        as_table(
            {
                "stage": index + 1,
                **{
                    strategy: f"{of_stages[index]:.1%}"
                    for strategy, of_stages in errors.items()
                },
            }
            for index in range(num_stages)
        )
    )
