"""The losses that serve all stages: one, or one for each label set."""

import inspect
import re
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import TypeAlias

import keras

from keras_anytime.backend.types import Tensor

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
# Two names of Keras for the same reduction.
_MEANS = {"mean": "sum_over_batch_size"}

# One loss for all label sets, or a dict from label sets to losses.
Losses: TypeAlias = keras.losses.Loss | dict[str, keras.losses.Loss]


def stage_loss(
    loss: Any, loss_weights: Any = None, sets: Sequence[str] = ()
) -> Losses:
    """Returns the losses that serve all stages.

    Args:
        loss: A `keras.losses.Loss`, a loss function, or a name: the argument of
            `compile`. A function or a name that could take logits or
            probabilities takes logits, which the stages give. With label sets,
            also a dict from them to losses.
        loss_weights: Keras' argument of this name; must be `None`, because
            `weighting` replaces it.
        sets: Tuple of strings, the label sets.

    Returns:
        A `keras.losses.Loss`, or a dict from the label sets to them.

    Raises:
        ValueError: If `loss` is neither a single loss nor a dict by label set,
            a loss takes probabilities, the losses of label sets reduce the
            examples in different ways, or `loss_weights` is given.
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
    if not isinstance(loss, Mapping):
        return _single_loss(loss)
    if set(loss) != set(sets) or not sets:
        wanted = (
            f"must be one Keras loss or a dict from {list(sets)} to losses"
            if sets
            else "must be one Keras loss, because there is one set of labels"
        )
        raise ValueError(
            f"`loss` {wanted}; it serves all stages. "
            f"Received: loss as a dict of {sorted(map(str, loss))}"
        )
    losses = {name: _single_loss(loss[name]) for name in sets}
    reductions = {name: one.reduction for name, one in losses.items()}
    if len({_MEANS.get(kind, kind) for kind in reductions.values()}) > 1:
        raise ValueError(
            "The losses of all label sets must reduce the examples in the same "
            "way, because they are added. "
            f"Received: losses with the reductions {reductions}"
        )
    return losses


def losses_by_set(loss: Losses, sets: Sequence[str]) -> list[keras.losses.Loss]:
    """Returns the loss of each label set.

    Args:
        loss: A `keras.losses.Loss`, or a dict from label sets to them.
        sets: Tuple of strings, the label sets.

    Returns:
        List of one loss per label set; without label sets of a single one.
    """
    if isinstance(loss, Mapping):
        return [loss[name] for name in sets]
    return [loss] * (len(sets) or 1)


def reduction_of(loss: Losses) -> str:
    """Returns how a loss, or each of those of label sets, reduces examples.

    Args:
        loss: A `keras.losses.Loss`, or a dict from label sets to them.
    """
    if isinstance(loss, Mapping):
        loss = next(iter(loss.values()))
    return _MEANS.get(loss.reduction, loss.reduction)


def loss_name(loss: keras.losses.Loss) -> str:
    """Returns the name of a Keras loss, whatever a user has called it.

    Args:
        loss: A `keras.losses.Loss`.

    Returns:
        String in snake case, such as `"mean_squared_error"`: the name of the
        class or function of `keras.losses`; for another loss its own name.
    """
    if not isinstance(loss, LossFunction):
        for kind in type(loss).__mro__:
            if kind is not keras.losses.Loss and kind is getattr(
                keras.losses, kind.__name__, None
            ):
                return re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower()
    return loss.name or ""


def _single_loss(loss: Any) -> keras.losses.Loss:
    """Returns one loss of logits, or raises a `ValueError`."""
    if loss is None or isinstance(loss, (list, tuple, Mapping)):
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
