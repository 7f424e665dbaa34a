"""The training step: from a batch to new weights, on every backend.

A backend supplies the forward pass, takes its gradients and sums them over
replicas (see `backend/base.py`). The algorithm is written here, once.
"""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from keras_anytime import backend
from keras_anytime.backend import gradient_lists
from keras_anytime.backend.base import ForwardPass
from keras_anytime.backend.types import Gradient
from keras_anytime.backend.types import Tensor
from keras_anytime.gradients import Combiner
from keras_anytime.training.distilled_losses import distilled_losses
from keras_anytime.training.output_losses import output_losses
from keras_anytime.training.output_losses import summed_over_sets


def training_step(
    model: keras.Model, x: Any, y: Any, sample_weight: Any = None
) -> ForwardPass:
    """Runs one training step of an anytime model.

    One forward pass gives the losses of all stages, the weighting turns them
    into loss weights, and the combiner turns the gradients of the weighted
    losses into one gradient. With a distillation, these are the losses that it
    mixes. The gradient of the regularizers' penalty is added after combining:
    it is neither projected nor normalized. Then the optimizer updates the
    model's trainable variables.

    Args:
        model: A compiled `AnytimeModel`.
        x: Tensor `(batch, ...)`, or a structure of such tensors: the inputs.
        y: Targets, one for all stages; with label sets a dict of them.
        sample_weight: Tensor `(batch,)` for all outputs, or one for each
            output, or `None`; see `outputs.sample_weights`.

    Returns:
        The `ForwardPass`, which holds the logits and the losses of the batch.

    Reference:
        [Wan et al., 2020, Section 4](https://arxiv.org/abs/2008.06635)
    """
    combiner, optimizer = model.gradient_combiner, model.optimizer
    forward = backend.forward_pass(
        model, x, _losses_function(model, y, sample_weight)
    )
    if model.distillation is not None:
        model.mean_trained_losses.update(forward.losses)
    weights = combiner.weights_for_step(model.weighting(forward.losses))
    model.mean_loss_weights.update(weights)
    weights = ops.cast(weights, forward.losses.dtype)
    if combiner.single_backward:
        gradient = forward.total_gradient(combiner.loss_coefficients(weights))
    else:
        stage_gradients, already_combined = _stage_gradients(
            model, forward, combiner, weights
        )
        loss_scale = optimizer.scale_loss(ops.ones((), weights.dtype))
        gradient = combiner(stage_gradients, loss_scale, already_combined)
        gradient = gradient_lists.with_overflow(
            gradient, stage_gradients, optimizer
        )
        gradient = gradient_lists.added(gradient, forward.penalty_gradient())
    backend.apply_gradient(optimizer, gradient, model.trainable_variables)
    return forward


def _losses_function(
    model: keras.Model, y: Any, sample_weight: Any
) -> Callable[[list[Tensor]], tuple[list[Tensor], list[Tensor]]]:
    """Returns the function from all outputs to the losses of a forward pass."""
    names = model.output_names

    def losses_of(outputs):
        of_labels = output_losses(model.loss, y, outputs, names, sample_weight)
        of_stages = summed_over_sets(of_labels, names)
        if model.distillation is None:
            return of_stages, of_stages
        distilled = distilled_losses(
            model.distillation,
            of_labels,
            outputs,
            loss=model.loss,
            tasks=model.tasks,
            names=names,
            sample_weight=sample_weight,
        )
        return summed_over_sets(distilled, names), of_stages

    return losses_of


def _stage_gradients(
    model: keras.Model,
    forward: ForwardPass,
    combiner: Combiner,
    weights: Tensor,
) -> tuple[list[Gradient], bool]:
    """Takes the gradient of each stage's weighted loss.

    A combiner that uses its coefficients again for some training steps needs
    no gradient per stage in these: one backward pass gives the sum of the
    stage gradients, times the coefficients, and costs less.

    Returns:
        Pair of K lists of V tensors or `None`, and whether they are already
        multiplied by the coefficients where the combiner uses them again.
    """
    variables = model.trainable_variables
    owned = gradient_lists.owned_by_stages(model)

    def per_stage() -> list[Gradient]:
        return [
            forward.stage_gradient(stage, weight, own)
            for stage, (weight, own) in enumerate(
                zip(ops.unstack(weights, len(owned)), owned, strict=True)
            )
        ]

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
