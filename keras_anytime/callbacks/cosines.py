"""How far stages agree: the cosines between their gradients."""

import itertools

import keras

from keras_anytime.callbacks.log import check_epochs
from keras_anytime.callbacks.log import write_epoch
from keras_anytime.files import user_path
from keras_anytime.stages.checks import check_anytime_model


class GradientCosines(keras.callbacks.Callback):
    """Writes the mean cosines between stage gradients to a CSV file.

    A cosine below 0 says that two stages want to move the weights that they
    share in opposite directions. The combiner has the cosines from the Gram
    matrix that it computes anyway: they cost no further backward pass.

    The file has one line per epoch: `epoch`, and for stages i < j a column
    `cosine_i_j` with the mean over the steps of this epoch in which the
    combiner compared their gradients, `nan` if there was none. A resumed
    training goes on below the epochs that it has behind it. The file is whole
    at any moment.

    Args:
        path: String or path.

    Attributes:
        matrix: Float array `(K, K)`, the mean cosines of the last epoch; `None`
            before there is one.

    Raises:
        ValueError: In training, if the combiner takes one backward pass of all
            losses, as `Sum` does.
        OSError: Before training, if the file cannot be written.
        ContentError: Before training, if what is there is no such file.

    Reference:
        [Wan et al., 2020, Section 4.3](https://arxiv.org/abs/2008.06635)
    """

    def __init__(self, path):
        super().__init__()
        self.path = user_path(path)
        self.matrix = None

    def on_train_begin(self, logs=None):
        check_anytime_model(self.model)
        combiner = self.model.gradient_combiner
        if combiner.single_backward:
            raise ValueError(
                "One backward pass of all losses has no stage gradients to "
                "compare: compile with `gradients=Orthogonal()`, or with a "
                "function of the Gram matrix. "
                f"Received: gradients={type(combiner).__name__}"
            )
        check_epochs(self.path)

    def on_epoch_begin(self, epoch, logs=None):
        self.model.gradient_combiner.reset_cosines()

    def on_epoch_end(self, epoch, logs=None):
        self.matrix = self.model.gradient_combiner.mean_cosines()
        pairs = itertools.combinations(range(len(self.matrix)), 2)
        values = {
            f"cosine_{i + 1}_{j + 1}": f"{self.matrix[i, j]:.6g}"
            for i, j in pairs
        }
        write_epoch(self.path, epoch, values)
