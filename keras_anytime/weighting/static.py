"""Weights that never change."""

import math

import keras
from keras import ops

from keras_anytime.weighting.base import Weighting


class Static(Weighting):
    """Weights that depend on the number of stages only.

    A subclass implements `scheme`.

    The scale of the weights matters to some combiners. `Sum()` takes a
    weighted mean, to which only their ratios count. `Orthogonal()` and others
    that keep their scale make larger updates of larger weights: a scheme with
    large ones then asks for a smaller learning rate, or for a `total` such as
    the number of stages.

    Args:
        total: Float above 0, to which the weights are scaled to sum, or `None`
            to take them as they are.
        name: Optional string.

    Call arguments:
        losses: Float tensor `(num_stages,)`. Only its size is used.

    Returns:
        Float tensor `(num_stages,)`.

    Raises:
        ValueError: If `total` is out of its range.
    """

    def __init__(self, total=None, name=None):
        super().__init__(name=name)
        if total is not None and not 0 < total < math.inf:
            raise ValueError(
                "`total` must be a number above 0, or None. "
                f"Received: total={total}"
            )
        self.total = total

    def scheme(self, num_stages):
        """Returns the weights before they are scaled; a pure function.

        Args:
            num_stages: Integer of 1 or more.

        Returns:
            Sequence of `num_stages` floats of 0 or more, not all 0.
        """
        raise TypeError(
            "A static weighting must implement `scheme`. "
            f"Received: {type(self).__name__}"
        )

    def build(self, input_shape):
        super().build(input_shape)
        # Here already, so that what does not fit the stages fails early.
        self.scheme(self.num_stages)

    def call(self, losses):
        weights = self.scheme(self.num_stages)
        if self.total is not None:
            factor = self.total / sum(weights)
            weights = [factor * weight for weight in weights]
        return ops.convert_to_tensor(weights, losses.dtype)

    def get_config(self):
        return {**super().get_config(), "total": self.total}


@keras.saving.register_keras_serializable(package="keras_anytime")
class Constant(Static):
    """The same weights in every step; equal ones unless given.

    Args:
        weights: Sequence of one weight of 0 or more per stage, or `None` for
            a weight of 1 for each (CONST).
        total: Float above 0, the sum to scale the weights to, or `None`. Of no
            effect with `Sum()`, which takes a weighted mean. `Orthogonal` and
            others keep the scale of the weights.
        name: Optional string.

    Call arguments:
        losses: Float tensor `(num_stages,)`.

    Returns:
        Float tensor `(num_stages,)`.

    Raises:
        ValueError: If a weight is negative or all are zero, or if their number
            is not that of the stages, or if `total` is out of its range.

    Reference:
        [Hu et al., 2017, Section 3](https://arxiv.org/abs/1708.06832v1),
        CONST; [Wan et al., 2020, Eq. 1](https://arxiv.org/abs/2008.06635),
        `k_i`
    """

    def __init__(self, weights=None, total=None, name=None):
        super().__init__(total=total, name=name)
        self.stage_weights = None if weights is None else list(weights)
        if weights is not None and not (
            all(0 <= weight < math.inf for weight in weights)
            and sum(weights) > 0
        ):
            raise ValueError(
                "`weights` must hold numbers of 0 or more, not all 0. "
                f"Received: weights={weights}"
            )

    def scheme(self, num_stages):
        if self.stage_weights is None:
            return [1.0] * num_stages
        if len(self.stage_weights) != num_stages:
            raise ValueError(
                f"Expected one weight for each of {num_stages} stages. "
                f"Received: weights={self.stage_weights}"
            )
        return self.stage_weights

    def get_config(self):
        return {**super().get_config(), "weights": self.stage_weights}


@keras.saving.register_keras_serializable(package="keras_anytime")
class Linear(Static):
    """Weights that grow linearly with the stage.

    Args:
        start: Float of 0 or more, the weight of the first stage.
        end: Float above 0, the weight of the last stage; also that of a single
            one.
        total: Float above 0, the sum to scale the weights to, or `None`. Of no
            effect with `Sum()`, which takes a weighted mean. `Orthogonal` and
            others keep the scale of the weights.
        name: Optional string.

    Call arguments:
        losses: Float tensor `(num_stages,)`.

    Returns:
        Float tensor `(num_stages,)`.

    Raises:
        ValueError: If an argument is outside its range.

    Reference:
        [Hu et al., 2017, Section 4.3](https://arxiv.org/abs/1708.06832v1),
        "linear". The paper gives no numbers; these are our choice.
    """

    def __init__(self, start=0.25, end=1.0, total=None, name=None):
        super().__init__(total=total, name=name)
        if not (0 <= start < math.inf and 0 < end < math.inf):
            raise ValueError(
                "`start` must be 0 or more, and `end` above 0. "
                f"Received: start={start}, end={end}"
            )
        self.start = start
        self.end = end

    def scheme(self, num_stages):
        # Counted from the last stage, which a single one is.
        shares = [
            stages_after / max(num_stages - 1, 1)
            for stages_after in reversed(range(num_stages))
        ]
        return [share * self.start + (1 - share) * self.end for share in shares]

    def get_config(self):
        return {**super().get_config(), "start": self.start, "end": self.end}


@keras.saving.register_keras_serializable(package="keras_anytime")
class Exponential(Static):
    """Weights in a geometric series, `B_i` proportional to `base ** i`.

    The paper's "expb2" and "expb0.5" are `Exponential(2)` and
    `Exponential(0.5)`. The largest weight is 1 for any number of stages.

    Args:
        base: Float above 0, the ratio of the weights of a stage and the one
            before.
        total: Float above 0, the sum to scale the weights to, or `None`. Of no
            effect with `Sum()`, which takes a weighted mean. `Orthogonal` and
            others keep the scale of the weights.
        name: Optional string.

    Call arguments:
        losses: Float tensor `(num_stages,)`.

    Returns:
        Float tensor `(num_stages,)`, without `total` the largest entry 1.

    Raises:
        ValueError: If an argument is outside its range.

    Reference:
        [Hu et al., 2017, Section 4.3](https://arxiv.org/abs/1708.06832v1)
    """

    def __init__(self, base=2.0, total=None, name=None):
        super().__init__(total=total, name=name)
        if not 0 < base < math.inf:
            raise ValueError(f"`base` must be above 0. Received: base={base}")
        self.base = float(base)

    def scheme(self, num_stages):
        largest = num_stages if self.base > 1 else 1
        stages = range(1, num_stages + 1)
        return [self.base ** (stage - largest) for stage in stages]

    def get_config(self):
        return {**super().get_config(), "base": self.base}
