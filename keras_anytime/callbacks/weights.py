"""How much each stage's loss counts, epoch by epoch."""

import keras

from keras_anytime.callbacks.log import check_epochs
from keras_anytime.callbacks.log import write_epoch
from keras_anytime.files import user_path
from keras_anytime.stages import outputs as outputs_lib
from keras_anytime.stages.checks import check_anytime_model


class LossWeights(keras.callbacks.Callback):
    """Writes the mean weight of each stage's loss to a CSV file.

    Adaptive weightings change the weights in every step, and samplers draw
    them: the means show which stages training cared for.
    `ka.evaluation.plots.plot_loss_weights` draws the file.

    The file has one line per epoch: `epoch`, and `weight_k` for each stage,
    the mean over the steps of the epoch. A resumed training goes on below the
    epochs that it has behind it. The file is whole at any moment.

    Args:
        path: String or path.

    Attributes:
        weights: Float array `(K,)`, the means of the last epoch; `None`
            before there is one.

    Raises:
        OSError: Before training, if the file cannot be written.
        ContentError: Before training, if what is there is no such file.

    Reference:
        [Hu et al., 2019, Figure 6c](https://arxiv.org/abs/1708.06832)
    """

    def __init__(self, path):
        super().__init__()
        self.path = user_path(path)
        self.weights = None

    def on_train_begin(self, logs=None):
        check_anytime_model(self.model)
        check_epochs(self.path)

    def on_epoch_begin(self, epoch, logs=None):
        self.model.mean_loss_weights.reset()

    def on_epoch_end(self, epoch, logs=None):
        self.weights = self.model.mean_loss_weights.result()
        numbers = outputs_lib.stage_numbers(self.model.output_names)
        values = {
            f"weight_{k}": f"{weight:.6g}"
            for k, weight in zip(numbers, self.weights, strict=True)
        }
        write_epoch(self.path, epoch, values)
