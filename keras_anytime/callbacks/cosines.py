"""GradientCosines: the cosines between stage gradients in a CSV file."""

import itertools
import os
from typing import Any

import keras
import numpy as np

from keras_anytime.callbacks.epoch_file import check_epoch_file
from keras_anytime.callbacks.epoch_file import write_epoch
from keras_anytime.files import user_path
from keras_anytime.stages.checks import check_joint_model


class GradientCosines(keras.callbacks.Callback):
    """Writes the mean cosines between stage gradients to a CSV file.

    A cosine below 0 means that two stages want to move their shared weights in
    opposite directions. The combiner takes the cosines from the Gram matrix
    that it computes anyway, so they cost no further backward pass. Keras has no
    such callback.

    The file has one row per epoch: `epoch`, and a column `cosine_i_j` for each
    pair of stages `i < j`; of a `MultitaskModel` with the names of tasks, as
    in `cosine_age_pose`. The value is the mean over the training steps of the
    epoch in which the combiner computed the Gram matrix, or `nan` if there was
    none. A resumed training continues the file. The file is complete at any
    moment. `ka.evaluation.plots.plot_cosines` draws it.

    ```python
    model.compile("sgd", model.loss, gradients=ka.gradients.Orthogonal())
    cosines = ka.callbacks.GradientCosines("run/cosines.csv")
    model.fit(images, labels, callbacks=[cosines], verbose=0)
    print(cosines.matrix)
    ```

    Args:
        path: String or path of the CSV file.

    Attributes:
        matrix: Float array `(K, K)`. The mean cosines of the last epoch; `None`
            before the first one ends.

    Raises:
        ValueError: Before training, if the combiner takes one backward pass of
            all losses, as `Sum` does.
        OSError: Before training, if the file cannot be written.
        ContentError: Before training, if the file exists and is not a file of
            epochs.

    Reference:
        [Wan et al., 2020, Section 4.3](https://arxiv.org/abs/2008.06635)
    """

    def __init__(self, path: str | os.PathLike) -> None:
        super().__init__()
        self.path = user_path(path)
        self.matrix: np.ndarray | None = None

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        check_joint_model(self.model)
        combiner = self.model.gradient_combiner
        if combiner.single_backward:
            raise ValueError(
                "GradientCosines needs a gradient for each stage, and this "
                "combiner takes one backward pass of all losses. Compile with "
                "`gradients=Orthogonal()`, or with a function of the Gram "
                f"matrix. Received: gradients={type(combiner).__name__}"
            )
        check_epoch_file(self.path)

    def on_epoch_begin(
        self, epoch: int, logs: dict[str, Any] | None = None
    ) -> None:
        self.model.gradient_combiner.reset_cosines()

    def on_epoch_end(
        self, epoch: int, logs: dict[str, Any] | None = None
    ) -> None:
        self.matrix = matrix = self.model.gradient_combiner.mean_cosines()
        keys = enumerate(self.model.loss_keys)
        values = {
            f"cosine_{first}_{second}": f"{matrix[i, j]:.6g}"
            for (i, first), (j, second) in itertools.combinations(keys, 2)
        }
        write_epoch(self.path, epoch, values)
