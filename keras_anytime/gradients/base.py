"""The interface of gradient combiners."""

import numpy as np
from keras import ops

from keras_anytime.backend import precision
from keras_anytime.backend.types import Gradient
from keras_anytime.backend.types import Tensor
from keras_anytime.gradients import gram as gram_lib
from keras_anytime.training_state import TrainingState


class Combiner(TrainingState):
    """Combines the gradients of all stages into one gradient.

    The gradient `g_i` of stage i is that of its weighted loss `w_i * L_i`. A
    subclass implements `coefficients`; the combined gradient is `Σ c_i g_i`.
    Variables that it creates in `build` are saved and restored with the model
    that was compiled with the combiner.

    The Gram matrix also gives the cosines between the stage gradients. Their
    mean over the training steps is kept; see `mean_cosines`.

    Attributes:
        single_backward: Boolean, of the class. Whether the combined gradient
            is that of a weighted sum of the losses, with the weights of
            `loss_coefficients`, so that one backward pass gives it.
        refresh_every: Integer. Training steps from one computation of the
            coefficients to the next. The training steps in between use the
            last coefficients again, on one backward pass of the weighted sum
            of the losses instead of one pass per stage.

    Call arguments:
        gradients: K lists of V tensors, one per variable; `None` where a
            stage does not reach a variable.
        loss_scale: Scalar, the factor that all gradients carry to stay within
            the range of 16 bits. The combined gradient carries it too.
        already_combined: Boolean. If True, the gradients already include the
            coefficients in a training step that does not compute new ones;
            their sum is returned.

    Returns:
        List of V tensors; `None` where no stage has a gradient.
    """

    single_backward = False
    refresh_every = 1

    def build(self, input_shape: tuple[int, ...]) -> None:
        super().build(input_shape)
        stages = input_shape[0]
        if not self.single_backward:
            self.cosine_sums = self._zeros("cosine_sums", (stages, stages))
            self.cosine_counts = self._zeros("cosine_counts", (stages, stages))
        if self.refresh_every > 1:
            self.last_coefficients = self._zeros("last_coefficients", (stages,))
            self.last_weights = self.add_weight(
                name="last_weights", shape=(stages,), initializer="ones"
            )
            self.age = self._zeros("age", (), "int32")

    def __call__(
        self,
        gradients: list[Gradient],
        loss_scale: Tensor = 1.0,
        already_combined: bool = False,
    ) -> Gradient:
        # Not a layer from tensors to tensors: gradients have gaps.
        self.ensure_built(len(gradients))
        with precision.float64():
            return self.call(gradients, loss_scale, already_combined)

    def call(
        self,
        gradients: list[Gradient],
        loss_scale: Tensor = 1.0,
        already_combined: bool = False,
    ) -> Gradient:
        if self.refresh_every == 1:
            coefficients, _, (cosines, known) = self._computed(
                gradients, loss_scale
            )
        else:
            coefficients, (cosines, known) = self._refreshed(
                gradients, loss_scale, already_combined
            )
        if not self.single_backward:
            self.cosine_sums.assign_add(cosines)
            self.cosine_counts.assign_add(known)
        return gram_lib.linear_combination(coefficients, gradients)

    def should_refresh(self) -> Tensor:
        """Returns whether this training step computes new coefficients.

        Only combiners whose `refresh_every` is above 1 have the state for it.

        Returns:
            Boolean scalar tensor.
        """
        return ops.equal(self.age, 0)

    def weights_for_step(self, weights: Tensor) -> Tensor:
        """Returns the loss weights that a training step uses.

        Between refreshes the loss weights are frozen too, because the
        coefficients are valid for those weights only.

        Args:
            weights: Float tensor `(K,)`, from the weighting.

        Returns:
            Float tensor `(K,)`.
        """
        self.ensure_built(weights.shape[0])
        if self.refresh_every > 1:
            weights = ops.where(
                self.should_refresh(), weights, self.last_weights.value
            )
            self.last_weights.assign(weights)
        return weights

    def loss_coefficients(self, weights: Tensor) -> Tensor:
        """Returns the factors of the losses where one backward pass is enough.

        Args:
            weights: Float tensor `(K,)`, the loss weights.

        Returns:
            Float tensor `(K,)`: the combined gradient is that of the so
            weighted sum of the losses.
        """
        raise TypeError(
            "A combiner with `single_backward` must implement "
            f"`loss_coefficients`. Received: {type(self).__name__}"
        )

    def coefficients(self, gram: Tensor, sizes: list[int]) -> Tensor:
        """Returns c, with which the combined gradient is Σ c_i g_i.

        Args:
            gram: Tensor `(K, K)`, the inner products of the stage gradients.
            sizes: Sequence of K integers d_i, the parameters of each stage's
                subnetwork.

        Returns:
            Tensor `(K,)`.
        """
        raise TypeError(
            "A combiner must implement `coefficients`. "
            f"Received: {type(self).__name__}"
        )

    def mean_cosines(self) -> np.ndarray:
        """Returns the mean cosines between stage gradients since the reset.

        Returns:
            Float array `(K, K)`; NaN where no training step had two finite
            gradients that are not zero.
        """
        counts = ops.convert_to_numpy(self.cosine_counts)
        sums = ops.convert_to_numpy(self.cosine_sums)
        return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)

    def reset_cosines(self) -> None:
        """Starts a new mean of the cosines."""
        for variable in (self.cosine_sums, self.cosine_counts):
            variable.assign(ops.zeros_like(variable.value))

    def _zeros(self, name, shape, dtype=None):
        return self.add_weight(
            name=name, shape=shape, initializer="zeros", dtype=dtype
        )

    def _computed(self, gradients, loss_scale):
        """Computes coefficients and cosines from the Gram matrix.

        Returns:
            Tuple of the coefficients, whether all gradients are finite, and a
            pair of float32 tensors `(K, K)`: the cosines, and 1 where they are
            known.
        """
        gram = gram_lib.gram_matrix(gradients)
        # Coefficients must not depend on the loss scale.
        scale = ops.cast(loss_scale, gram.dtype)
        gram = gram / scale / scale
        cosines, known = gram_lib.cosines(gram)
        coefficients = self.coefficients(gram, gram_lib.sizes(gradients))
        return (
            ops.cast(coefficients, gram.dtype),
            ops.all(ops.isfinite(ops.diagonal(gram))),
            (ops.cast(cosines, "float32"), ops.cast(known, "float32")),
        )

    def _refreshed(self, gradients, loss_scale, already_combined):
        """Computes coefficients if they are due, else uses the last ones.

        Returns:
            Pair of the coefficients, and the pair of cosines and where they
            are known; zeros if nothing was computed.
        """
        refresh = self.should_refresh()
        last = self.last_coefficients.value
        if already_combined:
            last = ops.ones_like(last)
        last = ops.cast(last, "float64")
        nothing = ops.zeros((self.num_stages, self.num_stages), "float32")
        # No branch may assign to a variable: JAX would not see it.
        coefficients, finite, cosines = ops.cond(
            refresh,
            lambda: self._computed(gradients, loss_scale),
            lambda: (
                last,
                ops.convert_to_tensor(True, "bool"),
                (nothing, nothing),
            ),
        )
        # Coefficients that leave out a stage, because its gradient is not
        # finite, serve for this training step only: the next one refreshes.
        self.last_coefficients.assign(
            ops.where(
                ops.logical_and(refresh, finite),
                gram_lib.cast_finite(coefficients, "float32"),
                self.last_coefficients.value,
            )
        )
        self.age.assign(
            ops.where(finite, (self.age + 1) % self.refresh_every, 0)
        )
        return coefficients, cosines


def check_order(argument: str, order: list[int], num_stages: int) -> None:
    """Checks an argument that is an order of the stages.

    Args:
        argument: String, the name of the argument.
        order: List of stage numbers, counted from 1.
        num_stages: Integer K.

    Raises:
        ValueError: If it does not name each stage once.
    """
    if sorted(order) != list(range(1, num_stages + 1)):
        raise ValueError(
            f"`{argument}` must name each of the stages 1 to {num_stages} "
            f"once. Received: {argument}={order}"
        )


def check_scale(scale: float) -> None:
    """Raises a `ValueError` if the constant C of NormSGD is out of range."""
    if not 0 < scale < float("inf"):
        raise ValueError(
            f"`scale` must be positive and finite. Received: scale={scale}"
        )
