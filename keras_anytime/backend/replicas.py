"""Several replicas of one training, on the TensorFlow backend.

Each replica computes losses and gradients on its share of a batch. Weightings
and combiners take these of the whole batch, so that they decide alike on every
replica, and as one device with the whole batch would.
"""

import keras
import tensorflow as tf
from keras import ops


def count():
    """Returns the number of replicas that the current strategy has."""
    return tf.distribute.get_strategy().num_replicas_in_sync


class Workers:
    """A `MultiWorkerMirroredStrategy` with which Keras' `fit` works.

    Before it trains, `fit` of Keras 3.15 reduces a batch over replicas, for
    its shapes only; the strategies of one process leave a tuple as it is, and
    that of several fails on it. This one leaves it too. All else is that of the
    strategy.

    Args:
        strategy: A `tf.distribute.MultiWorkerMirroredStrategy`.
    """

    def __init__(self, strategy):
        self._strategy = strategy

    def __getattr__(self, name):
        return getattr(self._strategy, name)

    @property
    def __class__(self):
        return type(self._strategy)

    def reduce(self, reduce_op, value, axis):
        """Reduces a value over replicas; a structure of values it leaves."""
        if tf.nest.is_nested(value):
            return value
        return self._strategy.reduce(reduce_op, value, axis)


def strategy_for_fit(strategy):
    """Returns a strategy in the form that Keras' `fit` works with."""
    if isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return Workers(strategy)
    return strategy


def check(model, jit_compile, optimizer, loss):
    """Raises a `ValueError` for what several replicas cannot do.

    Args:
        model: A `keras.Model`.
        jit_compile: Boolean.
        optimizer: What the model is compiled with as its optimizer.
        loss: A `keras.losses.Loss`.
    """
    strategy = model.distribute_strategy
    if isinstance(strategy, tf.distribute.experimental.ParameterServerStrategy):
        raise ValueError(
            "Stage gradients are reduced over replicas in each step; use "
            "MirroredStrategy or MultiWorkerMirroredStrategy. "
            f"Received: {type(strategy).__name__}"
        )
    if jit_compile and strategy.num_replicas_in_sync > 1:
        raise ValueError(
            "XLA cannot compile a step of several replicas of "
            f"{type(strategy).__name__}. "
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
                f"Keras' optimizers have no `{option}` under MirroredStrategy. "
                f"Received: {option}={getattr(inner, option)}"
            )
    if loss.reduction == "mean_with_sample_weight":
        raise ValueError(
            "A mean over sample weights is not known to one replica; use "
            "reduction='sum_over_batch_size'. "
            f"Received: loss with reduction={loss.reduction!r}"
        )


def whole_batch_losses(loss, losses, images):
    """Returns the stage losses of the whole batch, and this replica's part.

    Args:
        loss: The `keras.losses.Loss` that gave the losses.
        losses: List of K scalars, of this replica's images. As Keras' losses
            do, means over images are divided by the number of replicas.
        images: Tensor `(images of this replica, ...)`.

    Returns:
        Tuple of the losses of the whole batch, tensor `(K,)`, the same on all
        replicas, and of this replica's part in them, list of K scalars: their
        sum over the replicas is the first, also where replicas have images in
        different number. Only the scalars have a gradient, each of its own
        stage alone: that of an entry of a tensor would take a pass through all
        stages, with zeros.
    """
    if count() > 1 and loss.reduction != "sum":
        # An image counts the same wherever it is.
        size = ops.cast(ops.shape(images)[0], losses[0].dtype)
        (total,) = summed([size])
        losses = [one * size * count() / total for one in losses]
    (whole,) = summed([ops.stop_gradient(ops.stack(losses))])
    return whole, losses


def summed(tensors):
    """Sums over all replicas, in one collective call.

    Args:
        tensors: List of tensors of this replica, or lists of such; `None`
            stays `None`.

    Returns:
        The same structure, the same on all replicas.
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
        lambda one: None if one is None else next(total), tensors
    )


def on_the_first(gradient):
    """Returns a gradient on the first replica, and zeros on the others.

    Keras' optimizers sum over replicas what they are given, after clipping and
    accumulating it. So they clip and accumulate the very gradient, and the
    others add nothing but what is not finite.

    Args:
        gradient: List of tensors or `None`, the same on all replicas.
    """
    if count() == 1:
        return gradient
    replica = tf.distribute.get_replica_context().replica_id_in_sync_group
    share = ops.cast(ops.equal(replica, 0), "float32")
    return [
        one if one is None else one * ops.cast(share, one.dtype)
        for one in gradient
    ]


def logs(values):
    """Returns logs in the form in which Keras reduces them over replicas.

    Args:
        values: Dict from names to scalars, the same on all replicas.
    """
    strategy = tf.distribute.get_strategy()
    if isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        # Keras takes the mean over the first axis.
        return keras.tree.map_structure(lambda one: one[None], values)
    return values
