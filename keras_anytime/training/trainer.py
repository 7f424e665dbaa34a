"""Training and evaluation of anytime models, as Keras' trainers call it."""

from collections.abc import Callable
from typing import Any

import keras

from keras_anytime import distillation as distillation_lib
from keras_anytime import gradients as gradients_lib
from keras_anytime import weighting as weighting_lib
from keras_anytime.backend.base import BatchLosses
from keras_anytime.backend.types import Tensor
from keras_anytime.saving.configs import warn_of_lost_arguments
from keras_anytime.stages import outputs as outputs_lib
from keras_anytime.tasks import Task
from keras_anytime.training.distilled_losses import distilled_losses
from keras_anytime.training.joint_trainer import JointTrainer
from keras_anytime.training.label_set_tasks import check_losses_fit
from keras_anytime.training.label_set_tasks import check_tasks_known
from keras_anytime.training.label_set_tasks import label_set_tasks
from keras_anytime.training.labels import check_labels
from keras_anytime.training.losses import losses_by_set
from keras_anytime.training.losses import reduction_of
from keras_anytime.training.losses import stage_loss
from keras_anytime.training.metrics import stage_metrics
from keras_anytime.training.output_losses import batch_size
from keras_anytime.training.output_losses import output_losses
from keras_anytime.training.output_losses import summed_over_sets


class StageTrainer(JointTrainer):
    """The part of `AnytimeModel` that compiles, trains and evaluates."""

    label_sets: tuple[str, ...]
    num_stages: int
    task: Task | dict[str, Task] | None
    _means_attribute = "stage_loss_means"

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
        arguments = {
            "optimizer": optimizer,
            "loss": loss,
            "metrics": metrics,
            "weighting": weighting_lib.get(weighting),
            "gradients": gradients_lib.get(gradients),
            "distillation": distillation,
            "weighted_metrics": weighted_metrics,
            "jit_compile": jit_compile,
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
        self._configure(
            arguments,
            metrics=stage_metrics(metrics, *described, "metrics"),
            weighted_metrics=stage_metrics(
                weighted_metrics, *described, "weighted_metrics"
            ),
            reductions=[reduction_of(loss)],
        )
        warn_of_lost_arguments(
            self.optimizer, loss, metrics, weighted_metrics, distillation
        )

    @property
    def loss_reduction(self) -> str:
        """How the losses reduce examples, as Keras calls it."""
        return reduction_of(self.loss)

    @property
    def loss_names(self) -> tuple[str, ...]:
        """Tuple of the names of the K stages, `"stage_1"` and so on."""
        return tuple(f"stage_{key}" for key in self.loss_keys)

    @property
    def loss_keys(self) -> tuple[str, ...]:
        """Tuple of the numbers of the K stages, as strings."""
        return tuple(map(str, outputs_lib.stage_numbers(self.output_names)))

    def batch_losses(
        self,
        y: Any,
        outputs: list[Tensor],
        sample_weight: Any = None,
        training: bool = False,
    ) -> BatchLosses:
        names = self.output_names
        of_labels = output_losses(self.loss, y, outputs, names, sample_weight)
        of_stages = trained = summed_over_sets(of_labels, names)
        if training and self.distillation is not None:
            distilled = distilled_losses(
                self.distillation,
                of_labels,
                outputs,
                loss=self.loss,
                tasks=self.tasks,
                names=names,
                sample_weight=sample_weight,
            )
            trained = summed_over_sets(distilled, names)
        count = self.num_stages
        return BatchLosses(
            trained,
            of_stages,
            [batch_size(outputs)] * count,
            [self.loss_reduction != "sum"] * count,
        )

    def output_targets(self, y: Any) -> list:
        return outputs_lib.targets(y, self.label_sets) * self.num_stages

    def output_weights(self, sample_weight: Any) -> list:
        return outputs_lib.sample_weights(sample_weight, self.output_names)

    def check_labels(self, y: Any, argument: str = "a batch") -> None:
        check_labels(self, y, argument)
