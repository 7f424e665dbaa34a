"""Stopping a training that has failed."""

import math
import re

import keras
from keras import ops


class StopOnNaN(keras.callbacks.Callback):
    """Stops training with an error once a loss is NaN or infinite.

    `AnytimeModel.fit` adds it, unless it is given one, and calls it before
    all others. The losses are looked at after every step, and the weights at
    the end of an epoch, when no loss shows yet what its last step has made of
    them. So `Resume` and `StageCheckpoint` never save what has failed.

    On TensorFlow Keras reads the logs after every step in any case, so looking
    at them costs less than 1 µs. On JAX, where the device runs behind, another
    thread looks at them, and training may have gone on for some steps when it
    stops.

    Raises:
        FloatingPointError: In training, if a loss or a weight is not finite.
            It names the first such stage, the epoch and the step.
    """

    @property
    def async_safe(self):
        """Whether Keras may call it from another thread, after later steps."""
        return keras.backend.backend() == "jax"

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch + 1

    def on_train_batch_end(self, batch, logs=None):
        # The mean over the stages and, as any value in the logs, over the
        # epoch so far: not finite from where any stage's loss is not.
        if not math.isfinite(logs["loss"]):
            self._fail(*_failed_losses(logs), f"at step {batch + 1}")

    def on_epoch_end(self, epoch, logs=None):
        for variable in self.model.trainable_variables:
            if not ops.all(ops.isfinite(variable)):
                self._fail(
                    f"The weight {variable.path!r} is not finite",
                    f"{variable.path} of shape {tuple(variable.shape)}",
                    "after the last step",
                )

    def _fail(self, what, received, when):
        raise FloatingPointError(
            f"{what} {when} of epoch {self._epoch}. Lower the learning rate "
            "or warm it up, lower the weights of the losses, or look for "
            "values in images and sample weights that are not finite. No "
            "checkpoint of this epoch was written; the last one is as it was. "
            f"Received: {received}"
        )


def _failed_losses(logs):
    """Returns what has failed, and the value that shows it, as strings."""
    found = [re.fullmatch(r"stage_(\d+)_loss", name) for name in logs]
    failed = sorted(
        int(one[1])
        for one in found
        if one and not math.isfinite(logs[one.string])
    )
    if not failed:
        what = "The regularisers' penalty is not finite"
        return what, f"loss={logs['loss']}"
    what = f"The loss of stage {failed[0]}"
    if len(failed) > 1:
        what += f" and of {len(failed) - 1} more"
    value = logs[f"stage_{failed[0]}_loss"]
    return f"{what} is not finite", f"stage_{failed[0]}_loss={value}"
