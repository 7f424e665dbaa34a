"""StopAtChance: ends a training that has learned nothing."""

import math
from typing import Any

import keras

from keras_anytime.stages import outputs as outputs_lib
from keras_anytime.stages.checks import check_anytime_model

# By how much a loss must be below chance. A network whose answer is the same
# for all images has the loss of chance at best; what it misses by the noise of
# a batch makes its loss larger. A network that learns passes 1% within an
# epoch or two: from 2.303 to 2.280 with 10 classes, from 6.91 to 6.84 with
# 1,000.
_MARGIN = 0.01


class ChanceError(RuntimeError):
    """A training that is stopped because its loss is still that of guessing.

    Attributes:
        exit_status: Integer. The status with which a command ends, so that a
            queue of trainings tells it from a failure.
    """

    exit_status = 3


class StopAtChance(keras.callbacks.Callback):
    """Stops training with an error if its loss is still that of guessing.

    A learning rate, or a `scale` of `Normalized`, that is too large may leave
    a network at chance for all of a long training, with losses that are finite.
    After a share of the epochs, this callback compares the mean training loss
    of the epoch, of the last stage that is trained, with the loss of a
    constant answer, which is the logarithm of the number of classes. If it is
    not at least 1% lower, training fails. The last stage counts, because it
    has the features of all others, and early stages of a small weight may
    learn late.

    Put it after `Resume`: the checkpoint of the epoch then exists, and the
    training can go on from there without this callback.

    `keras.callbacks.EarlyStopping(baseline=...)` ends such a training as if it
    were complete, and counts epochs anew when training is resumed. This
    callback raises an error, and depends on the number of the epoch alone.

    ```python
    give_up = ka.callbacks.StopAtChance(share=0.5)
    labels[:] = np.random.default_rng(0).permutation(labels)
    try:
        model.fit(images, labels, epochs=2, callbacks=[give_up], verbose=0)
    except ka.callbacks.ChanceError as error:
        print(error)  # After epoch 1 of 2, the loss of stage 3 is ...
    ```

    Args:
        share: Float in (0, 1]. Share of all epochs of `fit`, rounded up to
            whole epochs, after which the loss is checked, at the end of each
            epoch.
        chance: Float, the loss of a constant answer, in nats; `None` for the
            cross entropy of equally frequent classes, summed over label sets.
            Give the entropy of the labels if some classes are much more
            frequent than others, and where a stage has other answers than
            classes.

    Raises:
        ValueError: If an argument is out of range.
        ChanceError: In training, if the loss is that of guessing.
    """

    def __init__(self, share: float, chance: float | None = None) -> None:
        super().__init__()
        if not 0 < share <= 1:
            raise ValueError(
                "`share` is a share of the epochs, above 0 and up to 1. "
                f"Received: share={share}"
            )
        if chance is not None and not 0 < chance < math.inf:
            raise ValueError(
                "`chance` is a loss, positive and finite. "
                f"Received: chance={chance}"
            )
        self.share = share
        self.chance = chance

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        check_anytime_model(self.model)
        if self.chance is None:
            chance_loss(self.model)

    def on_epoch_end(
        self, epoch: int, logs: dict[str, Any] | None = None
    ) -> None:
        epochs = self.params["epochs"]
        # The product of 0.1 and 30 is a little more than 3.
        if epoch + 1 < math.ceil(round(self.share * epochs, 9)):
            return
        stage = self._last_trained_stage()
        loss = (logs or {})[f"stage_{stage}_loss"]
        chance = self.chance or chance_loss(self.model)
        if is_chance(loss, chance):
            raise ChanceError(
                f"After epoch {epoch + 1} of {epochs}, the loss of stage "
                f"{stage} is that of guessing: it has learned nothing. Lower "
                "the learning rate or warm it up; with Normalized, or "
                "Orthogonal(normalize=True), calibrate `scale` "
                f"(recipes/calibrate.py). Received: stage_{stage}_loss="
                f"{loss:.4g}, and {chance:.4g} for a constant answer"
            )

    def _last_trained_stage(self):
        """Returns the number of the last stage that is not frozen as a whole.

        Heads may be trained beside a frozen last stage, their teacher.
        """
        numbers = outputs_lib.stage_numbers(self.model.output_names)
        trained = [
            number
            for k, number in enumerate(numbers, start=1)
            if self.model.stage_variables(k)
        ]
        return trained[-1] if trained else numbers[-1]


def chance_loss(model: keras.Model) -> float:
    """Returns the cross entropy of a stage that answers the same to all images.

    Args:
        model: An `AnytimeModel`.

    Returns:
        Float, the logarithm of the number of classes in nats, summed over the
        label sets; that of 2 for answers of yes or no.

    Raises:
        ValueError: If an output is numbers.
    """
    total = 0.0
    for label_set, task in model.tasks.items():
        if task.name == "regression":
            where = "" if label_set is None else f" for {label_set!r}"
            raise ValueError(
                "The loss of a constant answer is known for classes only: give "
                f"`chance`. Received: {task}{where}"
            )
        yes_or_no = task.name in ("binary", "multi_label")
        total += math.log(2 if yes_or_no else max(task.size, 2))
    return total


def is_chance(loss: float, chance: float) -> bool:
    """Returns whether a training loss is that of guessing.

    Args:
        loss: Float, the mean training loss of a stage, in nats.
        chance: Float, the loss of a constant answer.
    """
    return loss > (1 - _MARGIN) * chance
