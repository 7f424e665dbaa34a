"""A trained network of `keras.applications` becomes an anytime network.

For each seed, MobileNet is trained alone, converted, its heads are trained, and
then all stages, in three ways from the same weights.
"""

import functools
import json
import pathlib
import time
from collections.abc import Sequence
from typing import Any

import keras

from keras_anytime import callbacks
from keras_anytime import convert
from keras_anytime import data as data_lib
from keras_anytime import distillation
from keras_anytime import evaluation
from keras_anytime import export
from keras_anytime import gradients
from keras_anytime import loading
from keras_anytime import runtime
from keras_anytime import training
from keras_anytime.evaluation.provenance import provenance
from keras_anytime.evaluation.tables import as_table
from keras_anytime.experiments.converted_training_settings import (
    ConvertedTrainingSettings,
)
from keras_anytime.experiments.results_folder import results_folder
from keras_anytime.files import write_json

#: What is trained after the network alone, from the same weights.
WAYS: dict[str, dict[str, Any]] = {
    "sum": {"gradients": gradients.Sum},
    "osgd": {"gradients": gradients.Orthogonal},
    "osgd_distillation": {
        "gradients": gradients.Orthogonal,
        "distillation": distillation.FromLastStage,
    },
}


def compare(settings: ConvertedTrainingSettings) -> list[dict[str, Any]]:
    """Trains, converts and measures, and prints the errors.

    Writes each finished network to the work folder, and all errors and
    latencies to `conversion.json`. What is finished is not repeated.

    Args:
        settings: The settings.

    Returns:
        List of a dict for each seed and way of training, with its errors.

    Raises:
        ValueError: If a setting is wrong.
        OSError: If the folder cannot be written.
    """
    settings.check()
    workdir = results_folder(settings.workdir, "conversion.json")
    runs = []
    for seed in map(int, settings.seeds):
        trainings = _Trainings(settings, workdir / f"seed_{seed}", seed)
        runs += trainings.runs()
        # Trainings leave graphs in the memory of Keras.
        keras.backend.clear_session()
    _, val = _load(settings, seed)
    latencies, int8 = _files(trainings.path("osgd"), val)
    result = {
        **provenance(),
        "settings": {
            field.name: getattr(settings, field.name)
            for field in settings.flags()
            if field.name not in ("workdir", "data_dir", "download")
        },
        "latency_ms": latencies,
        "int8": int8,
        "runs": runs,
    }
    write_json(workdir / "conversion.json", result)
    print(table(runs, latencies))
    return runs


def table(
    runs: Sequence[dict[str, Any]], latencies: dict[str, list[float]]
) -> str:
    """Returns the mean errors of each way of training as text.

    Args:
        runs: As from `compare`.
        latencies: Dict from the kinds of files to the latency of each step.
    """
    ways = list(dict.fromkeys(run["way"] for run in runs))
    rows = []
    for way in ways:
        errors = [run["errors"] for run in runs if run["way"] == way]
        means = [sum(stage) / len(stage) for stage in zip(*errors, strict=True)]
        # The network alone has the last stage only.
        means = [None] * (len(latencies["float32"]) - len(means)) + means
        rows.append(
            {
                "training": way,
                **{
                    f"stage {k}": "" if mean is None else f"{mean:.1%}"
                    for k, mean in enumerate(means, start=1)
                },
            }
        )
    for kind, steps in latencies.items():
        rows.append(
            {
                "training": f"step, {kind} (ms)",
                **{
                    f"stage {k}": f"{step:.2f}"
                    for k, step in enumerate(steps, start=1)
                },
            }
        )
    return "\n".join(as_table(rows))


class _Trainings:
    """The trainings of one seed, each of which is done once.

    Args:
        settings: The settings.
        folder: Path of the seed's folder.
        seed: Integer.
    """

    def __init__(
        self,
        settings: ConvertedTrainingSettings,
        folder: pathlib.Path,
        seed: int,
    ) -> None:
        self._settings = settings
        self._folder = folder
        self._seed = seed

    def runs(self) -> list[dict[str, Any]]:
        """Returns all runs; trains what is not finished."""
        settings = self._settings
        trainings = {
            "alone": functools.partial(
                self._alone, settings.plain_epochs, settings.learning_rate
            ),
            # With the same epochs and rates as all stages get.
            "alone_longer": functools.partial(
                self._alone, settings.epochs, settings.joint_learning_rate
            ),
            "heads": self._heads,
            **{way: functools.partial(self._all_stages, way) for way in WAYS},
        }
        return [self._run(way, train) for way, train in trainings.items()]

    def path(self, way: str) -> pathlib.Path:
        """Returns the path of a finished network."""
        return self._folder / f"{way}.keras"

    def _run(self, way, train):
        record = self._folder / f"{way}.json"
        if not record.exists():
            print(f"Seed {self._seed}: {way}", flush=True)
            self._folder.mkdir(parents=True, exist_ok=True)
            keras.utils.set_random_seed(self._seed)
            start = time.monotonic()
            model, errors = train(*_load(self._settings, self._seed))
            model.save(self.path(way))
            minutes = round((time.monotonic() - start) / 60, 1)
            # Last, because a training with a record is finished.
            write_json(
                record,
                {
                    "way": way,
                    "seed": self._seed,
                    "errors": errors,
                    "minutes": minutes,
                },
            )
        return json.loads(record.read_text())

    def _alone(self, epochs, rate, train, val):
        path = self.path("alone")
        model = (
            keras.models.load_model(path)
            if path.exists()
            else mobilenet(self._settings, train.info)
        )
        model.compile(
            _optimizer(rate, epochs * len(train)), _LOSS, metrics=["accuracy"]
        )
        model.fit(train, epochs=epochs, verbose=2)
        results = model.evaluate(val, return_dict=True, verbose=0)
        return model, [1 - results["accuracy"]]

    def _heads(self, train, val):
        settings = self._settings
        alone = keras.models.load_model(self.path("alone"))
        model = convert.add_heads(
            alone, alone.output.shape[-1], at=settings.shares
        )
        steps = settings.heads_epochs * len(train)
        model.compile(_optimizer(settings.learning_rate, steps), _LOSS)
        training.fit_heads(
            model, train, epochs=settings.heads_epochs, verbose=2
        )
        return model, _errors(model, val)

    def _all_stages(self, way, train, val):
        settings = self._settings
        model = loading.load_model(self.path("heads"))
        steps = settings.epochs * len(train)
        model.compile(
            _optimizer(settings.joint_learning_rate, steps),
            _LOSS,
            **{name: part() for name, part in WAYS[way].items()},
        )
        model.fit(
            train,
            epochs=settings.epochs,
            callbacks=[callbacks.StageProgress()],
        )
        return model, _errors(model, val)


def mobilenet(settings: ConvertedTrainingSettings, info: Any) -> keras.Model:
    """Returns MobileNet for small images, as a user would write it.

    Args:
        settings: The settings.
        info: `DatasetInfo` of the images.

    Returns:
        A `keras.Model` that resizes images and gives logits. The network of
        `keras.applications` is a layer of it.
    """
    size = settings.image_size
    base = keras.applications.MobileNet(
        (size, size, info.image_shape[-1]),
        alpha=settings.alpha,
        include_top=False,
        weights=None,
    )
    image = keras.Input(info.image_shape)
    x = keras.layers.Resizing(size, size)(image)
    x = keras.layers.GlobalAveragePooling2D()(base(x))
    logits = keras.layers.Dense(len(info.class_names))(x)
    return keras.Model(image, logits, name="mobilenet")


_LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def _load(settings, seed):
    return data_lib.load(
        settings.data,
        batch_size=settings.batch_size,
        splits=(settings.train_split, settings.eval_split),
        data_dir=settings.data_dir,
        download=settings.download,
        seed=seed,
    )


def _optimizer(rate, steps):
    schedule = keras.optimizers.schedules.CosineDecay(rate, steps)
    return keras.optimizers.SGD(schedule, momentum=0.9, nesterov=True)


def _errors(model, val):
    curve = evaluation.anytime_curve(model, val)
    return [point.top1_error for point in curve.points]


def _files(
    path: pathlib.Path, val: Any
) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Exports a network, and measures both files.

    Args:
        path: Path of the saved network.
        val: Data set of images and labels.

    Returns:
        Pair of a dict from the kinds of files to the median milliseconds of
        each step, and a dict of the int8 file's `errors` and of its
        `agreement` with the network, each with one number per stage.
    """
    model = loading.load_model(path)
    latencies = {}
    for kind, quantization in {"float32": None, "int8": "int8"}.items():
        file = path.with_name(f"{kind}.tflite")
        export.tflite(
            model,
            file,
            quantization=quantization,
            representative=val if quantization else None,
            subnets=False,
        )
        with runtime.AnytimePredictor(file, num_threads=1) as predictor:
            latency = predictor.measure_latency(repetitions=200)
        latencies[kind] = [round(step, 3) for step in latency.median_ms]
    verified = export.verify(path.with_name("int8.tflite"), model, val)
    return latencies, {
        "errors": list(verified.errors),
        "agreement": list(verified.agreement or ()),
    }
