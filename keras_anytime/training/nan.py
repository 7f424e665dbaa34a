"""Stopping a training that has failed."""

import math
import re

import keras
from keras import ops

from keras_anytime.saving.finite import check_finite
from keras_anytime.saving.finite import saved_variables

_REMEDY = (
    "Lower the learning rate or warm it up, lower the weights of the losses, "
    "or look for values in images, labels and sample weights that are not "
    "finite."
)
_KEPT = "No checkpoint of this epoch was written; the last one is as it was."


class StopOnNaN(keras.callbacks.Callback):
    """Stops training with an error once it has failed.

    Training has failed where a loss is NaN or infinite, where an image or a
    sample weight of a batch is, and where a variable is. `AnytimeModel.fit`
    adds this callback, unless it is given one, and calls it before all others.
    It looks at losses and batches after every step (with
    `steps_per_execution`, after so many), and at all variables at the end of
    an epoch: some layers, such as ReLU on TensorFlow, make finite numbers of
    NaN, so that moving statistics may be ruined where no loss shows it. So
    `Resume` and `StageCheckpoint` never save what has failed.

    On TensorFlow Keras reads the logs after every step in any case, so looking
    at them costs less than 1 µs. On JAX, where the device runs behind, another
    thread looks at them, and training may have gone on for some steps when it
    stops.

    Raises:
        FloatingPointError: In training, if a loss, a batch or a variable is
            not finite. It names the first such stage, or the variable, and
            the epoch and the step.
    """

    @property
    def async_safe(self):
        """Whether Keras may call it from another thread, after later steps."""
        return keras.backend.backend() == "jax"

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch + 1
        self._failures = []

    def on_train_batch_begin(self, batch, logs=None):
        self._raise_failure()

    def on_train_batch_end(self, batch, logs=None):
        # The mean over the stages and, as any value in the logs, over the
        # epoch so far: not finite from where any stage's loss is not.
        if not math.isfinite(logs["loss"]):
            self._failures.append((batch + 1, logs))
        if not self.async_safe:
            self._raise_failure()

    def on_epoch_end(self, epoch, logs=None):
        self._raise_failure()
        check_finite(
            saved_variables(self.model),
            f"Training has failed in epoch {self._epoch}",
            f"{_REMEDY} {_KEPT}",
        )

    def _raise_failure(self):
        """Raises the error of the step that has failed, if there is one.

        It runs in Keras' own thread only: a model whose steps run behind gets
        the values of its variables when it is looked at.
        """
        if not self._failures:
            return
        # Other threads need not be done in the order of the steps.
        last, logs = min(self._failures, key=lambda failure: failure[0])
        first = max(last - self.model.steps_per_execution, 0) + 1
        last = min(last, self.params.get("steps") or last)
        when = f"at step {last}"
        if first < last:
            when = f"in steps {first} to {last}"
        what, received = _failed_losses(logs)
        remedy = _REMEDY
        if not all_counted(self.model):
            what = "A batch has images or sample weights that are not finite"
            remedy = "Look for NaN and infinity in the training data."
        raise FloatingPointError(
            f"{what} {when} of epoch {self._epoch}. {remedy} {_KEPT} "
            f"Received: {received}"
        )


def counted(size, x, sample_weight):
    """Returns for how many images a batch counts in the mean loss.

    Args:
        size: Integer scalar, the number of images.
        x: Images.
        sample_weight: Tensor, a structure of them, or `None`.

    Returns:
        Float scalar: `size`, but NaN where an image or a weight is not finite.
        The mean over the epoch then is NaN too, whatever layers made of it.
    """
    size = ops.cast(size, "float32")
    for part in keras.tree.flatten((x, sample_weight)):
        if part is not None and keras.backend.is_float_dtype(
            keras.backend.standardize_dtype(part.dtype)
        ):
            size = ops.where(ops.all(ops.isfinite(part)), size, float("nan"))
    return size


def all_counted(model):
    """Returns whether all batches of an epoch so far were finite.

    Args:
        model: An `AnytimeModel`, whose mean loss weights batches as `counted`.
    """
    (loss,) = [metric for metric in model.metrics if metric.name == "loss"]
    return math.isfinite(ops.convert_to_numpy(loss.count))


def _failed_losses(logs):
    """Returns what has failed, and the value that shows it, as strings."""
    found = [re.fullmatch(r"stage_(\d+)_loss", name) for name in logs]
    failed = sorted(
        int(one[1])
        for one in found
        if one and not math.isfinite(logs[one.string])
    )
    if not failed:
        what = "The regularizers' penalty is not finite"
        return what, f"loss={logs['loss']}"
    what = f"The loss of stage {failed[0]}"
    if len(failed) > 1:
        what += f" and of {len(failed) - 1} more"
    value = logs[f"stage_{failed[0]}_loss"]
    return f"{what} is not finite", f"stage_{failed[0]}_loss={value}"
