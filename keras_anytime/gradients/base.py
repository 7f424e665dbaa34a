"""The interface of combiners."""

from keras import ops

from keras_anytime.gradients import gram as gram_lib
from keras_anytime.state import TrainingState


class Combiner(TrainingState):
    """Makes one gradient of the stage gradients.

    The gradient `g_i` of stage i is that of its weighted loss `w_i * L_i`. A
    subclass implements `coefficients`; the combined gradient is `Σ c_i g_i`.
    Variables that it creates in `build` are saved and restored with the model
    that was compiled with the combiner.

    Call arguments:
        gradients: K lists of V tensors, one per variable; `None` where a
            stage does not reach a variable.
        loss_scale: Scalar, the factor that all gradients carry to stay within
            the range of 16 bits. The combined gradient carries it too.

    Returns:
        List of V tensors; `None` where no stage has a gradient.
    """

    # Whether `objective` gives a loss whose gradient is the combined one, so
    # that a single backward pass does.
    joint = False

    def __call__(self, gradients, loss_scale=1.0):
        # Not a tensor in, tensor out layer: gradients have gaps.
        if not self.built:
            self.build((len(gradients),))
        return self.call(gradients, loss_scale)

    def call(self, gradients, loss_scale=1.0):
        gram = gram_lib.gram_matrix(gradients)
        # Coefficients are decided on the gradients without loss scaling.
        scale = ops.cast(loss_scale, gram.dtype)
        coefficients = self.coefficients(
            gram / scale / scale, gram_lib.sizes(gradients)
        )
        return gram_lib.linear_combination(coefficients, gradients)

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
