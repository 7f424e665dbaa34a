"""The one loss that serves all stages."""

import inspect

import keras

from keras_anytime import heads


def stage_loss(loss):
    """Returns the Keras loss of all stages, from what the user gave.

    Args:
        loss: A `keras.losses.Loss`, a loss function, or a name. A function or
            name that could take logits or probabilities takes logits, which is
            what the stages give.

    Returns:
        A `keras.losses.Loss`.

    Raises:
        ValueError: If it is not one loss, or one that takes probabilities.
    """
    if loss is None or isinstance(loss, (list, tuple, dict)):
        raise ValueError(
            "`loss` must be one Keras loss, which serves all stages; how much "
            "each stage counts is said with `weighting`. "
            f"Received: loss={loss}"
        )
    loss = keras.losses.get(loss)
    if not isinstance(loss, keras.losses.Loss):
        return LossFunction(loss)
    if loss.reduction in (None, "none"):
        raise ValueError(
            "The loss must be one number for all examples. "
            f"Received: loss={loss} with reduction={loss.reduction!r}"
        )
    if loss.get_config().get("from_logits") is False:
        raise ValueError(
            "The stages give logits, so the loss must be made with "
            f"`from_logits=True`. Received: loss={loss}"
        )
    return loss


def stage_losses(loss, y, outputs, sample_weight=None, label_sets=()):
    """Returns each stage's loss: with label sets, the sum over them.

    Args:
        loss: A `keras.losses.Loss`.
        y: Targets of all stages; with label sets a dict from them to targets.
        outputs: List of the logits of every output `(batch, classes)`.
        sample_weight: Tensor `(batch,)`, or a dict like `y`, or `None`.
        label_sets: Tuple of strings.

    Returns:
        List of K scalar tensors.

    Raises:
        ValueError: If `y` does not hold exactly the label sets.

    Reference:
        [Lee and Shin, 2018, Eq. 2](https://arxiv.org/abs/1807.02609)
    """
    targets = heads.targets(y, label_sets)
    weights = heads.sample_weights(sample_weight, label_sets)
    count = len(targets)
    return [
        sum(
            loss(target, logits, weight)
            for target, logits, weight in zip(
                targets, outputs[start : start + count], weights, strict=True
            )
        )
        for start in range(0, len(outputs), count)
    ]


@keras.saving.register_keras_serializable(package="keras_anytime")
class LossFunction(keras.losses.Loss):
    """A plain loss function, on logits, averaged as a `keras.losses.Loss` is.

    Args:
        function: Callable from targets and logits to a loss per example. It is
            called with `from_logits=True` if it takes that.
    """

    def __init__(self, function):
        super().__init__(name=getattr(function, "__name__", None))
        self.function = function
        takes = inspect.signature(function).parameters
        self._arguments = (
            {"from_logits": True} if "from_logits" in takes else {}
        )

    def call(self, y_true, y_pred):
        return self.function(y_true, y_pred, **self._arguments)

    def get_config(self):
        function = keras.saving.serialize_keras_object(self.function)
        return {"function": function}

    @classmethod
    def from_config(cls, config):
        return cls(keras.saving.deserialize_keras_object(config["function"]))
