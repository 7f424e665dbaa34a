"""FromLastStage: all stages learn from the answers of the last one."""

from collections.abc import Sequence
from typing import Any

import keras

from keras_anytime.backend.types import Tensor
from keras_anytime.distillation.base import Distillation
from keras_anytime.distillation.base import is_number
from keras_anytime.distillation.divergence import soft_divergence
from keras_anytime.tasks import Task


@keras.saving.register_keras_serializable(package="keras_anytime")
class FromLastStage(Distillation):
    """Lets all stages but the last learn from the answers of the last stage.

    The loss of stage k < K is `(1 - weight) * L_k + weight * D_k`, where `D_k`
    is the `soft_divergence` of stage k from stage K at the temperature: for
    classification `T² · KL(softmax(z_K / T) ‖ softmax(z_k / T))`. The last
    stage keeps its loss. The teacher is what the last stage gives in the same
    forward pass of the training step, dropout and batch statistics included,
    so distillation costs no further pass. It is detached: stage k pulls
    nothing of the last stage towards itself. So the gradient of stage k stays
    within its subnetwork.

    ```python
    model.compile(
        optimizer="sgd",
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        gradients=ka.gradients.Orthogonal(),
        distillation=ka.distillation.FromLastStage(temperature=3.0, weight=0.5),
    )
    ```

    Args:
        temperature: Float above 0, the temperature T. A higher one softens the
            teacher's answers. A regression does not use it.
        weight: Float in [0, 1]. The share of the divergence in the loss. With
            1, all stages but the last learn from the teacher alone.

    Raises:
        ValueError: If an argument is outside its range. When a model is
            compiled, if it has one stage.

    Reference:
        - [Hinton et al., 2015, Section 2](https://arxiv.org/abs/1503.02531)
        - [Yu and Huang, 2019, Section 3.3](https://arxiv.org/abs/1903.05134),
          in-place distillation
    """

    def __init__(self, temperature: float = 3.0, weight: float = 0.5) -> None:
        super().__init__(weight)
        if not is_number(temperature) or temperature <= 0:
            raise ValueError(
                "`temperature` must be a finite number above 0. "
                f"Received: temperature={temperature!r}"
            )
        self.temperature = float(temperature)

    def teachers(self, outputs: list[Tensor]) -> Sequence[Tensor | None]:
        return [outputs[-1]] * (len(outputs) - 1) + [None]

    def divergence(
        self, teacher: Tensor, student: Tensor, task: Task
    ) -> Tensor:
        return soft_divergence(teacher, student, task, self.temperature)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "temperature": self.temperature}
