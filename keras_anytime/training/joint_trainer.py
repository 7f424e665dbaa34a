"""JointTrainer: training of several losses, as Keras' trainers call it."""

from collections.abc import Callable
from collections.abc import Collection
from typing import Any

import keras

from keras_anytime import backend
from keras_anytime import distillation as distillation_lib
from keras_anytime import gradients as gradients_lib
from keras_anytime import weighting as weighting_lib
from keras_anytime.backend import gradient_lists
from keras_anytime.training.fit_options import fit_options
from keras_anytime.training.joint_model import JointModel
from keras_anytime.training.metrics import named_results
from keras_anytime.training.missing import LastLosses
from keras_anytime.training.nan import batch_weight
from keras_anytime.training.sample_weights import weights_of_metrics
from keras_anytime.training.stage_means import StageMeans
from keras_anytime.training.step import training_step
from keras_anytime.training.tokens import all_known
from keras_anytime.training.tokens import check_tokens

# The arguments of `compile` that Keras takes as they are.
_EXECUTION = ("run_eagerly", "steps_per_execution", "auto_scale_loss")


class JointTrainer(JointModel):
    """The part of a model that trains its K losses, with a gradient for each.

    Attributes:
        weighting: The `Weighting` that the model is compiled with.
        gradient_combiner: The `Combiner` that the model is compiled with.
        distillation: The `Distillation`, or `None`.
        last_losses: The losses of batches that have examples of them, where a
            batch may lack them; else `None`.
    """

    weighting: weighting_lib.Weighting
    gradient_combiner: gradients_lib.Combiner
    distillation: distillation_lib.Distillation | None = None
    last_losses: LastLosses | None = None
    train_function: Callable | None
    test_function: Callable | None

    @property
    def distribute_strategy(self) -> Any:
        """The `tf.distribute` strategy that the model was made under."""
        return backend.strategy_for_fit(super().distribute_strategy)

    def _configure(
        self,
        arguments: dict[str, Any],
        *,
        metrics: list | None,
        weighted_metrics: list | None,
        reductions: Collection[str],
        last_losses: LastLosses | None = None,
    ) -> None:
        """Configures training, which `compile` calls with checked arguments.

        Args:
            arguments: Dict of the arguments of `compile`, saved with the model.
            metrics: As Keras takes them for the outputs.
            weighted_metrics: Like `metrics`, with sample weights.
            reductions: Collection of strings, how the losses reduce examples.
            last_losses: The attribute of this name.
        """
        weighting, combiner = arguments["weighting"], arguments["gradients"]
        count = len(self.loss_names)
        weighting.ensure_built(count)
        combiner.ensure_built(count)
        if last_losses is not None:
            last_losses.ensure_built(count)
        execution = {name: arguments[name] for name in _EXECUTION}
        jit = arguments["jit_compile"]
        if jit == "auto":
            jit = (
                backend.default_jit_compile(self)
                and not arguments["run_eagerly"]
            )
        for reduction in sorted(reductions):
            backend.check_strategy(self, jit, arguments["optimizer"], reduction)
        super().compile(
            optimizer=arguments["optimizer"],
            metrics=metrics,
            weighted_metrics=weighted_metrics,
            jit_compile=jit,
            **execution,
        )
        if not hasattr(self, self._means_attribute):
            means = [
                keras.metrics.Mean(name=f"{name}_loss")
                for name in self.loss_names
            ]
            setattr(self, self._means_attribute, means)
        # Their state is saved and is among `variables`. If Keras tracked them
        # as layers, it would be among the weights of the network too.
        # Keras saves their state under the first attribute, by alphabet, that
        # holds them: `compile_arguments`. Another place would lose the state in
        # files that were saved before.
        untracked = {
            "loss": arguments["loss"],
            "weighting": weighting,
            "gradient_combiner": combiner,
            "distillation": arguments.get("distillation"),
            "last_losses": last_losses,
            "mean_loss_weights": StageMeans(count, "weight"),
            "mean_trained_losses": StageMeans(count, "loss"),
            "_compile_arguments": {**arguments, "optimizer": self.optimizer},
        }
        for name, value in untracked.items():
            object.__setattr__(self, name, value)

    @property
    def compile_arguments(self) -> dict[str, Any]:
        """Dict of the arguments of `compile`; empty before it."""
        return dict(self._compile_arguments) if self.compiled else {}

    def get_compile_config(self) -> dict[str, Any]:
        return keras.saving.serialize_keras_object(self.compile_arguments)

    def compile_from_config(self, config: dict[str, Any]) -> None:
        self.compile(**keras.saving.deserialize_keras_object(config))
        self.optimizer.build(self.trainable_variables)

    @property
    def variables(self) -> list[keras.Variable]:
        parts = (
            [self.weighting, self.gradient_combiner, self.last_losses]
            if self.compiled
            else []
        )
        state = [
            variable
            for part in parts
            if part is not None
            for variable in part.variables
        ]
        return [*super().variables, *state]

    @property
    def non_trainable_variables(self) -> list[keras.Variable]:
        # On JAX a training step takes and returns all that it changes.
        if not self.compiled:
            return super().non_trainable_variables
        return [
            *super().non_trainable_variables,
            *self.mean_loss_weights.variables,
            *self.mean_trained_losses.variables,
        ]

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: str | int = "auto",
        callbacks: list | None = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool | None = None,
        class_weight: dict | None = None,
        sample_weight: Any = None,
        initial_epoch: int | None = None,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int = 1,
    ) -> keras.callbacks.History:
        """Trains all losses together; arguments as in `keras.Model.fit`.

        Keras' progress bar is left out if a callback such as `StageProgress`
        shows the progress. A training set of `keras_anytime.data` has the order
        and augmentation of epoch `initial_epoch`.

        Args:
            x: Array of inputs; of several inputs a dict by their names or a
                tuple in their order; or a data set of pairs (inputs, labels).
            y: Labels, if `x` holds inputs only; with label sets or tasks a
                dict by their names.
            batch_size: As in `keras.Model.fit`.
            epochs: As in `keras.Model.fit`.
            verbose: As in `keras.Model.fit`.
            callbacks: As in `keras.Model.fit`.
            validation_split: As in `keras.Model.fit`.
            validation_data: As in `keras.Model.fit`.
            shuffle: As in `keras.Model.fit`; `None` means True for arrays, and
                the own order of a data set.
            class_weight: As in `keras.Model.fit`.
            sample_weight: Weights of the examples for all outputs, or a list or
                a dict of weights for outputs, stages, label sets or tasks.
            initial_epoch: As in `keras.Model.fit`; `None` means 0, and the
                next epoch of a training set of `keras_anytime.data`.
            steps_per_epoch: As in `keras.Model.fit`.
            validation_steps: As in `keras.Model.fit`.
            validation_batch_size: As in `keras.Model.fit`.
            validation_freq: As in `keras.Model.fit`.

        Returns:
            A `keras.callbacks.History`.

        Raises:
            ValueError: If inputs have other names or another shape than those
                of the network or are not finite, or labels are not what the
                loss takes.
            FloatingPointError: If a loss, a batch or a variable is not finite.
        """
        arguments = {
            "x": x,
            "y": y,
            "batch_size": batch_size,
            "epochs": epochs,
            "verbose": verbose,
            "callbacks": callbacks,
            "validation_split": validation_split,
            "validation_data": validation_data,
            "shuffle": shuffle,
            "class_weight": class_weight,
            "sample_weight": sample_weight,
            "initial_epoch": initial_epoch,
            "steps_per_epoch": steps_per_epoch,
            "validation_steps": validation_steps,
            "validation_batch_size": validation_batch_size,
            "validation_freq": validation_freq,
        }
        given = {
            name: value
            for name, value in arguments.items()
            if value is not None
        }
        with backend.scope(self):
            options = fit_options(self, given)
        return super().fit(**options)

    def make_train_function(self, force: bool = False) -> None:
        old = self.train_function
        super().make_train_function(force)
        if self.train_function is not old:
            self.train_function = self._checked(self.train_function)

    def make_test_function(self, force: bool = False) -> None:
        old = self.test_function
        super().make_test_function(force)
        if self.test_function is not old:
            self.test_function = self._checked(self.test_function)

    def _checked(self, function):
        def check(x, y):
            self.check_labels(y)
            check_tokens(self, x, "a batch")

        return backend.check_each_batch(self, function, check)

    def train_step(self, *args: Any) -> Any:
        """Trains on one batch of (inputs, labels[, sample weights]).

        Args:
            *args: The batch; on JAX, the values of all variables before it.

        Returns:
            The logs; on JAX, also the values of all variables after the batch.
        """
        return backend.run_batch(self, self._run_training_batch, *args)

    def test_step(self, *args: Any) -> Any:
        """Evaluates one batch; arguments and result as of `train_step`.

        Args:
            *args: As of `train_step`.
        """
        return backend.run_batch(self, self._run_test_batch, *args)

    def _run_training_batch(self, x, y, sample_weight):
        forward = training_step(self, x, y, sample_weight)
        self._track_losses(
            x,
            sample_weight,
            forward.label_losses,
            forward.counts,
            forward.penalty,
        )
        return self.compute_metrics(x, y, forward.outputs, sample_weight)

    def _run_test_batch(self, x, y, sample_weight):
        outputs = keras.tree.flatten(self(x, training=False))
        found = self.batch_losses(y, outputs, sample_weight)
        losses, _, _ = backend.whole_batch_losses(
            found.of_labels, found.counts, found.are_means
        )
        penalty = gradient_lists.penalty(self.losses, losses.dtype)
        self._track_losses(x, sample_weight, losses, found.counts, penalty)
        return self.compute_metrics(x, y, outputs, sample_weight)

    def compute_metrics(
        self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None
    ) -> dict:
        """Updates every output's metrics with the labels of the output."""
        y_pred = keras.tree.flatten(y_pred)
        if sample_weight is not None:
            sample_weight = weights_of_metrics(
                self.output_weights(sample_weight), y_pred
            )
        return super().compute_metrics(
            x, self.output_targets(y), y_pred, sample_weight=sample_weight
        )

    def get_metrics_result(self) -> dict:
        """Returns the logs: `loss`, and losses and metrics by their names."""
        own = {"loss", *(metric.name for metric in self._loss_means())}
        return named_results(
            super().get_metrics_result(), self.output_names, own
        )

    def _track_losses(self, x, sample_weight, losses, counts, penalty):
        for metric, loss, count in zip(
            self._loss_means(),
            keras.ops.unstack(losses, len(self.loss_names)),
            counts,
            strict=True,
        ):
            metric.update_state(loss, sample_weight=count)
        size = keras.ops.shape(keras.tree.flatten(x)[0])[0]
        count = batch_weight(size, x, sample_weight, all_known(self, x))
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(
                    self._tracked_loss(losses, penalty), sample_weight=count
                )

    def _tracked_loss(self, losses, penalty):
        """Returns what the metric `loss` is the mean of."""
        return keras.ops.mean(losses) + penalty
