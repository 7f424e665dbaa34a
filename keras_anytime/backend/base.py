"""The interface of a forward pass in training; each backend implements it."""

import abc
from collections.abc import Callable
from typing import Any

import keras

from keras_anytime.backend.types import Gradient
from keras_anytime.backend.types import Tensor


class ForwardPass(abc.ABC):
    """A forward pass in training, and the gradients of its losses.

    All gradients are lists with one entry for each of the V trainable
    variables of the model, and carry the optimizer's loss scale.

    Args:
        model: A compiled `AnytimeModel`.
        x: Tensor `(batch, ...)`, or a structure of such tensors: the inputs
            of this replica.
        losses_of: Function from the list of all logits to a pair of lists of K
            scalars: the stage losses to train with, and those of the labels
            alone. Both are the same list where there is no difference.

    Attributes:
        outputs: List of the logits of every output.
        losses: Tensor `(K,)`, the stage losses of the whole batch.
        label_losses: Tensor `(K,)`, the stage losses of the labels alone.
        penalty: Scalar tensor, the sum of the regularizers' losses.
    """

    outputs: list[Tensor]
    losses: Tensor
    label_losses: Tensor
    penalty: Tensor

    @abc.abstractmethod
    def __init__(
        self,
        model: keras.Model,
        x: Any,
        losses_of: Callable[[list[Tensor]], tuple[list[Tensor], list[Tensor]]],
    ):
        """Runs the forward pass."""

    @abc.abstractmethod
    def stage_gradient(
        self, stage: int, coefficient: Tensor, owned: set[int]
    ) -> Gradient:
        """Returns the gradient of one stage's loss.

        The backward pass costs only the stage's subgraph.

        Args:
            stage: Integer from 0 to K - 1.
            coefficient: Scalar tensor, the factor of the loss.
            owned: Set of the `id`s of the variables of the stage's subnetwork.

        Returns:
            List of V tensors; `None` where the stage does not own a variable.
            With replicas, the share of this replica's examples.
        """

    @abc.abstractmethod
    def gradient(self, coefficients: Tensor) -> Gradient:
        """Returns the gradient of a weighted sum of the losses.

        It takes one backward pass.

        Args:
            coefficients: Tensor `(K,)`, the weights.

        Returns:
            List of V tensors or `None`. With replicas, the share of this
            replica's examples.
        """

    @abc.abstractmethod
    def total_gradient(self, coefficients: Tensor) -> Gradient:
        """Returns the gradient of a weighted sum of the losses and the penalty.

        It takes one backward pass.

        Args:
            coefficients: Tensor `(K,)`, the weights of the losses.

        Returns:
            List of V tensors or `None`, summed over replicas.
        """

    @abc.abstractmethod
    def penalty_gradient(self) -> Gradient:
        """Returns the gradient of the penalty, the same on all replicas."""

    @abc.abstractmethod
    def summed_over_replicas(self, gradients: list[Gradient]) -> list[Gradient]:
        """Returns the sums of gradients over all replicas.

        Args:
            gradients: List of lists of V tensors or `None`.
        """
