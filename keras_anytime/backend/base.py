"""The interface of a forward pass in training; each backend implements it."""

import abc
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

import keras

from keras_anytime.backend.types import Gradient
from keras_anytime.backend.types import Tensor


class BatchLosses(NamedTuple):
    """The K losses of a batch, or of this replica's share of it.

    Args:
        trained: List of K scalars, the losses to train with.
        of_labels: List of K scalars, the losses of the labels alone; the same
            list where there is no difference.
        counts: List of K float32 scalars, the examples that each loss counts.
        are_means: Sequence of K booleans. Whether a loss is a mean over the
            examples that it counts, divided by the number of replicas as
            Keras' losses are.
    """

    trained: list[Tensor]
    of_labels: list[Tensor]
    counts: list[Tensor]
    are_means: Sequence[bool]


class ForwardPass(abc.ABC):
    """A forward pass in training, and the gradients of its losses.

    All gradients are lists with one entry for each of the V trainable
    variables of the model, and carry the optimizer's loss scale.

    Args:
        model: A compiled `AnytimeModel` or `MultitaskModel`.
        x: Tensor `(batch, ...)`, or a structure of such tensors: the inputs
            of this replica.
        losses_of: Function from the list of all outputs to `BatchLosses`.

    Attributes:
        outputs: List of the tensors of every output.
        losses: Tensor `(K,)`, the losses of the whole batch.
        label_losses: Tensor `(K,)`, the losses of the labels alone.
        counts: List of K scalars, the examples of this replica that each loss
            counts.
        total_counts: Float32 tensor `(K,)`, those of the whole batch.
        penalty: Scalar tensor, the sum of the regularizers' losses.
    """

    outputs: list[Tensor]
    losses: Tensor
    label_losses: Tensor
    counts: list[Tensor]
    total_counts: Tensor
    penalty: Tensor

    @abc.abstractmethod
    def __init__(
        self,
        model: keras.Model,
        x: Any,
        losses_of: Callable[[list[Tensor]], BatchLosses],
    ):
        """Runs the forward pass."""

    @abc.abstractmethod
    def stage_gradient(
        self, stage: int, coefficient: Tensor, owned: set[int]
    ) -> Gradient:
        """Returns the gradient of one loss.

        The backward pass costs only the subgraph of the loss.

        Args:
            stage: Integer from 0 to K - 1.
            coefficient: Scalar tensor, the factor of the loss.
            owned: Set of the `id`s of the variables of this subgraph.

        Returns:
            List of V tensors; `None` where the subgraph lacks a variable.
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
