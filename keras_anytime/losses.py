"""The one loss that serves all stages."""

import inspect

import keras


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
    if loss.get_config().get("from_logits") is False:
        raise ValueError(
            "The stages give logits, so the loss must be made with "
            f"`from_logits=True`. Received: loss={loss}"
        )
    return loss


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
