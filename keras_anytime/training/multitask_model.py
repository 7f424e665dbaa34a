"""MultitaskModel: a Keras model with one named output per task."""

import re
from collections.abc import Callable
from collections.abc import Mapping
from typing import Any

import keras

from keras_anytime import gradients as gradients_lib
from keras_anytime import tasks as tasks_lib
from keras_anytime import weighting as weighting_lib
from keras_anytime.backend.base import BatchLosses
from keras_anytime.backend.types import Tensor
from keras_anytime.saving.configs import warn_of_lost_arguments
from keras_anytime.stages import graph
from keras_anytime.training.joint_trainer import JointTrainer
from keras_anytime.training.losses import loss_name
from keras_anytime.training.losses import reduction_of
from keras_anytime.training.missing import LastLosses
from keras_anytime.training.missing import missing_by_task
from keras_anytime.training.task_labels import check_task_labels
from keras_anytime.training.task_labels import task_targets
from keras_anytime.training.task_labels import task_weights
from keras_anytime.training.task_losses import loss_factors
from keras_anytime.training.task_losses import losses_by_task
from keras_anytime.training.task_losses import task_losses
from keras_anytime.training.task_metrics import task_metrics


@keras.saving.register_keras_serializable(package="keras_anytime")
class MultitaskModel(JointTrainer):
    """A functional Keras model with one named output per task.

    It trains with the weightings and gradient combiners of `AnytimeModel`. Each
    task has a loss of its own, and a gradient over the variables that its
    output reaches in the graph. Tasks may share all of the network, a part of
    it, or nothing.

    ```python
    image = keras.Input((8, 8, 1))
    shared = keras.layers.Flatten()(image)
    shared = keras.layers.Dense(32, activation="relu")(shared)
    digit = keras.layers.Dense(10)(shared)
    ink = keras.layers.Dense(1)(shared)
    tasks = ka.MultitaskModel(image, {"digit": digit, "ink": ink})
    tasks.compile(
        "adam",
        loss={
            "digit": keras.losses.SparseCategoricalCrossentropy(True),
            "ink": "mse",
        },
        metrics={"digit": ["accuracy"]},
        gradients=ka.gradients.UPGrad(),
    )
    ink_labels = images.mean((1, 2, 3))
    tasks.fit(images, {"digit": labels, "ink": ink_labels}, verbose=0)
    ```

    Labels are a dict from tasks to arrays, also in a data set; `predict` gives
    a dict from tasks to arrays. With several inputs, data is a dict from the
    names of the input layers to arrays, or a tuple in their order.

    Training and evaluation log `<task>_loss` and `<task>_<metric>` for each
    task, and `loss`: the sum of the tasks' losses, each times its loss weight,
    plus the regularizers' penalty, as Keras does.

    The order of the tasks is that of `outputs`. It is the order of weights in
    `Constant`, of `priority` in `Orthogonal`, and of the stages that errors of
    weightings and combiners speak of.

    Args:
        inputs: The symbolic input, or a list or dict of several.
        outputs: Dict from names of tasks to symbolic tensors `(batch, ...,
            size)`. Names have letters, digits and underscores.
        name: Optional string.

    Raises:
        ValueError: If `outputs` is no such dict, or a layer is a model with
            several outputs, which hides what each task needs of it.

    Reference:
        [Wan et al., 2020, Section 4](https://arxiv.org/abs/2008.06635)
    """

    def __init__(self, *args: Any, **kwargs: Any):
        outputs = args[1] if len(args) > 1 else kwargs.get("outputs")
        _check_outputs(outputs)
        super().__init__(*args, **kwargs)
        _check_nested(self)
        # Keras takes the names of the layers, and sorts the outputs by key.
        self.output_names = keras.tree.flatten(
            {name: name for name in self.task_names}
        )

    @property
    def task_names(self) -> tuple[str, ...]:  # type: ignore[override]
        """Tuple of the names of the K tasks, in the order of `outputs`."""
        return tuple(self.output)

    @property
    def tasks(self) -> dict[str, tasks_lib.Task]:
        """Dict from names to what shape and loss tell of the tasks."""
        losses = self.loss if self.compiled else {}
        return {
            name: tasks_lib.infer(
                output.shape, loss_name(losses[name]) if losses else None
            )
            for name, output in self.output.items()
        }

    def compile(
        self,
        optimizer: keras.optimizers.Optimizer | str = "sgd",
        loss: keras.losses.Loss | Callable | str | dict | None = None,
        *,
        metrics: list | dict | None = None,
        loss_weights: dict[str, float] | None = None,
        weighting: weighting_lib.Weighting | str | None = None,
        gradients: gradients_lib.Combiner | Callable | str | None = None,
        missing: float | dict[str, float] | None = None,
        weighted_metrics: list | dict | None = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: bool | str = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Configures training. All arguments are saved with the model.

        A task is trained on `loss_weights[task]` times its loss. The weighting
        sees these products, and its weights multiply them again; the combiner
        sees the gradients of the result. By default, all of this is the sum
        that `keras.Model` trains on.

        Args:
            optimizer: A Keras optimizer or its name.
            loss: One Keras loss for all tasks, or a dict from tasks to losses.
                They mean what they mean in Keras: a name takes probabilities.
            metrics: List of Keras metrics or names for all tasks, or a dict
                from tasks to lists.
            loss_weights: Dict from tasks to factors of 0 or more; `None` means
                1 each.
            weighting: A `keras_anytime.weighting.Weighting`, its name, or
                `None` for equal weights.
            gradients: A `keras_anytime.gradients.Combiner`, its name, or
                `None` for `Sum("sum")`.
            missing: Number that marks a missing label, such as -1 or NaN, or a
                dict from tasks to such numbers. An example all of whose values
                of a task are the mark counts neither in the loss of the task,
                the mean over the other examples of the whole batch, nor in its
                metrics. A batch without a label of a task leaves the task out
                of the training step.
            weighted_metrics: Like `metrics`, with sample weights.
            run_eagerly: As in `keras.Model.compile`.
            steps_per_execution: As in `keras.Model.compile`.
            jit_compile: As in `keras.Model.compile`; `"auto"` means XLA on
                GPUs, and always on JAX.
            auto_scale_loss: As in `keras.Model.compile`.

        Raises:
            ValueError: If an argument does not fit the tasks.
        """
        names = self.task_names
        losses = losses_by_task(loss, names)
        factors = loss_factors(loss_weights, names)
        marks = missing_by_task(missing, names)
        if gradients is None:
            gradients = gradients_lib.Sum("sum")
        arguments = {
            "optimizer": optimizer,
            "loss": losses,
            "metrics": metrics,
            "loss_weights": factors,
            "weighting": weighting_lib.get(weighting),
            "gradients": gradients_lib.get(gradients),
            "missing": marks,
            "weighted_metrics": weighted_metrics,
            "jit_compile": jit_compile,
            "run_eagerly": run_eagerly,
            "steps_per_execution": steps_per_execution,
            "auto_scale_loss": auto_scale_loss,
        }
        described = losses, self._named_outputs(self.outputs), marks
        self._configure(
            arguments,
            metrics=task_metrics(metrics, *described, "metrics"),
            weighted_metrics=task_metrics(
                weighted_metrics, *described, "weighted_metrics"
            ),
            reductions={reduction_of(each) for each in losses.values()},
            last_losses=LastLosses() if marks else None,
        )
        warn_of_lost_arguments(
            self.optimizer, losses, metrics, weighted_metrics
        )

    @property
    def loss_names(self) -> tuple[str, ...]:
        """Tuple of the names of the K tasks."""
        return self.task_names

    def loss_variables(self, index: int) -> list[keras.Variable]:
        """Returns the trainable variables that the output of a task reaches.

        Args:
            index: Integer from 0 to K - 1.

        Returns:
            List of `keras.Variable`, in the order of the graph.
        """
        output = self.output[self.task_names[index]]
        return graph.subnetwork_variables(self.inputs, output)

    def batch_losses(
        self,
        y: Any,
        outputs: list[Tensor],
        sample_weight: Any = None,
        training: bool = False,
    ) -> BatchLosses:
        names = self.task_names
        arguments = self.compile_arguments
        return task_losses(
            self.loss,
            task_targets(y, names),
            self._named_outputs(outputs),
            task_weights(sample_weight, names),
            arguments["missing"],
            arguments["loss_weights"] if training else None,
        )

    def output_targets(self, y: Any) -> list:
        targets = task_targets(y, self.task_names)
        return [targets[name] for name in self.output_names]

    def output_weights(self, sample_weight: Any) -> list:
        weights = task_weights(sample_weight, self.task_names)
        return [weights[name] for name in self.output_names]

    def check_labels(self, y: Any, argument: str = "a batch") -> None:
        missing = self.compile_arguments["missing"]
        check_task_labels(self, y, self.tasks, missing, argument)

    def get_metrics_result(self) -> dict:
        """Returns the logs: `loss`, `<task>_loss`, `<task>_<metric>`."""
        results = super().get_metrics_result()
        # The mean over all examples that have a label, also where batches have
        # different numbers of them.
        factors = self.compile_arguments["loss_weights"] or {}
        total = sum(
            factors.get(name, 1.0) * results[f"{name}_loss"]
            for name in self.task_names
        )
        return {**results, "loss": total + results["loss"]}

    def _tracked_loss(self, losses, penalty):
        """Returns the penalty: the tasks' losses have means of their own."""
        return penalty

    def _named_outputs(self, outputs):
        """Returns a dict from tasks to what Keras has in its own order."""
        return dict(zip(self.output_names, outputs, strict=True))


def _check_outputs(outputs: Any) -> None:
    """Raises a `ValueError` if outputs are no dict from tasks to tensors."""
    if (
        not isinstance(outputs, Mapping)
        or not outputs
        or not all(
            isinstance(tensor, keras.KerasTensor) for tensor in outputs.values()
        )
    ):
        raise ValueError(
            "`outputs` must be a dict from names of tasks to symbolic tensors, "
            "as in `MultitaskModel(inputs, {'age': age, 'pose': pose})`. "
            f"Received: outputs={outputs}"
        )
    wrong = [
        name
        for name in outputs
        if not re.fullmatch(r"(?!val_)[A-Za-z0-9_]+", str(name))
    ]
    if wrong:
        raise ValueError(
            "Names of tasks have letters, digits and underscores, and do not "
            "begin with `val_`, as logs of validation do. "
            f"Received: outputs with the tasks {wrong}"
        )
    for name, tensor in outputs.items():
        if len(tensor.shape) < 2:
            raise ValueError(
                "Outputs have the shape (batch, ..., size); one number per "
                "example is (batch, 1). "
                f"Received: the output {name!r} of shape {tensor.shape}"
            )


def _check_nested(model: keras.Model) -> None:
    """Raises a `ValueError` if a layer is a model of several outputs."""
    for operation in model.operations:
        outputs = getattr(operation, "outputs", [])
        if isinstance(operation, keras.Model) and len(outputs) > 1:
            raise ValueError(
                "A model of several outputs, called as a layer, hides which of "
                "its layers each task needs. Use the tensors of its layers, "
                "such as `inner.get_layer(name).output`, with `inner.input` as "
                "the input. "
                f"Received: the model {operation.name!r} with {len(outputs)} "
                "outputs as a layer"
            )
