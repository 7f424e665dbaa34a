"""The one loss that serves all stages."""

import inspect
import re

import keras

from keras_anytime.stages import outputs as outputs_lib

# Keras gives a function for a snake-case name, and a class for others.
_ON_PROBABILITIES = {
    keras.losses.CategoricalGeneralizedCrossEntropy: (
        keras.losses.categorical_generalized_cross_entropy
    ),
    keras.losses.Dice: keras.losses.dice,
    keras.losses.KLDivergence: keras.losses.kl_divergence,
    keras.losses.Poisson: keras.losses.poisson,
    keras.losses.Tversky: keras.losses.tversky,
}


def stage_loss(loss, loss_weights=None):
    """Returns the Keras loss of all stages, from what the user gave.

    Args:
        loss: A `keras.losses.Loss`, a loss function, or a name. A function or
            name that could take logits or probabilities takes logits, which is
            what the stages give.
        loss_weights: What was given as Keras' argument of that name. Another
            one has taken its place.

    Returns:
        A `keras.losses.Loss`.

    Raises:
        ValueError: If it is not one loss, or one that takes probabilities; or
            if there are `loss_weights`.
    """
    if loss_weights is not None:
        raise ValueError(
            "How much each stage counts is said with `weighting`: give "
            "`weighting=keras_anytime.weighting.Constant([...])`, one weight "
            "per stage. The weighted losses are averaged; for their sum, as "
            "Keras takes it, also give "
            "`gradients=keras_anytime.gradients.Sum('sum')`. "
            f"Received: loss_weights={loss_weights}"
        )
    if loss is None or isinstance(loss, (list, tuple, dict)):
        raise ValueError(
            "`loss` must be one Keras loss, which serves all stages; how much "
            "each stage counts is said with `weighting`. "
            f"Received: loss={loss}"
        )
    given = loss
    loss = keras.losses.get(loss)
    if not isinstance(loss, keras.losses.Loss):
        loss = LossFunction(loss)
    elif loss.reduction in (None, "none"):
        raise ValueError(
            "The loss must be one number for all examples. "
            f"Received: loss={loss} with reduction={loss.reduction!r}"
        )
    elif loss.get_config().get("from_logits") is False:
        raise ValueError(
            "The stages give logits, so the loss must be made with "
            f"`from_logits=True`. Received: loss={loss}"
        )
    if _is_on_probabilities(loss):
        raise ValueError(
            "The stages give logits, and this loss takes probabilities and has "
            "no form for logits. Write a loss that makes probabilities of "
            "logits first (`keras.ops.softmax`), or take a cross entropy with "
            f"`from_logits=True`. Received: loss={given}"
        )
    return loss


def takes_logits(loss):
    """Whether a loss is known to take the outputs for logits.

    Args:
        loss: A `keras.losses.Loss`.
    """
    if isinstance(loss, LossFunction):
        return loss.from_logits
    return loss.get_config().get("from_logits") is True


def task_of(loss, classes):
    """Returns what logits are the answer to, where it is no choice of a class.

    Args:
        loss: A `keras.losses.Loss`.
        classes: Integer, the number of logits.

    Returns:
        `"binary"` for one logit of a binary cross entropy, `"multi_label"` for
        several; `None` for all other losses.
    """
    if "binary" not in (loss.name or ""):
        return None
    return "binary" if classes == 1 else "multi_label"


def _is_on_probabilities(loss):
    if isinstance(loss, LossFunction):
        return loss.function in _ON_PROBABILITIES.values()
    return isinstance(loss, tuple(_ON_PROBABILITIES))


def stage_losses(loss, y, outputs, names, sample_weight=None):
    """Returns each stage's loss: with label sets, the sum over them.

    Args:
        loss: A `keras.losses.Loss`.
        y: Targets of all stages; with label sets a dict from them to targets.
        outputs: List of the logits of every output `(batch, classes)`.
        names: List of strings, the names of the outputs.
        sample_weight: Tensor `(batch,)` for all outputs, or several of them;
            see `heads.sample_weights`.

    Returns:
        List of K scalar tensors.

    Raises:
        ValueError: If `y` does not hold exactly the label sets, or weights do
            not fit the outputs.

    Reference:
        [Lee and Shin, 2018, Eq. 2](https://arxiv.org/abs/1807.02609)
    """
    targets = outputs_lib.targets(y, outputs_lib.label_sets(names))
    count = len(targets)
    losses = [
        loss(target, logits, _of_images(weight, logits))
        for target, logits, weight in zip(
            targets * (len(outputs) // count),
            outputs,
            outputs_lib.sample_weights(sample_weight, names),
            strict=True,
        )
    ]
    return [
        sum(losses[start + 1 : start + count], losses[start])
        for start in range(0, len(outputs), count)
    ]


def _of_images(weight, logits):
    """Returns a weight that does not spread over the classes."""
    shape = getattr(weight, "shape", ())
    if getattr(shape, "rank", 0) is None:
        return weight
    if len(shape) >= max(len(logits.shape), 2) and shape[-1] != 1:
        raise ValueError(
            "Each output takes one weight per image; several outputs take a "
            "list or a dict of such. "
            f"Received: sample_weight of shape {tuple(shape)}"
        )
    return weight


@keras.saving.register_keras_serializable(package="keras_anytime")
class LossFunction(keras.losses.Loss):
    """A plain loss function, on logits, averaged as a `keras.losses.Loss` is.

    Args:
        function: Callable from targets and logits to a loss per example. It is
            called with `from_logits=True` if it takes that.
    """

    def __init__(self, function):
        # TensorFlow names operations by it, and takes no "<lambda>".
        name = getattr(function, "__name__", type(function).__name__)
        super().__init__(name=re.sub(r"^_+|\W+", "", name) or None)
        self.function = function
        try:
            parameters = inspect.signature(function).parameters
        except ValueError:
            parameters = ()
        self.from_logits = "from_logits" in parameters

    def call(self, y_true, y_pred):
        arguments = {"from_logits": True} if self.from_logits else {}
        return self.function(y_true, y_pred, **arguments)

    def get_config(self):
        function = keras.saving.serialize_keras_object(self.function)
        return {"function": function}

    @classmethod
    def from_config(cls, config):
        return cls(keras.saving.deserialize_keras_object(config["function"]))
