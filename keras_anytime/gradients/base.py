"""The interface of combiners."""

import keras
import numpy as np
from keras import ops

from keras_anytime.backend import precision
from keras_anytime.gradients import gram as gram_lib
from keras_anytime.training_state import TrainingState


class Combiner(TrainingState):
    """Makes one gradient of the stage gradients.

    The gradient `g_i` of stage i is that of its weighted loss `w_i * L_i`. A
    subclass implements `coefficients`; the combined gradient is `Σ c_i g_i`.
    Variables that it creates in `build` are saved and restored with the model
    that was compiled with the combiner.

    The Gram matrix also gives the cosines between the stage gradients. Their
    mean over the steps is kept; see `mean_cosines`.

    Call arguments:
        gradients: K lists of V tensors, one per variable; `None` where a
            stage does not reach a variable.
        loss_scale: Scalar, the factor that all gradients carry to stay within
            the range of 16 bits. The combined gradient carries it too.
        weighted: Boolean. Whether, in a step that is not `due`, gradients are
            already multiplied by `last_coefficients`: lists whose sum is that
            of the stage gradients so multiplied do as well.

    Returns:
        List of V tensors; `None` where no stage has a gradient.
    """

    # Whether `objective` gives a loss whose gradient is the combined one, so
    # that a single backward pass does.
    joint = False

    # Steps from one computation of the coefficients to the next. Steps in
    # between use the last ones, on one backward pass of the so weighted sum of
    # losses, instead of one pass per stage.
    refresh_every = 1

    def build(self, input_shape):
        super().build(input_shape)
        stages = input_shape[0]
        if not self.joint:
            self.cosine_sums = self._zeros("cosine_sums", (stages, stages))
            self.cosine_counts = self._zeros("cosine_counts", (stages, stages))
        if self.refresh_every > 1:
            self.last_coefficients = self._zeros("last_coefficients", (stages,))
            self.last_weights = self.add_weight(
                name="last_weights", shape=(stages,), initializer="ones"
            )
            self.age = self._zeros("age", (), "int32")
        # What is summed up over an epoch is no state of training: it is neither
        # saved nor among `variables`.
        for name, shape in (("weight_sums", (stages,)), ("weight_count", ())):
            zeros = keras.Variable(
                ops.zeros(shape, "float32"), trainable=False, name=name
            )
            object.__setattr__(self, name, zeros)

    def __call__(self, gradients, loss_scale=1.0, weighted=False):
        # Not a tensor in, tensor out layer: gradients have gaps.
        self.ensure_built(len(gradients))
        with precision.float64():
            return self.call(gradients, loss_scale, weighted)

    def call(self, gradients, loss_scale=1.0, weighted=False):
        if self.refresh_every == 1:
            coefficients, _, agreement = self._decide(gradients, loss_scale)
        else:
            coefficients, agreement = self._decide_if_due(
                gradients, loss_scale, weighted
            )
        if not self.joint:
            cosines, known = agreement
            self.cosine_sums.assign_add(cosines)
            self.cosine_counts.assign_add(known)
        return gram_lib.linear_combination(coefficients, gradients)

    def due(self):
        """Returns whether this step computes coefficients: a boolean tensor.

        To be asked where `refresh_every` is above 1.
        """
        return ops.equal(self.age, 0)

    def held(self, weights):
        """Returns the weights of the losses for this step, and counts them.

        Coefficients are those of weighted gradients. Steps that use the last
        ones again use the weights of then again, too, for otherwise what is
        orthogonal would not stay so.

        Args:
            weights: Float tensor `(K,)`, what the weighting gives.

        Returns:
            Float tensor `(K,)`.
        """
        self.ensure_built(weights.shape[0])
        if self.refresh_every > 1:
            weights = ops.where(self.due(), weights, self.last_weights.value)
            self.last_weights.assign(weights)
        self.weight_sums.assign_add(weights)
        self.weight_count.assign_add(ops.ones((), "float32"))
        return weights

    @property
    def sums(self):
        """Variables of what is summed up over an epoch, for callbacks."""
        return [self.weight_sums, self.weight_count] if self.built else []

    def mean_weights(self):
        """Returns the mean weights of the losses since the reset.

        Returns:
            NumPy array `(K,)`; NaN before the first step.
        """
        count = float(ops.convert_to_numpy(self.weight_count))
        sums = ops.convert_to_numpy(self.weight_sums)
        return sums / count if count else np.full(sums.shape, np.nan)

    def reset_weights(self):
        """Makes `mean_weights` start anew."""
        for variable in self.sums:
            variable.assign(ops.zeros_like(variable.value))

    def coefficients(self, gram, sizes):
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

    def mean_cosines(self):
        """Returns the mean cosines between stage gradients since the reset.

        Returns:
            NumPy array `(K, K)`; NaN where no step had two finite gradients
            that are not zero.
        """
        counts = ops.convert_to_numpy(self.cosine_counts)
        sums = ops.convert_to_numpy(self.cosine_sums)
        return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)

    def reset_cosines(self):
        """Makes `mean_cosines` start anew."""
        for variable in (self.cosine_sums, self.cosine_counts):
            variable.assign(ops.zeros_like(variable.value))

    def _zeros(self, name, shape, dtype=None):
        return self.add_weight(
            name=name, shape=shape, initializer="zeros", dtype=dtype
        )

    def _decide(self, gradients, loss_scale):
        """Returns what follows from the Gram matrix.

        Returns:
            Tuple of the coefficients, whether all gradients are finite, and a
            pair of float32 tensors `(K, K)`: the cosines, and 1 where they are
            known.
        """
        gram = gram_lib.gram_matrix(gradients)
        # Coefficients are decided on the gradients without loss scaling.
        scale = ops.cast(loss_scale, gram.dtype)
        gram = gram / scale / scale
        agreement = tuple(
            ops.cast(cosine, "float32") for cosine in gram_lib.cosines(gram)
        )
        coefficients = self.coefficients(gram, gram_lib.sizes(gradients))
        return (
            ops.cast(coefficients, gram.dtype),
            ops.all(ops.isfinite(ops.diagonal(gram))),
            agreement,
        )

    def _decide_if_due(self, gradients, loss_scale, weighted):
        due = self.due()
        between = self.last_coefficients.value
        if weighted:
            between = ops.ones_like(between)
        between = ops.cast(between, "float64")
        nothing = ops.zeros((self.num_stages, self.num_stages), "float32")
        # No branch may assign to a variable: JAX would not see it.
        coefficients, finite, agreement = ops.cond(
            due,
            lambda: self._decide(gradients, loss_scale),
            lambda: (
                between,
                ops.convert_to_tensor(True, "bool"),
                (nothing, nothing),
            ),
        )
        # Coefficients that leave a stage out, since its gradient is not
        # finite, serve for this step only: the next one is due again.
        last = ops.where(
            ops.logical_and(due, finite),
            gram_lib.cast_finite(coefficients, "float32"),
            self.last_coefficients.value,
        )
        self.last_coefficients.assign(last)
        self.age.assign(
            ops.where(finite, (self.age + 1) % self.refresh_every, 0)
        )
        return coefficients, agreement


def check_scale(scale):
    """Raises a `ValueError` if the constant C of NormSGD is out of range."""
    if not 0 < scale < float("inf"):
        raise ValueError(
            f"`scale` must be positive and finite. Received: scale={scale}"
        )
