"""Training and evaluation of anytime models, as Keras' trainers call it."""

from collections.abc import Callable
from typing import Any

import keras

from keras_anytime import backend
from keras_anytime import distillation as distillation_lib
from keras_anytime import gradients as gradients_lib
from keras_anytime import weighting as weighting_lib
from keras_anytime.backend import gradient_lists
from keras_anytime.saving.configs import warn_of_lost_arguments
from keras_anytime.stages import outputs as outputs_lib
from keras_anytime.tasks import Task
from keras_anytime.training.fit_options import fit_options
from keras_anytime.training.label_set_tasks import check_losses_fit
from keras_anytime.training.label_set_tasks import check_tasks_known
from keras_anytime.training.label_set_tasks import label_set_tasks
from keras_anytime.training.labels import check_labels
from keras_anytime.training.losses import losses_by_set
from keras_anytime.training.losses import reduction_of
from keras_anytime.training.losses import stage_loss
from keras_anytime.training.metrics import named_results
from keras_anytime.training.metrics import stage_metrics
from keras_anytime.training.named_input_model import NamedInputModel
from keras_anytime.training.nan import batch_weight
from keras_anytime.training.output_losses import stage_losses
from keras_anytime.training.sample_weights import weights_of_metrics
from keras_anytime.training.stage_means import StageMeans
from keras_anytime.training.step import training_step
from keras_anytime.training.tokens import all_known
from keras_anytime.training.tokens import check_tokens


class StageTrainer(NamedInputModel):
    """The part of `AnytimeModel` that compiles, trains and evaluates."""

    label_sets: tuple[str, ...]
    num_stages: int
    task: Task | dict[str, Task] | None
    train_function: Callable | None
    test_function: Callable | None

    @property
    def distribute_strategy(self) -> Any:
        """The `tf.distribute` strategy that the model was made under."""
        return backend.strategy_for_fit(super().distribute_strategy)

    def compile(
        self,
        optimizer: keras.optimizers.Optimizer | str = "sgd",
        loss: keras.losses.Loss | Callable | str | dict | None = None,
        *,
        metrics: list | dict | None = None,
        weighting: weighting_lib.Weighting | str | None = None,
        gradients: gradients_lib.Combiner | Callable | str | None = None,
        distillation: distillation_lib.Distillation | str | None = None,
        loss_weights: None = None,
        weighted_metrics: list | dict | None = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: bool | str = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Configures training. All arguments are saved with the model.

        The attributes `weighting`, `gradient_combiner` and `distillation` hold
        the weighting, the gradient combiner and the distillation.

        Args:
            optimizer: A Keras optimizer or its name.
            loss: One Keras loss for all outputs, from targets and logits. With
                label sets, also a dict from them to losses. A stage's loss is
                the sum over its label sets.
            metrics: List of Keras metrics or names, computed for every output.
                With label sets, also a dict from them to lists. Names stand for
                metrics of logits: the accuracy of a single logit is that at a
                probability of 1/2.
            weighting: A `keras_anytime.weighting.Weighting`, its name, or
                `None` for equal weights.
            gradients: A `keras_anytime.gradients.Combiner`, its name, or
                `None` for `Sum()`, plain SGD.
            distillation: A `keras_anytime.distillation.Distillation`, its
                name, or `None`. The weighting and the combiner see the losses
                that it mixes; logs show the losses of the labels alone, so that
                training and evaluation compare.
            loss_weights: Must be `None`. `weighting` and `gradients` replace
                this argument of Keras, as the error explains.
            weighted_metrics: Like `metrics`, with sample weights.
            run_eagerly: As in `keras.Model.compile`.
            steps_per_execution: As in `keras.Model.compile`.
            jit_compile: As in `keras.Model.compile`; `"auto"` means XLA on
                GPUs, and always on JAX.
            auto_scale_loss: As in `keras.Model.compile`.

        Raises:
            ValueError: If an argument does not fit the network.
        """
        outputs_lib.check_names(self.output_names)
        loss = stage_loss(loss, loss_weights, self.label_sets)
        check_losses_fit(self, loss)
        distillation = distillation_lib.get(distillation)
        if distillation is not None:
            distillation.check_stages(self.num_stages)
            check_tasks_known(self, loss)
        weighting = weighting_lib.get(weighting)
        combiner = gradients_lib.get(gradients)
        weighting.ensure_built(self.num_stages)
        combiner.ensure_built(self.num_stages)
        jit = jit_compile
        if jit == "auto":
            jit = backend.default_jit_compile(self) and not run_eagerly
        backend.check_strategy(self, jit, optimizer, reduction_of(loss))
        execution = {
            "run_eagerly": run_eagerly,
            "steps_per_execution": steps_per_execution,
            "auto_scale_loss": auto_scale_loss,
        }
        described = (
            self.num_stages,
            label_set_tasks(self, loss),
            losses_by_set(loss, self.label_sets),
            self.task is not None,
        )
        super().compile(
            optimizer=optimizer,
            metrics=stage_metrics(metrics, *described, "metrics"),
            weighted_metrics=stage_metrics(
                weighted_metrics, *described, "weighted_metrics"
            ),
            jit_compile=jit,
            **execution,
        )
        if not hasattr(self, "stage_loss_means"):
            self.stage_loss_means = [
                keras.metrics.Mean(name=f"stage_{k}_loss")
                for k in outputs_lib.stage_numbers(self.output_names)
            ]
        arguments = {
            "optimizer": self.optimizer,
            "loss": loss,
            "metrics": metrics,
            "weighting": weighting,
            "gradients": combiner,
            "distillation": distillation,
            "weighted_metrics": weighted_metrics,
            "jit_compile": jit_compile,
            **execution,
        }
        # Their state is saved and is among `variables`. If Keras tracked them
        # as layers, it would be among the weights of the network too.
        # Keras saves their state under the first attribute, by alphabet, that
        # holds them: `compile_arguments`. Another place would lose the state in
        # files that were saved before.
        untracked = {
            "loss": loss,
            "weighting": weighting,
            "gradient_combiner": combiner,
            "distillation": distillation,
            "mean_loss_weights": StageMeans(self.num_stages, "weight"),
            "mean_trained_losses": StageMeans(self.num_stages, "loss"),
            "_compile_arguments": arguments,
        }
        for name, value in untracked.items():
            object.__setattr__(self, name, value)
        warn_of_lost_arguments(
            self.optimizer, loss, metrics, weighted_metrics, distillation
        )

    @property
    def compile_arguments(self) -> dict[str, Any]:
        """Dict of the arguments of `compile`; empty before it."""
        return dict(self._compile_arguments) if self.compiled else {}

    @property
    def loss_reduction(self) -> str:
        """How the losses reduce examples, as Keras calls it."""
        return reduction_of(self.loss)

    def get_compile_config(self) -> dict[str, Any]:
        return keras.saving.serialize_keras_object(self.compile_arguments)

    def compile_from_config(self, config: dict[str, Any]) -> None:
        self.compile(**keras.saving.deserialize_keras_object(config))
        self.optimizer.build(self.trainable_variables)

    @property
    def variables(self) -> list[keras.Variable]:
        parts = (
            [self.weighting, self.gradient_combiner] if self.compiled else []
        )
        state = [variable for part in parts for variable in part.variables]
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
        """Trains all stages together; arguments as in `keras.Model.fit`.

        Keras' progress bar is left out if a callback such as `StageProgress`
        shows the progress. A training set of `keras_anytime.data` has the order
        and augmentation of epoch `initial_epoch`.

        Args:
            x: Array of inputs; of several inputs a dict by their names or a
                tuple in their order; or a data set of pairs (inputs, labels).
            y: Labels, if `x` holds inputs only; with label sets a dict.
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
                a dict of weights for outputs, stages or label sets.
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
            FloatingPointError: If a stage's loss, a batch or a variable is not
                finite.
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
            check_labels(self, y)
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
            x, sample_weight, forward.label_losses, forward.penalty
        )
        return self.compute_metrics(x, y, forward.outputs, sample_weight)

    def _run_test_batch(self, x, y, sample_weight):
        outputs = keras.tree.flatten(self(x, training=False))
        losses, _ = backend.whole_batch_losses(
            self.loss_reduction,
            stage_losses(
                self.loss, y, outputs, self.output_names, sample_weight
            ),
            x,
        )
        penalty = gradient_lists.penalty(self.losses, losses.dtype)
        self._track_losses(x, sample_weight, losses, penalty)
        return self.compute_metrics(x, y, outputs, sample_weight)

    def compute_metrics(
        self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None
    ) -> dict:
        """Updates every output's metrics with the labels of its label set."""
        y_pred = keras.tree.flatten(y_pred)
        if sample_weight is not None:
            sample_weight = weights_of_metrics(
                outputs_lib.sample_weights(sample_weight, self.output_names),
                y_pred,
            )
        return super().compute_metrics(
            x,
            outputs_lib.targets(y, self.label_sets) * self.num_stages,
            y_pred,
            sample_weight=sample_weight,
        )

    def get_metrics_result(self) -> dict:
        """Returns the logs: `loss`, `stage_k_loss`, `<output>_<metric>`."""
        own = {"loss", *(metric.name for metric in self.stage_loss_means)}
        return named_results(
            super().get_metrics_result(), self.output_names, own
        )

    def _track_losses(self, x, sample_weight, losses, penalty):
        size = keras.ops.shape(keras.tree.flatten(x)[0])[0]
        of_stages = keras.ops.unstack(losses, self.num_stages)
        for metric, loss in zip(self.stage_loss_means, of_stages, strict=True):
            metric.update_state(loss, sample_weight=size)
        total = keras.ops.mean(losses) + penalty
        count = batch_weight(size, x, sample_weight, all_known(self, x))
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(total, sample_weight=count)
