"""One training: builds, trains and measures the network of the settings."""

import dataclasses
from collections.abc import Sequence
from typing import Any
from typing import TextIO

import keras

from keras_anytime import backend
from keras_anytime import callbacks as callbacks_lib
from keras_anytime import evaluation
from keras_anytime import gradients
from keras_anytime import nets
from keras_anytime import weighting
from keras_anytime.callbacks.epoch_file import check_epoch_file
from keras_anytime.distillation import FromLastStage
from keras_anytime.evaluation.provenance import provenance
from keras_anytime.experiments import hardware as hardware_lib
from keras_anytime.experiments.fitting import fit
from keras_anytime.experiments.learning_rate import check_learning_rate
from keras_anytime.experiments.learning_rate import learning_rate
from keras_anytime.experiments.model_file import with_model_file
from keras_anytime.experiments.objectives import loss_and_metrics
from keras_anytime.experiments.run_folder import RunFolder
from keras_anytime.experiments.train_settings import TrainSettings
from keras_anytime.experiments.training_data import TrainingData
from keras_anytime.experiments.training_data import describe_augmentation
from keras_anytime.experiments.training_data import load_data
from keras_anytime.experiments.training_data import load_info
from keras_anytime.loading import load_model
from keras_anytime.model import AnytimeModel
from keras_anytime.nets import catalogue
from keras_anytime.training.data_info import remember


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
        ChanceError: If `--give_up_after` ends the training.
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
    settings.check_strategy()
    settings, from_file = with_model_file(settings)
    folder, lock = _claim(settings)
    try:
        if settings.deterministic:
            backend.make_deterministic()
        keras.utils.set_random_seed(settings.seed)
        settings.check_data()
        # Settings that do not depend on the data are checked first, because
        # reading or downloading the data takes long.
        check_learning_rate(settings)
        hardware_lib.check_devices(settings)
        if from_file is None:
            catalogue.canonical_name(settings.net)
        network_arguments = {
            **hardware_lib.network_arguments(settings),
            **settings.network_arguments(),
        }
        loss_weighting = weighting.get(
            settings.weighting, **settings.json_object("weighting_arguments")
        )
        combiner = gradients.get(
            settings.gradients, **settings.json_object("gradients_arguments")
        )
        taught = _distillation(settings)
        info = load_info(settings)
        with hardware_lib.hardware(settings):
            if from_file is None:
                model = build_network(
                    settings,
                    {
                        "input_shape": info.image_shape,
                        "classes": info.classes,
                        **network_arguments,
                    },
                )
            else:
                model = from_file
                if settings.devices > 1:
                    # Its variables belong to all devices.
                    model = load_model(str(settings.model))
                remember(model, info)
            loss, metrics = loss_and_metrics(model.tasks)
            splits = load_data(settings)
            hardware_lib.check_batches(settings, splits)
            steps = settings.epochs * len(splits.train)
            model.compile(
                optimizer=keras.optimizers.SGD(
                    learning_rate(settings, steps),
                    momentum=settings.momentum,
                    nesterov=settings.nesterov and settings.momentum > 0,
                ),
                loss=loss,
                metrics=metrics,
                weighting=loss_weighting,
                gradients=combiner,
                distillation=taught,
            )
            resume = callbacks_lib.Resume(
                folder.checkpoints, every=settings.checkpoint_every
            )
            model = resume.restore(model)
        folder.write_settings(settings.to_dict())
    except BaseException:
        lock.close()
        raise
    print(
        f"Training on {hardware_lib.describe_hardware(settings)}; images are "
        f"{describe_augmentation(settings, info)}.",
        flush=True,
    )
    return PreparedTraining(settings, folder, lock, model, splits, resume)


def _distillation(settings):
    """Returns the distillation of the settings, or `None`."""
    if settings.distillation == "none":
        return None
    return FromLastStage(
        settings.distillation_temperature, settings.distillation_weight
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
    if not (settings.oracle_stage or settings.oracle_share):
        return nets.get(settings.net, **arguments)
    networks = nets.independent(settings.net, **arguments)
    if settings.oracle_share:
        stage = _stage_within(
            settings.oracle_share, nets.get(settings.net, **arguments)
        )
    else:
        stage = settings.oracle_stage
    if stage > len(networks):
        raise ValueError(
            f"The network has {len(networks)} stages. "
            f"Received: --oracle_stage={stage}"
        )
    return networks[stage - 1]


def _stage_within(share: float, model: AnytimeModel) -> int:
    """Returns the last stage within a share of the cost of the last one."""
    costs = evaluation.stage_costs(model)
    within = [
        cost.stage for cost in costs if cost.macs <= share * costs[-1].macs
    ]
    if not within:
        raise ValueError(
            f"The first stage takes {costs[0].macs / costs[-1].macs:.0%} of "
            "the network's multiply-adds; give a greater share. "
            f"Received: --oracle_share={share}"
        )
    return max(within)


@dataclasses.dataclass(frozen=True, eq=False)
class PreparedTraining:
    """A training whose settings are checked and whose network is built.

    Args:
        settings: The `TrainSettings`.
        folder: The `RunFolder`.
        lock: The file that locks the folder. `run` closes it.
        model: The compiled `AnytimeModel`, with the weights of the last
            checkpoint.
        data: The `TrainingData`.
        resume: The `Resume` callback that restored the model.
    """

    settings: TrainSettings
    folder: RunFolder
    lock: TextIO
    model: AnytimeModel
    data: TrainingData
    resume: callbacks_lib.Resume

    def run(self) -> evaluation.AnytimeCurve:
        """Trains and measures the network, and writes the results.

        Returns:
            The `AnytimeCurve` of the network on the evaluation split.

        Raises:
            ChanceError: If `--give_up_after` ends the training.
            FloatingPointError: If the weights are no longer finite.
            OSError: If a file cannot be written.
        """
        with self.lock, hardware_lib.hardware(self.settings, self.model):
            try:
                logs = fit(
                    self.settings,
                    self.folder,
                    self.model,
                    self.data,
                    self.resume,
                )
                return self._write_results(logs)
            except callbacks_lib.ChanceError as error:
                self.folder.write_gave_up(
                    self.settings.give_up_after, str(error)
                )
                raise
            except OSError as error:
                raise OSError(
                    f"{error}. The checkpoints in {self.folder.path} are "
                    "whole: the same command goes on from there once there is "
                    "room."
                ) from error

    def _write_results(
        self, logs: Sequence[callbacks_lib.EpochLog]
    ) -> evaluation.AnytimeCurve:
        """Measures the trained network, and writes it with its results."""
        curve, curves = self._measure(self.data.eval)
        print(curve)
        test_curve = test_curves = None
        if self.data.test is not None:
            test_curve, test_curves = self._measure(self.data.test)
            print(f"Test split {self.settings.test_split}:\n{test_curve}")
            test_curve.to_csv(self.folder.test_curve_csv)
            test_curve.to_json(self.folder.test_curve_json)
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
            test_curve=None if test_curve is None else test_curve.to_dict(),
            test_curves=test_curves,
        )
        return curve

    def _measure(
        self, split: Any
    ) -> tuple[evaluation.AnytimeCurve, dict[str, Any] | None]:
        """Returns the curve on a split, and those of all label sets as dicts.

        Of several label sets, the curve is that of the finest.
        """
        if not self.model.label_sets:
            return evaluation.anytime_curve(self.model, split), None
        hierarchy = evaluation.hierarchical_curve(self.model, split)
        return next(iter(hierarchy.curves.values())), hierarchy.to_dict()


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
    folder.check_model(settings.model_sha256)
    folder.check_settings(settings.compared(), settings.defaults())
    return folder, folder.lock()
