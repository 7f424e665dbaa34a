"""StopOnNaN: stops training when a loss, batch or variable is not finite."""

import math
import re
from typing import Any

import keras
from keras import ops

from keras_anytime.backend.types import Tensor
from keras_anytime.saving.finite import check_finite
from keras_anytime.saving.finite import saved_variables
from keras_anytime.training.arrays import noun

_REMEDY = (
    "Lower the learning rate or warm it up, lower the loss weights, or look "
    "for values in images, labels and sample weights that are not finite."
)
_KEPT = "No checkpoint of this epoch was written; the last one is unchanged."


class StopOnNaN(keras.callbacks.Callback):
    """Stops training with an error when it has diverged.

    Training has diverged if a loss or a variable is NaN or infinite, or if an
    image or a sample weight of a batch is. `AnytimeModel.fit` adds this
    callback if it is missing, and calls it before all others, so that `Resume`
    and `StageCheckpoint` never save a model that has diverged.

    Losses and batches are checked after every training step, or after every
    `steps_per_execution` of them. All variables are checked at the end of each
    epoch: some layers, such as ReLU on TensorFlow, turn NaN into finite
    numbers, so that moving statistics may be NaN while all losses are finite.

    In contrast to `keras.callbacks.TerminateOnNaN`, which checks the mean loss
    only and by default ends training as if it were complete, with its
    checkpoints saved, this callback checks data and variables too, names the
    stage or the variable, and raises an error before anything is saved.

    On TensorFlow, Keras reads the logs after every training step anyway, so the
    check costs less than 1 µs. On JAX, where the device runs asynchronously,
    another thread checks the logs, and some more training steps may be taken
    before training stops.

    ```python
    images[0, 0, 0, 0] = np.nan
    batches = ((images, labels) for _ in range(3))
    try:
        model.fit(batches, steps_per_epoch=3, verbose=0)
    except FloatingPointError as error:
        print(error)  # A batch has images or sample weights that are not ...
    ```

    Raises:
        FloatingPointError: In training, if a loss, a batch or a variable is not
            finite. The message names the first such stage, or the variable,
            and the epoch and the training step.
    """

    @property
    def async_safe(self) -> bool:
        """Whether Keras may call it in another thread, after later steps."""
        return keras.backend.backend() == "jax"

    def on_epoch_begin(
        self, epoch: int, logs: dict[str, Any] | None = None
    ) -> None:
        self._epoch = epoch + 1
        self._failures: list[tuple[int, dict[str, Any]]] = []

    def on_train_batch_begin(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        self._raise_failure()

    def on_train_batch_end(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        # The mean over all stages and over the epoch so far: once a loss of any
        # stage is not finite, this mean is not finite either.
        if logs and not math.isfinite(logs["loss"]):
            self._failures.append((batch + 1, logs))
        if not self.async_safe:
            self._raise_failure()

    def on_epoch_end(
        self, epoch: int, logs: dict[str, Any] | None = None
    ) -> None:
        self._raise_failure()
        check_finite(
            saved_variables(self.model),
            f"Training has failed in epoch {self._epoch}",
            f"{_REMEDY} {_KEPT}",
        )

    def _raise_failure(self):
        """Raises the error of the first training step that failed, if any.

        It runs in Keras' own thread only, because reading the state of a model
        on JAX waits for the training steps that are still running.
        """
        if not self._failures:
            return
        # Other threads may finish in another order than the training steps.
        last, logs = min(self._failures, key=lambda failure: failure[0])
        first = max(last - self.model.steps_per_execution, 0) + 1
        last = min(last, self.params.get("steps") or last)
        when = f"at training step {last}"
        if first < last:
            when = f"in training steps {first} to {last}"
        failure, received = _failed_losses(logs, self.model.loss_names)
        remedy = _REMEDY
        if not all_batches_finite(self.model):
            failure = (
                f"A batch has {noun(self.model)}s or sample weights that are "
                "not finite"
            )
            remedy = "Look for NaN and infinity in the training data."
            for name, limit in self.model.token_limits.items():
                failure += f", or tokens in {name!r} outside 0 to {limit - 1}"
        raise FloatingPointError(
            f"{failure} {when} of epoch {self._epoch}. {remedy} {_KEPT} "
            f"Received: {received}"
        )


def batch_weight(
    size: Tensor, x: Any, sample_weight: Any, valid: Any = True
) -> Tensor:
    """Returns the weight of a batch in the epoch's mean loss.

    A batch with an input or sample weight that is not finite has the weight
    NaN. The mean loss of the epoch then is NaN too, even if layers turn the
    input into finite numbers.

    Args:
        size: Integer scalar. The number of examples.
        x: Tensor of inputs, or a structure of such tensors.
        sample_weight: Tensor, a structure of tensors, or `None`.
        valid: Boolean, or scalar tensor. Whether the batch is valid otherwise.

    Returns:
        Float scalar: `size`, or NaN.
    """
    size = ops.where(valid, ops.cast(size, "float32"), float("nan"))
    for part in keras.tree.flatten((x, sample_weight)):
        if part is not None and keras.backend.is_float_dtype(
            keras.backend.standardize_dtype(part.dtype)
        ):
            size = ops.where(ops.all(ops.isfinite(part)), size, float("nan"))
    return size


def all_batches_finite(model: keras.Model) -> bool:
    """Returns whether all batches of the epoch so far were finite.

    Args:
        model: An `AnytimeModel`, whose mean loss weights the batches by
            `batch_weight`.
    """
    (loss,) = [metric for metric in model.metrics if metric.name == "loss"]
    return math.isfinite(ops.convert_to_numpy(loss.count))


def _failed_losses(logs, names):
    """Returns what is not finite, and the log that shows it, as strings."""
    failed = [
        name for name in names if not math.isfinite(logs.get(f"{name}_loss", 0))
    ]
    if not failed:
        failure = "The regularizers' penalty is not finite"
        return failure, f"loss={logs['loss']}"
    first, *others = failed
    stage = re.fullmatch(r"stage_(\d+)", first)
    failure = f"The loss of {f'stage {stage[1]}' if stage else repr(first)}"
    if others:
        failure += f" and of {len(others)} more"
    received = f"{first}_loss={logs[f'{first}_loss']}"
    return f"{failure} is not finite", received
