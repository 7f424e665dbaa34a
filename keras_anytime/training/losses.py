"""The loss that serves all stages, and the losses of all stages from it."""

import inspect
import re
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

import keras

from keras_anytime.backend.types import Tensor
from keras_anytime.stages import outputs as outputs_lib

# `keras.losses.get` returns the function for a name in snake case, and the
# class for a name in camel case.
_ON_PROBABILITIES = {
    keras.losses.CategoricalGeneralizedCrossEntropy: (
        keras.losses.categorical_generalized_cross_entropy
    ),
    keras.losses.Dice: keras.losses.dice,
    keras.losses.KLDivergence: keras.losses.kl_divergence,
    keras.losses.Poisson: keras.losses.poisson,
    keras.losses.Tversky: keras.losses.tversky,
}


def stage_loss(loss: Any, loss_weights: Any = None) -> keras.losses.Loss:
    """Returns the Keras loss that serves all stages.

    Args:
        loss: A `keras.losses.Loss`, a loss function, or a name: the argument of
            `compile`. A function or a name that could take logits or
            probabilities takes logits, which the stages give.
        loss_weights: Keras' argument of this name; must be `None`, because
            `weighting` replaces it.

    Returns:
        A `keras.losses.Loss`.

    Raises:
        ValueError: If `loss` is not a single loss, or takes probabilities, or
            if `loss_weights` is given.
    """
    if loss_weights is not None:
        raise ValueError(
            "`weighting` replaces `loss_weights`: give "
            "`weighting=keras_anytime.weighting.Constant([...])` with one "
            "weight per stage. The weighted losses are averaged; for their "
            "sum, as in Keras, also give "
            "`gradients=keras_anytime.gradients.Sum('sum')`. "
            f"Received: loss_weights={loss_weights}"
        )
    if loss is None or isinstance(loss, (list, tuple, dict)):
        raise ValueError(
            "`loss` must be one Keras loss, which serves all stages; "
            "`weighting` weights the stages. "
            f"Received: loss={loss}"
        )
    argument = loss
    loss = keras.losses.get(loss)
    if not isinstance(loss, keras.losses.Loss):
        loss = LossFunction(loss)
    elif loss.reduction in (None, "none"):
        raise ValueError(
            "The loss must reduce all examples to one number. "
            f"Received: loss={loss} with reduction={loss.reduction!r}"
        )
    elif loss.get_config().get("from_logits") is False:
        raise ValueError(
            "The stages give logits: make the loss with `from_logits=True`. "
            f"Received: loss={loss}"
        )
    if _takes_probabilities(loss):
        raise ValueError(
            "The stages give logits, and this loss takes probabilities and has "
            "no form for logits. Use a cross entropy with `from_logits=True`, "
            "or write a loss that applies `keras.ops.softmax` to the logits "
            f"first. Received: loss={argument}"
        )
    return loss


def takes_logits(loss: keras.losses.Loss) -> bool:
    """Returns whether a loss is known to take logits.

    Args:
        loss: A `keras.losses.Loss`.
    """
    if isinstance(loss, LossFunction):
        return loss.from_logits
    return loss.get_config().get("from_logits") is True


def task_of(loss: keras.losses.Loss, classes: int) -> str | None:
    """Returns the task of an output if it is not to choose one class.

    Args:
        loss: A `keras.losses.Loss`.
        classes: Integer. Number of logits.

    Returns:
        `"binary"` for one logit with a binary cross entropy, `"multi_label"`
        for several logits with one; `None` for all other losses.
    """
    if "binary" not in (loss.name or ""):
        return None
    return "binary" if classes == 1 else "multi_label"


def stage_losses(
    loss: keras.losses.Loss,
    y: Any,
    outputs: Sequence[Tensor],
    names: Sequence[str],
    sample_weight: Any = None,
) -> list[Tensor]:
    """Returns each stage's loss: the sum over the label sets, if any.

    Args:
        loss: A `keras.losses.Loss`.
        y: Targets of all stages; for several label sets a dict from label sets
            to targets.
        outputs: List of the logits `(batch, classes)` of every output.
        names: List of the outputs' names.
        sample_weight: Tensor `(batch,)` for all outputs, or a structure of
            such tensors; see `stages.outputs.sample_weights`.

    Returns:
        List of K scalar tensors.

    Raises:
        ValueError: If `y` does not hold exactly the label sets, or weights do
            not match the outputs.

    Reference:
        [Lee and Shin, 2018, Eq. 2](https://arxiv.org/abs/1807.02609)
    """
    targets = outputs_lib.targets(y, outputs_lib.label_sets(names))
    num_sets = len(targets)
    losses = [
        loss(target, logits, _checked_weight(weight, logits))
        for target, logits, weight in zip(
            targets * (len(outputs) // num_sets),
            outputs,
            outputs_lib.sample_weights(sample_weight, names),
            strict=True,
        )
    ]
    return [
        sum(losses[start + 1 : start + num_sets], losses[start])
        for start in range(0, len(outputs), num_sets)
    ]


@keras.saving.register_keras_serializable(package="keras_anytime")
class LossFunction(keras.losses.Loss):
    """A loss function on logits, averaged as a `keras.losses.Loss` is.

    Args:
        function: Callable from targets and logits to a loss per example. It is
            called with `from_logits=True` if it has this parameter.
    """

    def __init__(self, function: Callable[..., Tensor]) -> None:
        # TensorFlow names operations after the loss, and "<lambda>" is no
        # valid name.
        name = getattr(function, "__name__", type(function).__name__)
        super().__init__(name=re.sub(r"^_+|\W+", "", name) or None)
        self.function = function
        self.from_logits = "from_logits" in parameters_of(function)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        arguments = {"from_logits": True} if self.from_logits else {}
        return self.function(y_true, y_pred, **arguments)

    def get_config(self) -> dict[str, Any]:
        function = keras.saving.serialize_keras_object(self.function)
        return {"function": function}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "LossFunction":
        return cls(keras.saving.deserialize_keras_object(config["function"]))


def parameters_of(function: Callable) -> tuple[str, ...]:
    """Returns the names of a function's parameters; empty if unknown."""
    try:
        return tuple(inspect.signature(function).parameters)
    except ValueError:
        # Functions written in C may have no signature.
        return ()


def _takes_probabilities(loss):
    """Returns whether a loss takes probabilities and has no form for logits."""
    if isinstance(loss, LossFunction):
        return loss.function in _ON_PROBABILITIES.values()
    return isinstance(loss, tuple(_ON_PROBABILITIES))


def _checked_weight(weight: Any, logits: Tensor) -> Any:
    """Returns a sample weight, unless it would broadcast over the classes."""
    shape: Any = getattr(weight, "shape", ())
    if getattr(shape, "rank", 0) is None:
        return weight
    if len(shape) >= max(len(logits.shape), 2) and shape[-1] != 1:
        raise ValueError(
            "Each output takes one weight per image; several outputs take a "
            "list or a dict of such weights. "
            f"Received: sample_weight of shape {tuple(shape)}"
        )
    return weight
