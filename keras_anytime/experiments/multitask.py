"""A comparison of strategies for several tasks on one network."""

import json
import pathlib
import statistics
import tempfile
import time
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_anytime import gradients
from keras_anytime import weighting
from keras_anytime.callbacks import GradientCosines
from keras_anytime.evaluation.provenance import provenance
from keras_anytime.evaluation.tables import as_table
from keras_anytime.experiments.multitask_example import TASKS
from keras_anytime.experiments.multitask_example import LabeledPairs
from keras_anytime.experiments.multitask_example import network
from keras_anytime.experiments.multitask_example import pairs_of_digits
from keras_anytime.experiments.multitask_settings import MultitaskSettings
from keras_anytime.experiments.results_folder import results_folder
from keras_anytime.files import write_json
from keras_anytime.training.multitask_model import MultitaskModel

_BATCH = 64
#: A network for each task: what the other strategies are compared with.
SEPARATE = "separate"
_SUM_OF_LOSSES = "sum"
# Weights of `ink` beside 1 for both digits.
_TUNED_SUMS = {"sum_ink_0.1": 0.1, "sum_ink_10": 10.0}
_BALANCERS = (
    "uncertainty",
    "imtll",
    "dynamic_weight_average",
    "random_loss_weighting",
    "famo",
)


def strategies() -> dict[str, dict[str, Any]]:
    """Returns a dict from strategies to arguments of `compile`.

    They are separate networks, the sum of the losses, sums with other weights,
    and every combiner and balancer of the library.
    """
    combiners = [name for name in gradients.names() if name != _SUM_OF_LOSSES]
    sums = {
        name: {"loss_weights": {"left": 1.0, "right": 1.0, "ink": weight}}
        for name, weight in _TUNED_SUMS.items()
    }
    return {
        SEPARATE: {},
        _SUM_OF_LOSSES: {},
        **sums,
        **{name: {"gradients": name} for name in combiners},
        **{name: {"weighting": name} for name in _BALANCERS},
    }


def compare(settings: MultitaskSettings) -> list[dict[str, Any]]:
    """Trains with each strategy, rate and seed, and prints the errors.

    The first seed tries all rates. The one with the least errors on validation
    images is the strategy's, and the other seeds train with it. Writes each
    run to `multitask.json` when it ends; those in it are not repeated.

    Args:
        settings: The settings of the comparison.

    Returns:
        List of a dict for each run.

    Raises:
        ValueError: If a setting is wrong, or the folder has results of other
            settings.
        OSError: If the folder cannot be written.
    """
    settings.check()
    known = strategies()
    chosen = settings.strategies or list(known)
    if unknown := sorted(set(chosen) - set(known)):
        raise ValueError(
            f"--strategies must be some of {', '.join(known)}. "
            f"Received: {','.join(unknown)}"
        )
    folder = results_folder(settings.workdir, "multitask.json")
    runs = _Runs(folder / "multitask.json", settings)
    first, *others = map(int, settings.seeds)
    rates = settings.positive_numbers("rates")
    for strategy in dict.fromkeys([SEPARATE, *chosen]):
        for rate in rates:
            runs.ensure(strategy, rate, first)
        rate = best_rates(runs.done)[strategy]
        for seed in others:
            runs.ensure(strategy, rate, seed)
    print(table(runs.done))
    return runs.done


class _Runs:
    """The finished runs of a comparison, in memory and in a file."""

    def __init__(self, path: pathlib.Path, settings: MultitaskSettings):
        self._path = path
        self._settings = {"epochs": settings.epochs, "pairs": settings.pairs}
        self.done: list[dict[str, Any]] = []
        if path.is_file():
            self.done = self._read()
        count = settings.pairs
        # Images of the three parts are made of different digits.
        self._parts = {
            "train": pairs_of_digits(count, "train[:60%]", 0),
            "validation": pairs_of_digits(count // 2, "train[60%:80%]", 1),
            "test": pairs_of_digits(count // 2, "train[80%:]", 2),
        }

    def _read(self) -> list[dict[str, Any]]:
        """Returns the runs of the file, which have the same settings."""
        try:
            content = json.loads(self._path.read_text(encoding="utf-8"))
            settings, runs = content["settings"], list(content["runs"])
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"{self._path} is damaged. Delete it, or give another "
                "--workdir."
            ) from error
        if settings != self._settings:
            raise ValueError(
                f"{self._path} has runs of {settings}. Give another --workdir. "
                f"Received: {self._settings}"
            )
        return runs

    def ensure(self, strategy: str, rate: float, seed: int) -> None:
        """Trains, measures and records, unless that was done before."""
        labels = {"strategy": strategy, "rate": rate, "seed": seed}
        if any(labels.items() <= run.items() for run in self.done):
            return
        print(f"{strategy}, rate {rate}, seed {seed}", flush=True)
        start = time.perf_counter()
        names = list(TASKS)
        groups = [[name] for name in names] if strategy == SEPARATE else [names]
        errors: dict[str, dict[str, float]] = {"validation": {}, "test": {}}
        for tasks in groups:
            keras.backend.clear_session()
            keras.utils.set_random_seed(seed)
            model = network(tasks)
            cosines = self._fit(model, strategies()[strategy], rate)
            for part, of_part in errors.items():
                of_part.update(_errors(model, self._parts[part]))
        seconds = round(time.perf_counter() - start, 1)
        self.done.append(
            {**labels, **errors, "cosines": cosines, "seconds": seconds}
        )
        write_json(
            self._path,
            {**provenance(), "settings": self._settings, "runs": self.done},
        )

    def _fit(
        self,
        model: MultitaskModel,
        arguments: Mapping[str, Any],
        rate: float,
    ) -> list[list[float]] | None:
        """Trains, and returns the last epoch's cosines where there are any."""
        images, labels = self._parts["train"]
        epochs, steps = self._settings["epochs"], len(images) // _BATCH
        if arguments.get("weighting") == "dynamic_weight_average":
            window = weighting.DynamicWeightAverage(window=steps)
            arguments = {"weighting": window}
        crossentropy = keras.losses.SparseCategoricalCrossentropy(True)
        model.compile(
            keras.optimizers.Adam(
                keras.optimizers.schedules.CosineDecay(rate, epochs * steps)
            ),
            {
                task: "mse" if task == "ink" else crossentropy
                for task in model.task_names
            },
            **arguments,
        )
        with tempfile.TemporaryDirectory() as folder:
            callback = GradientCosines(pathlib.Path(folder, "cosines.csv"))
            combiner = model.gradient_combiner
            model.fit(
                images[: steps * _BATCH],
                {
                    task: labels[task][: steps * _BATCH]
                    for task in model.task_names
                },
                batch_size=_BATCH,
                epochs=epochs,
                callbacks=[] if combiner.single_backward else [callback],
                verbose=0,
            )
        return None if callback.matrix is None else callback.matrix.tolist()


def _errors(model: MultitaskModel, part: LabeledPairs) -> dict[str, float]:
    """Returns shares of wrong digits, and the mean absolute error of ink."""
    images, labels = part
    errors = {}
    for task, outputs in model.predict(images, 512, verbose=0).items():
        if task == "ink":
            wrong = np.abs(outputs - labels[task])
        else:
            wrong = np.argmax(outputs, axis=-1) != labels[task]
        errors[task] = float(wrong.mean())
    return errors


def best_rates(runs: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Returns the learning rate of each strategy with the least errors.

    The errors are those of validation images and of the first seed, each
    divided by the least one of separate networks.

    Args:
        runs: Sequence of dicts with `strategy`, `rate`, `seed`, and errors by
            task in `validation`.
    """
    first = [run for run in runs if run["seed"] == runs[0]["seed"]]
    least = {
        task: min(
            run["validation"][task]
            for run in first
            if run["strategy"] == SEPARATE
        )
        for task in TASKS
    }
    scores: dict[str, dict[float, float]] = {}
    for run in first:
        score = statistics.mean(_ratios(run["validation"], least))
        # A training that diverged has errors that are not finite.
        score = score if np.isfinite(score) else np.inf
        scores.setdefault(run["strategy"], {})[run["rate"]] = score
    return {
        strategy: min(of_rates, key=lambda rate: of_rates[rate])
        for strategy, of_rates in scores.items()
    }


def changes(runs: Sequence[Mapping[str, Any]]) -> dict[str, list[float]]:
    """Returns how errors differ from those of separate networks, by seed.

    The difference is the mean over tasks of the relative change of the error
    (Maninis et al., 2019, Equation 4, with the sign of an error).

    Args:
        runs: As for `best_rates`, with errors in `test` too.

    Returns:
        Dict from strategies to a share for each seed; -0.1 is 10% less.
    """
    final = _final(runs)
    separate = {run["seed"]: run["test"] for run in final[SEPARATE]}
    return {
        strategy: [
            statistics.mean(_ratios(run["test"], separate[run["seed"]])) - 1
            for run in of_seeds
        ]
        for strategy, of_seeds in final.items()
    }


def table(runs: Sequence[Mapping[str, Any]]) -> str:
    """Returns mean test errors and deviations of each strategy as text.

    Args:
        runs: As for `changes`, with `seconds`.
    """
    all_changes = changes(runs)
    rows = []
    for strategy, of_seeds in _final(runs).items():
        row: dict[str, Any] = {
            "strategy": strategy,
            "rate": of_seeds[0]["rate"],
            "seeds": len(of_seeds),
        }
        for task in TASKS:
            errors = [run["test"][task] for run in of_seeds]
            if task == "ink":
                row[task] = _mean_text(errors, 3)
            else:
                row[f"{task} %"] = _mean_text([100 * x for x in errors], 2)
        row["change %"] = _mean_text(
            [100 * change for change in all_changes[strategy]], 1
        )
        row["seconds"] = round(statistics.mean(r["seconds"] for r in of_seeds))
        rows.append(row)
    return "\n".join(as_table(rows))


def _final(
    runs: Sequence[Mapping[str, Any]],
) -> dict[str, list[Mapping[str, Any]]]:
    """Returns the runs of each strategy at its best rate, ordered by seed."""
    final: dict[str, list[Mapping[str, Any]]] = {}
    rates = best_rates(runs)
    for run in sorted(runs, key=lambda run: run["seed"]):
        if run["rate"] == rates[run["strategy"]]:
            final.setdefault(run["strategy"], []).append(run)
    return {strategy: final[strategy] for strategy in rates}


def _ratios(
    errors: Mapping[str, float], references: Mapping[str, float]
) -> list[float]:
    return [errors[task] / references[task] for task in TASKS]


def _mean_text(values: Sequence[float], digits: int) -> str:
    """Returns a mean with the standard deviation over seeds."""
    mean = f"{statistics.mean(values):.{digits}f}"
    if len(values) < 2:
        return mean
    return f"{mean} ± {statistics.stdev(values):.{digits}f}"
