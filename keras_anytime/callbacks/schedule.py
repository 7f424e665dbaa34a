"""The papers' learning rates."""

import itertools
import math
import numbers

import keras


class StepDecay(keras.callbacks.Callback):
    """Divides the learning rate by a factor at some epochs.

    The rate depends on the position in training alone: a training that goes on
    from `initial_epoch` has the rates of one that was never stopped.

    ```python
    # CIFAR, 200 epochs from 0.1 to 0.0008 (Wan et al., 2020). The paper does
    # not say where the rate falls: at 30%, 60% and 80% is our choice.
    StepDecay.wan2020()  # StepDecay(0.1, factor=5, shares=(0.3, 0.6, 0.8))
    # CIFAR, 300 epochs (Hu et al., 2019; Lee and Shin, 2018).
    StepDecay.hu2019()  # StepDecay(0.1, factor=10, shares=(0.5, 0.75))
    # ImageNet, 90 epochs (Hu et al., 2019; Lee and Shin, 2018).
    StepDecay(0.1, factor=10, epochs=(30, 60))
    ```

    Each epoch's logs get its last `learning_rate`; callbacks that write logs
    come after this one. `compile` takes the optimizer with any fixed rate.

    Args:
        learning_rate: Float, the rate before it first falls.
        factor: Float above 1 that the rate is divided by each time.
        shares: Increasing floats in (0, 1). The rate falls after these shares
            of all epochs, rounded to whole ones, and after the first at the
            earliest.
        epochs: Increasing integers from 1, instead of `shares`. The rate falls
            after so many epochs.
        warmup_epochs: Integer. During the first so many epochs the rate rises
            linearly: with S steps in all of them, from 1/S of it at the first
            step to the whole at the last. It rises from epoch to epoch where
            the number of steps is not known beforehand.

    Raises:
        ValueError: If an argument is out of its range, or not exactly one of
            `shares` and `epochs` is given; in training, if the optimizer has a
            schedule of its own.

    Reference:
        - [Wan et al., 2020, Section 5](https://arxiv.org/abs/2008.06635)
        - [Hu et al., 2019, Section 5.1](https://arxiv.org/abs/1708.06832)
    """

    def __init__(
        self,
        learning_rate=0.1,
        factor=5,
        shares=None,
        epochs=None,
        warmup_epochs=0,
    ):
        super().__init__()
        self.learning_rate = learning_rate
        self.factor = factor
        self.shares = None if shares is None else tuple(shares)
        self.epochs = None if epochs is None else tuple(epochs)
        self.warmup_epochs = warmup_epochs
        self._check()

    @classmethod
    def wan2020(cls, **kwargs):
        """Returns the decay of Wan et al., 2020, on CIFAR (200 epochs).

        Args:
            **kwargs: Further arguments, such as `warmup_epochs`.
        """
        return cls(0.1, factor=5, shares=(0.3, 0.6, 0.8), **kwargs)

    @classmethod
    def hu2019(cls, **kwargs):
        """Returns the decay of Hu et al., 2019, on CIFAR (300 epochs).

        Args:
            **kwargs: Further arguments, such as `warmup_epochs`.
        """
        return cls(0.1, factor=10, shares=(0.5, 0.75), **kwargs)

    def rate(self, epoch, batch=0):
        """Returns the learning rate of a step of the training that runs.

        Args:
            epoch: Integer from 0.
            batch: Integer from 0, the step in its epoch.

        Returns:
            Float.
        """
        falls = self.epochs
        if falls is None:
            total = self.params["epochs"]
            falls = [max(1, round(share * total)) for share in self.shares]
        rate = self.learning_rate / self.factor ** sum(
            epoch >= fall for fall in falls
        )
        if epoch >= self.warmup_epochs:
            return rate
        steps = self.params.get("steps")
        if not steps:
            return rate * (epoch + 1) / self.warmup_epochs
        return rate * (epoch * steps + batch + 1) / (self.warmup_epochs * steps)

    def on_train_begin(self, logs=None):
        found = getattr(self.model.optimizer, "learning_rate", None)
        if not isinstance(found, keras.Variable):
            config = self.model.optimizer.get_config()
            raise ValueError(
                "StepDecay sets the learning rate of an optimizer that has "
                "none or a schedule of its own: compile with one of a fixed "
                "rate. Received: optimizer "
                f"{type(self.model.optimizer).__name__} with "
                f"learning_rate={config.get('learning_rate')}"
            )

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch
        self._set(self.rate(epoch))

    def on_train_batch_begin(self, batch, logs=None):
        if self._epoch < self.warmup_epochs:
            if hasattr(self.model, "jax_state_sync"):
                # On JAX, `fit` keeps the variables' values to itself until
                # it is asked for them.
                self.model.jax_state_sync()
            self._set(self.rate(self._epoch, batch))

    def on_epoch_end(self, epoch, logs=None):
        logs["learning_rate"] = self._rate

    def _set(self, rate):
        self._rate = rate
        self.model.optimizer.learning_rate = rate

    def _check(self):
        if (self.shares is None) == (self.epochs is None):
            raise ValueError(
                "Give exactly one of `shares` and `epochs`. Received: "
                f"shares={self.shares}, epochs={self.epochs}"
            )
        if self.shares is not None:
            name, falls = "shares", self.shares
            fits = all(0 < fall < 1 for fall in falls)
            wanted = "floats between 0 and 1"
        else:
            name, falls = "epochs", self.epochs
            fits = all(
                isinstance(fall, numbers.Integral) and fall >= 1
                for fall in falls
            )
            wanted = "integers from 1"
        if not fits or any(
            one >= next_one for one, next_one in itertools.pairwise(falls)
        ):
            raise ValueError(
                f"`{name}` must be {wanted}, in increasing order. "
                f"Received: {name}={falls}"
            )
        if not 0 < self.learning_rate < math.inf:
            raise ValueError(
                "`learning_rate` must be positive and finite. "
                f"Received: learning_rate={self.learning_rate}"
            )
        if not 1 < self.factor < math.inf:
            raise ValueError(
                "The rate is divided by `factor`, which must be above 1. "
                f"Received: factor={self.factor}"
            )
        if (
            not isinstance(self.warmup_epochs, numbers.Integral)
            or self.warmup_epochs < 0
        ):
            raise ValueError(
                "`warmup_epochs` must be an integer from 0. "
                f"Received: warmup_epochs={self.warmup_epochs}"
            )
