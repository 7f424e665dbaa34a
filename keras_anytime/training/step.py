"""The training step: from a batch to new weights, on every backend.

A backend supplies the forward pass, takes its gradients and sums them over
replicas (see `backend/base.py`). The algorithm is written here, once.
"""

from typing import Any

import keras
from keras import ops

from keras_anytime import backend
from keras_anytime.backend import gradient_lists
from keras_anytime.backend.base import ForwardPass
from keras_anytime.backend.types import Gradient
from keras_anytime.backend.types import Tensor
from keras_anytime.gradients import Combiner


def training_step(
    model: keras.Model, x: Any, y: Any, sample_weight: Any = None
) -> ForwardPass:
    """Runs one training step of an anytime or multi-task model.

    One forward pass gives all losses, the weighting turns them into loss
    weights, and the combiner turns the gradients of the weighted losses into
    one gradient. With a distillation, these are the losses that it mixes. If a
    batch has no example of a loss, the weighting sees its last value, and the
    combiner leaves it out. The gradient of the regularizers' penalty is added
    after combining: it is neither projected nor normalized. Then the optimizer
    updates the model's trainable variables.

    Args:
        model: A compiled `AnytimeModel` or `MultitaskModel`.
        x: Tensor `(batch, ...)`, or a structure of such tensors: the inputs.
        y: Targets as `fit` takes them.
        sample_weight: Tensor `(batch,)` for all outputs, or a structure of
            such tensors as `fit` takes it, or `None`.

    Returns:
        The `ForwardPass`, which holds the outputs and the losses of the batch.

    Reference:
        [Wan et al., 2020, Section 4](https://arxiv.org/abs/2008.06635)
    """
    combiner, optimizer = model.gradient_combiner, model.optimizer
    forward = backend.forward_pass(
        model,
        x,
        lambda outputs: model.batch_losses(
            y, outputs, sample_weight, training=True
        ),
    )
    losses, present = forward.losses, None
    if model.last_losses is not None:
        losses = model.last_losses.update(losses, forward.total_counts > 0)
        present = ops.unstack(forward.total_counts > 0, len(model.loss_names))
    if model.distillation is not None:
        model.mean_trained_losses.update(losses)
    weights = combiner.weights_for_step(model.weighting(losses))
    model.mean_loss_weights.update(weights)
    weights = ops.cast(weights, forward.losses.dtype)
    if combiner.single_backward:
        gradient = forward.total_gradient(combiner.loss_coefficients(weights))
    else:
        stage_gradients, already_combined = _stage_gradients(
            model, forward, combiner, weights, present
        )
        loss_scale = optimizer.scale_loss(ops.ones((), weights.dtype))
        gradient = combiner(stage_gradients, loss_scale, already_combined)
        gradient = gradient_lists.with_overflow(
            gradient, stage_gradients, optimizer, present
        )
        gradient = gradient_lists.added(gradient, forward.penalty_gradient())
    backend.apply_gradient(optimizer, gradient, model.trainable_variables)
    return forward


def _stage_gradients(
    model: keras.Model,
    forward: ForwardPass,
    combiner: Combiner,
    weights: Tensor,
    present: list[Tensor] | None,
) -> tuple[list[Gradient], bool]:
    """Takes the gradient of each weighted loss.

    A combiner that uses its coefficients again for some training steps needs
    no gradient per loss in these: one backward pass gives the sum of the
    gradients, times the coefficients, and costs less.

    Returns:
        Pair of K lists of V tensors or `None`, and whether they are already
        multiplied by the coefficients where the combiner uses them again.
    """
    variables = model.trainable_variables
    owned = gradient_lists.owned_by_losses(model)

    def per_stage() -> list[Gradient]:
        gradients = [
            forward.stage_gradient(stage, weight, own)
            for stage, (weight, own) in enumerate(
                zip(ops.unstack(weights, len(owned)), owned, strict=True)
            )
        ]
        if present is None:
            return gradients
        return gradient_lists.left_out(gradients, present)

    def combined() -> list[Gradient]:
        coefficients = ops.cast(combiner.last_coefficients, weights.dtype)
        gradient = forward.gradient(coefficients * weights)
        return gradient_lists.at_first_owners(gradient, owned, variables)

    already_combined = combiner.refresh_every > 1 and backend.branches_pay_off()
    stage_gradients = (
        gradient_lists.choose(
            combiner.should_refresh(), per_stage, combined, owned, variables
        )
        if already_combined
        else per_stage()
    )
    return forward.summed_over_replicas(stage_gradients), already_combined
