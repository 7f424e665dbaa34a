"""The one loss that serves all stages."""

import keras

# Loss names whose plain functions would take the logits for probabilities.
_ON_LOGITS = {
    "sparse_categorical_crossentropy": (
        keras.losses.SparseCategoricalCrossentropy
    ),
    "categorical_crossentropy": keras.losses.CategoricalCrossentropy,
}


def stage_loss(loss):
    """Returns the Keras loss of all stages, from what the user gave.

    Args:
        loss: A `keras.losses.Loss`, a loss function, or a name. A crossentropy
            given by name is taken on logits, which is what the stages give.

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
    if isinstance(loss, str) and loss in _ON_LOGITS:
        return _ON_LOGITS[loss](from_logits=True)
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
    """A plain loss function with the averaging of a `keras.losses.Loss`."""

    def __init__(self, function):
        super().__init__(name=getattr(function, "__name__", None))
        self.function = function

    def call(self, y_true, y_pred):
        return self.function(y_true, y_pred)

    def get_config(self):
        function = keras.saving.serialize_keras_object(self.function)
        return {"function": function}

    @classmethod
    def from_config(cls, config):
        return cls(keras.saving.deserialize_keras_object(config["function"]))
