"""One training: builds, trains and measures the network of the settings."""

import dataclasses
from collections.abc import Sequence
from typing import Any
from typing import TextIO

import keras

from keras_anytime import backend
from keras_anytime import callbacks as callbacks_lib
from keras_anytime import data
from keras_anytime import evaluation
from keras_anytime import gradients
from keras_anytime import nets
from keras_anytime import training
from keras_anytime import weighting
from keras_anytime.callbacks.epoch_file import check_epoch_file
from keras_anytime.evaluation.provenance import accelerators
from keras_anytime.evaluation.provenance import provenance
from keras_anytime.experiments.learning_rate import check_learning_rate
from keras_anytime.experiments.learning_rate import learning_rate
from keras_anytime.experiments.learning_rate import schedule_callbacks
from keras_anytime.experiments.run_folder import RunFolder
from keras_anytime.experiments.train_settings import TrainSettings
from keras_anytime.model import AnytimeModel
from keras_anytime.nets import catalogue


def train(settings: TrainSettings) -> evaluation.AnytimeCurve:
    """Trains a network, measures it, and fills its run folder.

    A training that was stopped goes on from its last checkpoint, and ends with
    the same weights as one that was not.

    ```python
    from keras_anytime.experiments.train import train
    from keras_anytime.experiments.train_settings import TrainSettings

    curve = train(
        TrainSettings(
            workdir="run/small", units=["1"], filters=["4"], epochs=1
        )
    )
    ```

    Args:
        settings: The settings of the training.

    Returns:
        The `AnytimeCurve` of the network on the evaluation split.

    Raises:
        ValueError, ImportError, OSError: As `prepare`.
        FloatingPointError: If the weights are no longer finite.
        OSError: If a file cannot be written.
    """
    return prepare(settings).run()


def prepare(settings: TrainSettings) -> "PreparedTraining":
    """Checks everything that can be wrong, and builds what training needs.

    Args:
        settings: The settings of the training.

    Returns:
        A `PreparedTraining`, which has locked the run folder.

    Raises:
        ValueError: If a setting is wrong, or the run folder holds another
            run or is in use.
        ImportError: If the data need a package that is not installed.
        OSError: If data cannot be read, or the folder cannot be written.
    """
    folder, lock = _claim(settings)
    try:
        settings.check_greedy()
        if settings.deterministic:
            backend.make_deterministic()
        keras.utils.set_random_seed(settings.seed)
        settings.check_splits()
        # Settings that do not depend on the data are checked first, because
        # reading or downloading the data takes long.
        check_learning_rate(settings)
        catalogue.canonical_name(settings.net)
        network_arguments = settings.network_arguments()
        loss_weighting = weighting.get(
            settings.weighting, **settings.json_object("weighting_arguments")
        )
        combiner = gradients.get(
            settings.gradients, **settings.json_object("gradients_arguments")
        )
        labels = settings.json_object("labels") or None
        info = data.info(
            settings.data, settings.data_dir, labels, settings.download
        )
        model = build_network(
            settings,
            {
                "input_shape": info.image_shape,
                "classes": info.classes,
                **network_arguments,
            },
        )
        splits = None
        if settings.train_split and settings.eval_split:
            splits = (settings.train_split, settings.eval_split)
        train_data, eval_data = data.load(
            settings.data,
            batch_size=settings.batch_size,
            splits=splits,
            seed=settings.seed,
            augment=settings.augment,
            data_dir=settings.data_dir,
            labels=labels,
            drop_remainder=settings.drop_remainder,
        )
        model.compile(
            optimizer=keras.optimizers.SGD(
                learning_rate(settings, settings.epochs * len(train_data)),
                momentum=settings.momentum,
                nesterov=settings.momentum > 0,
            ),
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
            weighting=loss_weighting,
            gradients=combiner,
        )
        resume = callbacks_lib.Resume(
            folder.checkpoints, every=settings.checkpoint_every
        )
        model = resume.restore(model)
        folder.write_settings(settings.to_dict())
    except BaseException:
        lock.close()
        raise
    return PreparedTraining(
        settings, folder, lock, model, train_data, eval_data, resume
    )


def build_network(
    settings: TrainSettings, arguments: dict[str, Any]
) -> AnytimeModel:
    """Builds the anytime network, or one network of its oracle.

    Args:
        settings: The settings of the training.
        arguments: All arguments of the network's builder.

    Raises:
        ValueError: If an argument is wrong, or there is no such stage.
    """
    if not settings.oracle_stage:
        return nets.get(settings.net, **arguments)
    networks = nets.independent(settings.net, **arguments)
    if settings.oracle_stage > len(networks):
        raise ValueError(
            f"The network has {len(networks)} stages. "
            f"Received: --oracle_stage={settings.oracle_stage}"
        )
    return networks[settings.oracle_stage - 1]


@dataclasses.dataclass(frozen=True, eq=False)
class PreparedTraining:
    """A training whose settings are checked and whose network is built.

    Args:
        settings: The `TrainSettings`.
        folder: The `RunFolder`.
        lock: The file that locks the folder. `run` closes it.
        model: The compiled `AnytimeModel`, with the weights of the last
            checkpoint.
        train_data: Batches of images and labels.
        eval_data: The same, of the evaluation split.
        resume: The `Resume` callback that restored the model.
    """

    settings: TrainSettings
    folder: RunFolder
    lock: TextIO
    model: AnytimeModel
    train_data: Any
    eval_data: Any
    resume: callbacks_lib.Resume

    def run(self) -> evaluation.AnytimeCurve:
        """Trains and measures the network, and writes the results.

        Returns:
            The `AnytimeCurve` of the network on the evaluation split.

        Raises:
            FloatingPointError: If the weights are no longer finite.
            OSError: If a file cannot be written.
        """
        print(f"Training on {', '.join(accelerators()) or 'the CPU'}.")
        with self.lock:
            try:
                if self.settings.greedy:
                    logs = self._fit_greedy()
                else:
                    logs = self._fit()
                return self._write_results(logs)
            except OSError as error:
                raise OSError(
                    f"{error}. The checkpoints in {self.folder.path} are "
                    "whole: the same command goes on from there once there is "
                    "room."
                ) from error

    def _fit(self) -> list[callbacks_lib.EpochLog]:
        """Trains all stages together, and returns the log of the epochs."""
        log = callbacks_lib.EpochLog(self.folder.history)
        self.model.fit(
            self.train_data,
            validation_data=self.eval_data,
            epochs=self.settings.epochs,
            callbacks=[
                *schedule_callbacks(self.settings),
                callbacks_lib.StageProgress(),
                *self._stage_logs(),
                log,
                self.resume,
            ],
        )
        return [log]

    def _fit_greedy(self) -> list[callbacks_lib.EpochLog]:
        """Trains one stage after the other, and returns a log of each."""
        logs = [
            callbacks_lib.EpochLog(self.folder.stage_history(stage))
            for stage in range(1, self.model.num_stages + 1)
        ]
        training.fit_greedy(
            self.model,
            self.train_data,
            validation_data=self.eval_data,
            epochs=self.settings.epochs,
            callbacks=lambda stage: [
                *schedule_callbacks(self.settings),
                callbacks_lib.StageProgress(),
                logs[stage - 1],
            ],
            workdir=self.folder.checkpoints,
            checkpoint_every=self.settings.checkpoint_every,
        )
        return logs

    def _stage_logs(self) -> list[keras.callbacks.Callback]:
        """Returns callbacks that log how the stages share the training."""
        if self.model.num_stages == 1:
            return []
        logs = [callbacks_lib.LossWeights(self.folder.weights)]
        if isinstance(self.model.weighting, weighting.Sampler):
            logs.append(
                callbacks_lib.SamplerProbabilities(self.folder.probabilities)
            )
        if not self.model.gradient_combiner.single_backward:
            logs.append(callbacks_lib.GradientCosines(self.folder.cosines))
        return logs

    def _write_results(
        self, logs: Sequence[callbacks_lib.EpochLog]
    ) -> evaluation.AnytimeCurve:
        """Measures the trained network, and writes it with its results."""
        curves = None
        if self.model.label_sets:
            hierarchy = evaluation.hierarchical_curve(
                self.model, self.eval_data
            )
            curves = hierarchy.to_dict()
            curve = next(iter(hierarchy.curves.values()))
        else:
            curve = evaluation.anytime_curve(self.model, self.eval_data)
        print(curve)
        self.model.save(self.folder.model)
        curve.to_csv(self.folder.curve_csv)
        curve.to_json(self.folder.curve_json)
        try:
            curve.plot(self.folder.curve_picture)
        except ImportError as error:
            print(f"curve.png is left out: {error}")
        self.folder.write_results(
            provenance(),
            settings=self.settings.to_dict(),
            seed=self.settings.seed,
            minutes=round(sum(log.seconds for log in logs) / 60, 2),
            curve=curve.to_dict(),
            curves=curves,
        )
        return curve


def _claim(settings: TrainSettings) -> tuple[RunFolder, TextIO]:
    """Returns the run folder, checked for these settings, and its lock.

    Raises:
        ValueError: If the folder is that of another run or another process.
    """
    if not settings.workdir:
        raise ValueError("--workdir must name a folder. Received: nothing")
    folder = RunFolder(settings.workdir)
    folder.check_writable()
    for path in folder.epoch_logs():
        check_epoch_file(path)
    kept = settings.to_dict()
    defaults = settings.defaults()
    folder.check_settings(kept, {name: defaults[name] for name in kept})
    return folder, folder.lock()
