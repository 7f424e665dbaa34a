"""Training on several replicas with `tf.distribute`.

Each replica computes losses and gradients on its share of a batch. They are
summed over replicas before a weighting or a combiner uses them. So all
replicas compute the same weights as one device with the whole batch.
"""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from keras_anytime.backend.types import Gradient
from keras_anytime.backend.types import Tensor


def count() -> int:
    """Returns the number of replicas of the current strategy."""
    return tf.distribute.get_strategy().num_replicas_in_sync


class Workers:
    """Makes a `MultiWorkerMirroredStrategy` work with Keras' `fit`.

    Before training, `fit` of Keras 3.15 reduces a batch over replicas to learn
    its shapes. The strategies of one process return a tuple unchanged, but that
    of several processes fails on it. This class returns it unchanged too, and
    delegates everything else to the strategy.

    Args:
        strategy: A `tf.distribute.MultiWorkerMirroredStrategy`.
    """

    def __init__(self, strategy: tf.distribute.Strategy):
        self._strategy = strategy

    def __getattr__(self, name: str) -> Any:
        return getattr(self._strategy, name)

    @property  # type: ignore[misc]  # Keras asks with `isinstance`.
    def __class__(self) -> type:
        return type(self._strategy)

    def reduce(self, reduce_op: Any, value: Any, axis: int | None) -> Any:
        """Reduces a tensor over replicas; returns a structure unchanged.

        Args:
            reduce_op: As in `tf.distribute.Strategy.reduce`.
            value: As in `tf.distribute.Strategy.reduce`.
            axis: As in `tf.distribute.Strategy.reduce`.
        """
        if tf.nest.is_nested(value):
            return value
        return self._strategy.reduce(reduce_op, value, axis)


def strategy_for_fit(
    strategy: tf.distribute.Strategy,
) -> tf.distribute.Strategy | Workers:
    """Returns a strategy in the form that Keras' `fit` works with.

    Args:
        strategy: A `tf.distribute.Strategy`.
    """
    if isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return Workers(strategy)
    return strategy


def check_strategy(
    model: keras.Model,
    jit_compile: bool,
    optimizer: keras.optimizers.Optimizer | str,
    reduction: str,
) -> None:
    """Checks that the model's strategy can train with these arguments.

    Args:
        model: A `keras.Model`.
        jit_compile: Boolean.
        optimizer: The optimizer that the model is compiled with.
        reduction: String, how the losses of the model reduce examples.

    Raises:
        ValueError: If it cannot.
    """
    strategy = model.distribute_strategy
    if isinstance(strategy, tf.distribute.experimental.ParameterServerStrategy):
        raise ValueError(
            "A training step sums stage gradients over replicas, which a "
            "parameter server does not do. Use MirroredStrategy or "
            "MultiWorkerMirroredStrategy. "
            f"Received: {type(strategy).__name__}"
        )
    if jit_compile and strategy.num_replicas_in_sync > 1:
        raise ValueError(
            "XLA cannot compile the training step of several replicas of "
            f"{type(strategy).__name__}. Use jit_compile=False or 'auto'. "
            f"Received: jit_compile={jit_compile} with "
            f"{strategy.num_replicas_in_sync} replicas"
        )
    if strategy.num_replicas_in_sync == 1:
        return
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    for option in ("gradient_accumulation_steps", "ema_overwrite_frequency"):
        if getattr(inner, option, None) and isinstance(
            strategy, tf.distribute.MirroredStrategy
        ):
            raise ValueError(
                f"Keras' optimizers do not support `{option}` under "
                "MirroredStrategy. Leave it out. "
                f"Received: {option}={getattr(inner, option)}"
            )
    if reduction == "mean_with_sample_weight":
        raise ValueError(
            "A replica knows the sample weights of its own examples only, and "
            "cannot take the mean over all. Use "
            "reduction='sum_over_batch_size'. "
            f"Received: loss with reduction={reduction!r}"
        )


def whole_batch_losses(
    losses: list[Tensor], counts: list[Tensor], are_means: Sequence[bool]
) -> tuple[Tensor, list[Tensor], Tensor]:
    """Returns the losses of the whole batch, and this replica's share.

    Only the shares have gradients, and each is a scalar of its own: the
    gradient of an entry of a tensor would take a backward pass through all
    stages, with zeros.

    Args:
        losses: List of K scalars, of this replica's examples. Means over
            examples are divided by the number of replicas, as Keras' losses do.
        counts: List of K scalars, the examples of this replica that each loss
            counts.
        are_means: Sequence of K booleans, whether a loss is a mean over them.

    Returns:
        Tuple of the losses of the whole batch, tensor `(K,)`, the same on all
        replicas; the shares of this replica, list of K scalars; and the
        examples of the whole batch, tensor `(K,)`. The sum of the shares over
        replicas is the first, also if replicas have different numbers of
        examples.
    """
    (totals,) = summed([ops.stack(counts)])
    if count() > 1 and any(are_means):
        # Each example has the same weight, on whichever replica it is.
        divisors = ops.unstack(ops.maximum(totals, 1), len(losses))
        losses = [
            own * ops.cast(size, own.dtype) * count() / ops.cast(n, own.dtype)
            if is_mean
            else own
            for own, size, n, is_mean in zip(
                losses, counts, divisors, are_means, strict=True
            )
        ]
    (whole,) = summed([ops.stop_gradient(ops.stack(losses))])
    return whole, losses, totals


def summed(tensors: list) -> list:
    """Sums tensors over all replicas, in one collective call.

    Args:
        tensors: List of tensors of this replica, or of lists of tensors.
            `None` stays `None`.

    Returns:
        The same structure with the sums, equal on all replicas.
    """
    if count() == 1:
        return tensors
    own = [tensor for tensor in tf.nest.flatten(tensors) if tensor is not None]
    total = iter(
        tf.distribute.get_replica_context().all_reduce(
            tf.distribute.ReduceOp.SUM, own
        )
    )
    return tf.nest.map_structure(
        lambda tensor: None if tensor is None else next(total), tensors
    )


def on_the_first(gradient: Gradient) -> Gradient:
    """Returns a gradient on the first replica, and zeros on the others.

    Keras' optimizers clip and accumulate gradients before they sum them over
    replicas. With this gradient they clip and accumulate the gradient of the
    whole batch, and the other replicas add only what is not finite.

    Args:
        gradient: List of V tensors or `None`, the same on all replicas.
    """
    if count() == 1:
        return gradient
    replica = tf.distribute.get_replica_context().replica_id_in_sync_group
    share = ops.cast(ops.equal(replica, 0), "float32")
    return [
        None if values is None else values * ops.cast(share, values.dtype)
        for values in gradient
    ]


def logs(values: dict[str, Tensor]) -> dict[str, Tensor]:
    """Returns logs in the form in which Keras reduces them over replicas.

    Args:
        values: Dict from names to scalars, the same on all replicas.
    """
    strategy = tf.distribute.get_strategy()
    if isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        # Keras takes the mean over the first axis.
        return keras.tree.map_structure(lambda value: value[None], values)
    return values
