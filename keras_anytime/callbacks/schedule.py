"""StepDecay: the learning rate schedule of the papers."""

import itertools
import math
import numbers
from collections.abc import Iterable
from typing import Any

import keras


class StepDecay(keras.callbacks.LearningRateScheduler):
    """Divides the learning rate by a factor after some epochs.

    The rate depends on the epoch and the batch alone: a training that is
    resumed at `initial_epoch` has the rates of an uninterrupted one.

    It is a `keras.callbacks.LearningRateScheduler`, which likewise writes
    `learning_rate` to the logs, with a warm-up that sets the rate of every
    training step, and with epochs given as shares of all epochs of `fit`. The
    schedules in `keras.optimizers.schedules` count training steps instead, so
    they have to be rewritten whenever the data set or the batch size changes.

    ```python
    # CIFAR, 200 epochs from 0.1 to 0.0008 (Wan et al., 2020). The paper does
    # not say when the rate falls; 30%, 60% and 80% are this library's choice.
    decay = ka.callbacks.StepDecay(0.1, factor=5, shares=(0.3, 0.6, 0.8))
    decay = ka.callbacks.StepDecay.wan2020()  # the same
    # CIFAR, 300 epochs (Hu et al., 2019; Lee and Shin, 2018).
    decay = ka.callbacks.StepDecay.hu2019()
    # ImageNet, 90 epochs (Hu et al., 2019; Lee and Shin, 2018).
    decay = ka.callbacks.StepDecay(0.1, factor=10, epochs=(30, 60))
    model.fit(images, labels, callbacks=[decay], verbose=0)
    ```

    Callbacks that write the logs come after this one. `compile` takes the
    optimizer with any fixed learning rate.

    Args:
        learning_rate: Float. The rate before it first falls.
        factor: Float above 1. The rate is divided by it each time it falls.
        shares: Increasing floats in (0, 1). The rate falls after these shares
            of all epochs, rounded to whole epochs, but not before the end of
            the first epoch.
        epochs: Increasing integers from 1, instead of `shares`. The rate falls
            after these numbers of epochs.
        warmup_epochs: Integer. In these first epochs, which have S training
            steps together, the rate rises linearly from `learning_rate / S` in
            the first training step to `learning_rate` in the last. If the
            number of training steps is unknown, the rate rises once per epoch.

    Raises:
        ValueError: If an argument is outside its range, or not exactly one of
            `shares` and `epochs` is given. Before training, if the optimizer
            has a learning rate schedule.

    Reference:
        - [Wan et al., 2020, Section 5](https://arxiv.org/abs/2008.06635)
        - [Hu et al., 2019, Section 5.1](https://arxiv.org/abs/1708.06832)
    """

    def __init__(
        self,
        learning_rate: float = 0.1,
        factor: float = 5,
        shares: Iterable[float] | None = None,
        epochs: Iterable[int] | None = None,
        warmup_epochs: int = 0,
    ) -> None:
        super().__init__(schedule=lambda epoch, _: self.rate(epoch))
        self.learning_rate = learning_rate
        self.factor = factor
        self.shares = None if shares is None else tuple(shares)
        self.epochs = None if epochs is None else tuple(epochs)
        self.warmup_epochs = warmup_epochs
        _check_falls(self.shares, self.epochs)
        if not 0 < learning_rate < math.inf:
            raise ValueError(
                "`learning_rate` must be positive and finite. "
                f"Received: learning_rate={learning_rate}"
            )
        if not 1 < factor < math.inf:
            raise ValueError(
                "The learning rate is divided by `factor`, which must be above "
                f"1. Received: factor={factor}"
            )
        if not isinstance(warmup_epochs, numbers.Integral) or warmup_epochs < 0:
            raise ValueError(
                "`warmup_epochs` must be an integer from 0. "
                f"Received: warmup_epochs={warmup_epochs}"
            )

    @classmethod
    def wan2020(cls, **kwargs: Any) -> "StepDecay":
        """Returns the schedule of Wan et al., 2020, on CIFAR (200 epochs).

        Args:
            **kwargs: Further arguments, such as `warmup_epochs`.
        """
        return cls(0.1, factor=5, shares=(0.3, 0.6, 0.8), **kwargs)

    @classmethod
    def hu2019(cls, **kwargs: Any) -> "StepDecay":
        """Returns the schedule of Hu et al., 2019, on CIFAR (300 epochs).

        Args:
            **kwargs: Further arguments, such as `warmup_epochs`.
        """
        return cls(0.1, factor=10, shares=(0.5, 0.75), **kwargs)

    def rate(self, epoch: int, batch: int = 0) -> float:
        """Returns the learning rate of a training step of the running `fit`.

        Args:
            epoch: Integer from 0.
            batch: Integer from 0. The training step within the epoch.

        Returns:
            Float.
        """
        num_falls = sum(epoch >= fall for fall in self._falls())
        rate = self.learning_rate / self.factor**num_falls
        if epoch >= self.warmup_epochs:
            return rate
        steps = self.params.get("steps")
        if not steps:
            return rate * (epoch + 1) / self.warmup_epochs
        return rate * (epoch * steps + batch + 1) / (self.warmup_epochs * steps)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        optimizer = self.model.optimizer
        if not isinstance(
            getattr(optimizer, "learning_rate", None), keras.Variable
        ):
            config = optimizer.get_config()
            raise ValueError(
                "StepDecay sets the learning rate, so the optimizer must have "
                "a fixed one and no schedule. Received: optimizer "
                f"{type(optimizer).__name__} with "
                f"learning_rate={config.get('learning_rate')}"
            )

    def on_epoch_begin(
        self, epoch: int, logs: dict[str, Any] | None = None
    ) -> None:
        self._epoch = epoch
        super().on_epoch_begin(epoch, logs)

    def on_train_batch_begin(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        if self._epoch < self.warmup_epochs:
            if hasattr(self.model, "jax_state_sync"):
                # On JAX, `fit` holds the values of the variables until this
                # call writes them back.
                self.model.jax_state_sync()
            rate = self.rate(self._epoch, batch)
            self.model.optimizer.learning_rate = rate

    def _falls(self):
        """Returns the epochs, counted from 0, at which the rate falls."""
        if self.epochs is not None:
            return self.epochs
        total = self.params["epochs"]
        return [max(1, round(share * total)) for share in self.shares or ()]


def _check_falls(shares, epochs):
    """Raises a `ValueError` unless one of the two is given, and is right."""
    if (shares is None) == (epochs is None):
        raise ValueError(
            "Give exactly one of `shares` and `epochs`. Received: "
            f"shares={shares}, epochs={epochs}"
        )
    if shares is not None:
        name, falls, expected = "shares", shares, "floats between 0 and 1"
        valid = all(0 < fall < 1 for fall in falls)
    else:
        name, falls, expected = "epochs", epochs, "integers from 1"
        valid = all(
            isinstance(fall, numbers.Integral) and int(fall) >= 1
            for fall in falls
        )
    increasing = all(
        fall < next_fall for fall, next_fall in itertools.pairwise(falls)
    )
    if not (valid and increasing):
        raise ValueError(
            f"`{name}` must be {expected}, in increasing order. "
            f"Received: {name}={falls}"
        )
