"""The divergence of a stage's output from its teacher's, for each task."""

from keras import ops

from keras_anytime.backend.types import Tensor
from keras_anytime.tasks import Task


def soft_divergence(
    teacher: Tensor, student: Tensor, task: Task, temperature: float = 1.0
) -> Tensor:
    """Returns the divergence of two outputs, softened by a temperature T.

    - Classification and segmentation, at each position:
      `T² · KL(softmax(t / T) ‖ softmax(s / T))`.
    - Binary and multi-label: `T²` times the mean over the labels of the KL
      divergence of Bernoulli distributions with the logits `t / T` and `s / T`.
    - Regression: the mean over the outputs of `(s - t)²`.

    The gradient of the KL divergence shrinks as `1 / T²`. The factor `T²` keeps
    its size beside that of the labels' loss whatever T is (Hinton 2015, Section
    2). Outputs of a regression are no logits: a temperature would only scale
    the divergence, as the weight of the distillation does, so it is not used.
    The divergence counts all positions, also those whose labels are ignored.

    ```python
    teacher, student = keras.ops.ones((1, 3)), keras.ops.zeros((1, 3))
    ka.distillation.soft_divergence(
        teacher, student, ka.tasks.Classification(3), temperature=3.0
    )  # [0.]: both give all classes the same probability
    ```

    Args:
        teacher: Tensor of the shape of `student`.
        student: Tensor `(batch, ..., size)` of logits, or of the outputs of a
            regression.
        task: The `keras_anytime.tasks.Task` of the output.
        temperature: Float above 0.

    Returns:
        Tensor `(batch, ...)`, without the last axis; 0 where both are equal.

    Raises:
        ValueError: If there is no divergence for the task.

    Reference:
        [Hinton et al., 2015, Section 2](https://arxiv.org/abs/1503.02531)
    """
    if task.name == "regression":
        return ops.mean(ops.square(student - teacher), axis=-1)
    teacher, student = teacher / temperature, student / temperature
    if task.name in ("classification", "segmentation"):
        divergence = ops.sum(
            ops.softmax(teacher)
            * (ops.log_softmax(teacher) - ops.log_softmax(student)),
            axis=-1,
        )
    elif task.name in ("binary", "multi_label"):
        divergence = ops.mean(
            _of_answer(teacher, student) + _of_answer(-teacher, -student),
            axis=-1,
        )
    else:
        raise ValueError(
            "There is no divergence for this task: write a "
            "`keras_anytime.distillation.Distillation` for it. "
            f"Received: task={task}"
        )
    return temperature**2 * divergence


def _of_answer(teacher, student):
    """Returns the share of one answer, yes or no, in the KL divergence."""
    return ops.sigmoid(teacher) * (
        ops.log_sigmoid(teacher) - ops.log_sigmoid(student)
    )
