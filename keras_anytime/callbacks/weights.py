"""LossWeights: the mean weight of each stage's loss in a CSV file."""

import os
from typing import Any

import keras
import numpy as np

from keras_anytime.callbacks.epoch_file import check_epoch_file
from keras_anytime.callbacks.epoch_file import write_epoch
from keras_anytime.files import user_path
from keras_anytime.stages.checks import check_joint_model


class LossWeights(keras.callbacks.Callback):
    """Writes the mean weight of each stage's loss to a CSV file.

    Adaptive weightings change the weights in every training step, and samplers
    draw them. The means show which stages training favored.
    `ka.evaluation.plots.plot_loss_weights` draws the file. Keras has no such
    callback, since its loss weights are constant.

    The file has one row per epoch: `epoch`, and `weight_k` for each stage, or
    `weight_<task>` for each task of a `MultitaskModel`: the mean over the
    training steps of the epoch. A resumed training continues the file. The file
    is complete at any moment.

    ```python
    weights = ka.callbacks.LossWeights("run/weights.csv")
    model.fit(images, labels, callbacks=[weights], verbose=0)
    print(weights.weights)  # three means, all 1 without a weighting
    ```

    Args:
        path: String or path of the CSV file.

    Attributes:
        weights: Float array `(K,)`. The means of the last epoch; `None` before
            the first one ends.

    Raises:
        OSError: Before training, if the file cannot be written.
        ContentError: Before training, if the file exists and is not a file of
            epochs.

    Reference:
        [Hu et al., 2019, Figure 6c](https://arxiv.org/abs/1708.06832)
    """

    def __init__(self, path: str | os.PathLike) -> None:
        super().__init__()
        self.path = user_path(path)
        self.weights: np.ndarray | None = None

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        check_joint_model(self.model)
        check_epoch_file(self.path)

    def on_epoch_begin(
        self, epoch: int, logs: dict[str, Any] | None = None
    ) -> None:
        self.model.mean_loss_weights.reset()

    def on_epoch_end(
        self, epoch: int, logs: dict[str, Any] | None = None
    ) -> None:
        self.weights = weights = self.model.mean_loss_weights.result()
        values = {
            f"weight_{key}": f"{weight:.6g}"
            for key, weight in zip(self.model.loss_keys, weights, strict=True)
        }
        write_epoch(self.path, epoch, values)
