"""SamplerProbabilities: how likely each stage is drawn, in a CSV file."""

import os
from typing import Any

import keras
import numpy as np

from keras_anytime.callbacks.epoch_file import check_epoch_file
from keras_anytime.callbacks.epoch_file import write_epoch
from keras_anytime.files import user_path
from keras_anytime.stages import outputs as outputs_lib
from keras_anytime.stages.checks import check_anytime_model
from keras_anytime.weighting import Sampler


class SamplerProbabilities(keras.callbacks.Callback):
    """Writes how likely a sampler draws each stage to a CSV file.

    Samplers that learn change the probabilities in each training step.
    `LossWeights` shows which stages were drawn; this shows what the sampler has
    learned. `ka.evaluation.plots.plot_sampler_probabilities` draws the file.
    Keras has no such callback.

    The file has one row per epoch: `epoch`, and `probability_k` for each stage,
    at the end of the epoch. A resumed training continues the file. The file is
    complete at any moment.

    ```python
    model.compile(
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        weighting=ka.weighting.Exp3(),
        gradients="sum",
    )
    log = ka.callbacks.SamplerProbabilities("run/probabilities.csv")
    model.fit(images, labels, callbacks=[log], verbose=0)
    print(log.probabilities)  # three numbers of sum 1
    ```

    Args:
        path: String or path of the CSV file.

    Attributes:
        probabilities: Float array `(K,)`. The probabilities at the end of the
            last epoch; `None` before the first one ends.

    Raises:
        ValueError: Before training, if the weighting of the model is no
            `Sampler`.
        OSError: Before training, if the file cannot be written.
        ContentError: Before training, if the file exists and is not a file of
            epochs.

    Reference:
        [Hu et al., 2017, Figure 4](https://arxiv.org/abs/1708.06832v1)
    """

    def __init__(self, path: str | os.PathLike) -> None:
        super().__init__()
        self.path = user_path(path)
        self.probabilities: np.ndarray | None = None

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        check_anytime_model(self.model)
        if not isinstance(self.model.weighting, Sampler):
            raise ValueError(
                "Only samplers draw stages: compile the model with a weighting "
                "such as `ka.weighting.Alternating()`. "
                f"Received: weighting={self.model.weighting!r}"
            )
        check_epoch_file(self.path)

    def on_epoch_begin(
        self, epoch: int, logs: dict[str, Any] | None = None
    ) -> None:
        self.model.mean_trained_losses.reset()

    def on_epoch_end(
        self, epoch: int, logs: dict[str, Any] | None = None
    ) -> None:
        numbers = outputs_lib.stage_numbers(self.model.output_names)
        losses = [(logs or {}).get(f"stage_{k}_loss", 1.0) for k in numbers]
        if self.model.distillation is not None:
            # The sampler sees these, and logs show the losses of the labels.
            losses = self.model.mean_trained_losses.result()
        self.probabilities = self.model.weighting.draw_probabilities(losses)
        values = {
            f"probability_{k}": f"{probability:.6g}"
            for k, probability in zip(numbers, self.probabilities, strict=True)
        }
        write_epoch(self.path, epoch, values)
