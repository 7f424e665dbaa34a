"""AnytimeModel: a Keras model with one output of logits per stage."""

import copy
import functools
import os
from collections.abc import Sequence
from typing import Any
from typing import NoReturn

import keras

from keras_anytime import layers  # noqa: F401  (saved networks need them)
from keras_anytime import tasks as tasks_lib
from keras_anytime.saving.models import refuse_export
from keras_anytime.stages import graph
from keras_anytime.stages import outputs as outputs_lib
from keras_anytime.stages import step as step_lib
from keras_anytime.stages.subset import single_stage
from keras_anytime.stages.subset import stage_outputs
from keras_anytime.stages.validation import check_graph
from keras_anytime.training.label_set_tasks import label_set_tasks
from keras_anytime.training.trainer import StageTrainer


@keras.saving.register_keras_serializable(package="keras_anytime")
class AnytimeModel(StageTrainer):
    """A functional Keras model with one output per stage.

    Stage k is the subgraph that output k needs. Outputs are ordered from the
    smallest subnetwork to the whole network. Except for the heads, each
    subnetwork contains the one before it. The builders in `keras_anytime.nets`
    return such models. `AnytimeModel(inputs, outputs)` makes one of any such
    graph of Keras layers.

    ```python
    model = ka.nets.width_nested_resnet(
        (8, 8, 1), classes=10, units=(1, 1, 1), filters=(8, 16, 32)
    )
    model.compile(
        optimizer=keras.optimizers.SGD(0.1, momentum=0.9),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        weighting=ka.weighting.AdaLoss(),
        gradients=ka.gradients.Orthogonal(),
    )
    model.fit(images, labels)  # one target for all stages
    logits = model.stage(1)(images)  # only the first answer
    ```

    With several sets of labels, each stage has one output per label set
    (hierarchical prediction). Labels are then a dict from label sets to
    labels, and a stage's loss is the sum over its label sets.

    `task` says what the outputs mean; see `keras_anytime.tasks`. Without it,
    outputs `(batch, classes)` are logits of classes, or of yes and no if the
    loss is a binary cross entropy.

    With several inputs, data is a dict from the names of the input layers to
    arrays, or a tuple in their order. A stage may need only some of them.

    Training and evaluation log `stage_k_loss` and `stage_k_<metric>` for each
    stage k (with label sets `stage_k_<label set>_<metric>`), and `loss`: the
    mean of the stages' losses plus the regularizers' penalty. This mean has
    equal weights, so that epochs and trainings can be compared.

    Args:
        inputs: The symbolic input, such as an image `(batch, height, width,
            channels)`; or a list or dict of several inputs.
        outputs: List of K symbolic tensors `(batch, classes)` of layers named
            `stage_1` to `stage_K`. With label sets, one tensor for each stage
            and label set, of layers named `stage_1_<label set>` and so on. The
            label sets have the same order at each stage, finest first.
        name: Optional string.
        task: A task of `keras_anytime.tasks`, with label sets a dict of tasks;
            or `None` for the task that shape and loss of the outputs tell.

    Raises:
        ValueError: If an output is a softmax or sigmoid or does not fit its
            task, a model is called as a layer, or stages are not in order.

    Reference:
        [Lee and Shin, 2018, Section 3.3](https://arxiv.org/abs/1807.02609)
    """

    def __init__(self, *args: Any, task: Any = None, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self._set_task(task)
        check_graph(self)

    @property
    def task(  # type: ignore[override]  # No setter.
        self,
    ) -> tasks_lib.Task | dict[str, tasks_lib.Task] | None:
        """The task that was given, with label sets a dict; or `None`."""
        return copy.copy(self._task)

    @property
    def tasks(self) -> dict[str | None, tasks_lib.Task]:
        """Dict from label sets to tasks; the key of the only task is `None`.

        Where no task was given, shape and loss of the outputs tell it.
        """
        return label_set_tasks(self, self.loss if self.compiled else None)

    @property
    def label_sets(self) -> tuple[str, ...]:  # type: ignore[override]  # No setter.
        """Tuple of the label sets' names; empty for one set of labels."""
        return outputs_lib.label_sets(self.output_names)

    @property
    def num_stages(self) -> int:  # type: ignore[override]  # No setter.
        """Number of stages K."""
        return len(self.outputs) // (len(self.label_sets) or 1)

    @property
    def interruptible(self) -> bool:
        """Whether the network runs step by step, each step refining the last.

        Otherwise each stage takes a forward pass of its own, and there are no
        steps.
        """
        return self._why_no_steps is None

    @functools.cached_property
    def _why_no_steps(self):
        return step_lib.why_no_steps(self)

    def by_stage(self, values: Sequence) -> list:
        """Groups the values of all outputs by stage.

        Args:
            values: Sequence of one value per output, such as their logits.

        Returns:
            List of K values; with label sets, list of K dicts from label sets
            to values.
        """
        return outputs_lib.by_stage(values, self.label_sets)

    def stage(self, k: int) -> keras.Model:
        """Returns stage k alone, sharing this model's variables.

        Args:
            k: Integer from 1 to `num_stages`.

        Returns:
            A `keras.Model` from the image to the logits of stage k. It holds no
            variable of later stages. With label sets it gives a dict from
            label sets to logits.

        Raises:
            ValueError: If there is no such stage.
        """
        self._check_stage(k)
        return single_stage(self, k, name=f"{self.name}_stage_{k}")

    def step(self, k: int) -> step_lib.Step:
        """Returns what stage k adds to stage k - 1, sharing variables.

        Running the steps in order gives each stage's logits:

        ```python
        features = {"image": images}
        for k in range(1, model.num_stages + 1):
            features |= model.step(k)(features)
            print(features["logits"])
        ```

        Args:
            k: Integer from 1 to `num_stages`.

        Returns:
            A `Step`: a `keras.Model` from a dict of tensors to a dict of
            tensors. It reads the image and the features of earlier steps that
            it needs. It gives `"logits"` (with label sets
            `"logits_<label set>"` for each set), and each feature that a later
            step needs.

        Raises:
            ValueError: If there is no such stage, or the network is not
                `interruptible`.
        """
        self._check_stage(k)
        if self._why_no_steps is not None:
            raise ValueError(
                f"{self._why_no_steps} Received: step k={k} of {self.name!r}"
            )
        return step_lib.build_step(self, k)

    def feature_names(self) -> dict[int, str]:
        """Returns the names of features; see `stages.step.feature_names`."""
        return step_lib.feature_names(self)

    def stage_operations(self, k: int) -> list[keras.Operation]:
        """Returns the Keras operations that stage k needs, in order.

        Args:
            k: Integer from 1 to `num_stages`.

        Returns:
            List of Keras operations, the image's input layer first.
        """
        self._check_stage(k)
        outputs = stage_outputs(self, [k])
        return graph.subnetwork_operations(self.inputs, outputs)

    def stage_variables(self, k: int) -> list[keras.Variable]:
        """Returns the trainable variables of the subnetwork of stage k.

        Args:
            k: Integer from 1 to `num_stages`.

        Returns:
            List of `keras.Variable`, in the order of the graph.
        """
        self._check_stage(k)
        outputs = stage_outputs(self, [k])
        return graph.subnetwork_variables(self.inputs, outputs)

    def loss_variables(self, index: int) -> list[keras.Variable]:
        """Returns the trainable variables of the loss of a stage.

        Args:
            index: Integer from 0 to `num_stages` - 1.

        Returns:
            List of `keras.Variable`, those of `stage_variables(index + 1)`.
        """
        return self.stage_variables(index + 1)

    @property
    def feature_inputs(self) -> dict[str, keras.KerasTensor]:
        """Dict from the names of the inputs in steps to symbolic tensors.

        A single input is `"image"`; several go by the names of their layers.
        """
        return step_lib.feature_inputs(self)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        if self._task is not None:
            config["task"] = tasks_lib.serialize(self._task)
        return config

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: dict | None = None
    ) -> "AnytimeModel":
        plain = {key: config[key] for key in config if key != "task"}
        model = super().from_config(plain, custom_objects)
        model._set_task(tasks_lib.deserialize(config.get("task")))
        return model

    def _set_task(self, task):
        shapes = [tensor.shape for tensor in self.outputs]
        outputs_lib.check_tasks(task, self.output_names, shapes)
        # Keras would wrap a dict, which is then no plain value.
        object.__setattr__(self, "_task", copy.copy(task))

    def export(
        self, filepath: str | os.PathLike, *args: Any, **kwargs: Any
    ) -> NoReturn:
        """Raises an error: `keras_anytime.export` exports all stages.

        Args:
            filepath: As in `keras.Model.export`.
            *args: As in `keras.Model.export`.
            **kwargs: As in `keras.Model.export`.

        Raises:
            ValueError: Always; it names the functions to call.
        """
        refuse_export(filepath)

    def _check_stage(self, k):
        if k not in range(1, self.num_stages + 1):
            raise ValueError(
                f"This model has the stages 1 to {self.num_stages}. "
                f"Received: k={k}"
            )
