"""JointModel: what a model says of the losses that are trained together."""

import os
from typing import Any

import keras

from keras_anytime.backend.base import BatchLosses
from keras_anytime.backend.types import Tensor
from keras_anytime.saving.models import save_model
from keras_anytime.training.named_input_model import NamedInputModel


class JointModel(NamedInputModel):
    """The part of a model that says which K losses it is trained on.

    A subclass says which losses there are, in `loss_names` and
    `batch_losses`, and which variables each reaches, in `loss_variables`.
    """

    # The attribute of the mean losses, whose name files of weights contain.
    _means_attribute = "loss_means"

    @property
    def loss_names(self) -> tuple[str, ...]:
        """Tuple of the names of the K losses in logs."""
        raise NotImplementedError

    @property
    def loss_keys(self) -> tuple[str, ...]:
        """Tuple of the short names of the K losses in columns of files."""
        return self.loss_names

    def loss_variables(self, index: int) -> list[keras.Variable]:
        """Returns the trainable variables of the subgraph of a loss.

        Args:
            index: Integer from 0 to K - 1.
        """
        raise NotImplementedError

    def batch_losses(
        self,
        y: Any,
        outputs: list[Tensor],
        sample_weight: Any = None,
        training: bool = False,
    ) -> BatchLosses:
        """Returns the losses of a batch.

        Args:
            y: The labels of the batch.
            outputs: List of the tensors of every output.
            sample_weight: Sample weights as `fit` takes them, or `None`.
            training: Boolean. Whether the losses to train with are wanted;
                else those of the labels are enough.
        """
        raise NotImplementedError

    def output_targets(self, y: Any) -> list:
        """Returns the labels of each output, in the order of `outputs`.

        Args:
            y: Labels as `fit` takes them.
        """
        raise NotImplementedError

    def output_weights(self, sample_weight: Any) -> list:
        """Returns the sample weights of each output, or `None` for each.

        Args:
            sample_weight: Sample weights as `fit` takes them.

        Raises:
            ValueError: If a list or dict does not match the outputs.
        """
        raise NotImplementedError

    def check_labels(self, y: Any, argument: str = "a batch") -> None:
        """Raises a `ValueError` if labels do not match the model.

        Args:
            y: Labels as `fit` takes them.
            argument: String. Name of the data in error messages.
        """
        raise NotImplementedError

    # Not a property: Keras would save the metrics under its name.
    def _loss_means(self) -> list[keras.metrics.Mean]:
        return getattr(self, self._means_attribute)

    def save(
        self,
        filepath: str | os.PathLike,
        overwrite: bool = True,
        **kwargs: Any,
    ) -> None:
        """Saves the whole model to a temporary file, then renames it.

        Args:
            filepath: String or path that ends in `.keras`.
            overwrite: Boolean. As in `keras.Model.save`.
            **kwargs: Further arguments of `keras.Model.save`.

        Raises:
            FloatingPointError: If a variable is not finite.
        """
        save_model(self, super().save, filepath, overwrite, **kwargs)
