"""The interface of distillations: which stage teaches which, and how."""

import abc
import math
import numbers
from collections.abc import Sequence
from typing import Any

from keras import ops

from keras_anytime.backend.types import Tensor
from keras_anytime.tasks import Task


class Distillation(abc.ABC):
    """Lets stages learn from outputs of other stages beside the labels.

    In training, the loss of a stage with a teacher becomes
    `(1 - weight) * L_k + weight * D_k`, where `L_k` is the loss of its labels
    and `D_k` the mean divergence from its teacher. The weighting and the
    combiner see this loss. Logs and evaluation show `L_k`.

    A subclass implements `teachers` and `divergence`, and has no state. All
    that `teachers` receives and returns is detached: no gradient flows through
    it, so the gradient of stage k stays within the subnetwork of stage k,
    whatever a subclass does.

    ```python
    @keras.saving.register_keras_serializable(package="docs")
    class FromNextStage(ka.distillation.Distillation):
        def teachers(self, outputs):
            return [*outputs[1:], None]

        def divergence(self, teacher, student, task):
            return ka.distillation.soft_divergence(teacher, student, task)


    model.compile("sgd", model.loss, distillation=FromNextStage(weight=0.3))
    ```

    Args:
        weight: Float in [0, 1]. The share of the divergence in the loss of a
            stage that has a teacher.

    Raises:
        ValueError: If `weight` is outside [0, 1].
    """

    def __init__(self, weight: float = 0.5) -> None:
        if not is_number(weight) or not 0 <= weight <= 1:
            raise ValueError(
                f"`weight` must be in [0, 1]. Received: weight={weight!r}"
            )
        self.weight = float(weight)

    @abc.abstractmethod
    def teachers(self, outputs: list[Tensor]) -> Sequence[Tensor | None]:
        """Returns what each stage is to give.

        With label sets it is called once for each label set.

        Args:
            outputs: List of K tensors, the detached outputs of all stages.

        Returns:
            Sequence of K tensors of the shapes of the outputs; `None` where a
            stage has no teacher and keeps its loss.
        """

    @abc.abstractmethod
    def divergence(
        self, teacher: Tensor, student: Tensor, task: Task
    ) -> Tensor:
        """Returns how far a stage's output is from its teacher's.

        It is reduced over the batch, and weighted by sample weights, as the
        loss of the labels is.

        Args:
            teacher: Tensor of the shape of `student`, detached.
            student: Tensor `(batch, ..., size)`, the output of a stage.
            task: The `keras_anytime.tasks.Task` of the output.

        Returns:
            Tensor `(batch, ...)`, without the last axis.
        """

    def detached_teachers(
        self, outputs: Sequence[Tensor]
    ) -> list[Tensor | None]:
        """Returns the teachers, checked and detached.

        Args:
            outputs: Sequence of the K outputs of one label set.

        Returns:
            List of K tensors or `None`.

        Raises:
            ValueError: If `teachers` does not return one teacher per stage,
                of the shape of its output.
        """
        shapes = [tuple(output.shape) for output in outputs]
        found = list(self.teachers([ops.stop_gradient(o) for o in outputs]))
        found_shapes = [
            None if teacher is None else tuple(teacher.shape)
            for teacher in found
        ]
        if len(found) != len(shapes) or any(
            here not in (None, shape)
            for here, shape in zip(found_shapes, shapes, strict=True)
        ):
            raise ValueError(
                f"`{type(self).__name__}.teachers` must return one tensor or "
                f"None per stage, of the shapes {shapes}. "
                f"Received: shapes {found_shapes}"
            )
        return [
            None if teacher is None else ops.stop_gradient(teacher)
            for teacher in found
        ]

    def check_stages(self, num_stages: int) -> None:
        """Raises an error if a network has too few stages.

        Args:
            num_stages: Integer K.

        Raises:
            ValueError: If there is a single stage.
        """
        if num_stages < 2:
            raise ValueError(
                "A network of one stage has no other stage to learn from: "
                "compile it without `distillation`. "
                f"Received: distillation={self}"
            )

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of `__init__`."""
        return {"weight": self.weight}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Distillation":
        """Returns a distillation with these arguments.

        Args:
            config: Dict, as from `get_config`.
        """
        return cls(**config)

    def __repr__(self) -> str:
        arguments = ", ".join(
            f"{name}={value!r}" for name, value in self.get_config().items()
        )
        return f"{type(self).__name__}({arguments})"


def is_number(value: Any) -> bool:
    """Returns whether a value is a finite real number."""
    return (
        isinstance(value, numbers.Real)
        and not isinstance(value, bool)
        and math.isfinite(value)
    )
