"""The parts of a training step with OSGD, each on its own, on TensorFlow."""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping

import keras
import numpy as np

from keras_anytime.backend.types import Tensor
from keras_anytime.gradients import gram as gram_lib
from keras_anytime.model import AnytimeModel
from keras_anytime.stages.checks import check_anytime_model
from keras_anytime.training.output_losses import stage_losses


def training_step_parts(
    model: AnytimeModel, images: Tensor, labels: Tensor
) -> dict[str, Callable[[], object]]:
    """Returns functions that compute the parts of a training step with OSGD.

    Args:
        model: An `AnytimeModel`, compiled with `Orthogonal`.
        images: Tensor of one batch.
        labels: Tensor of its labels.

    Returns:
        Dict of functions: `"forward"` of the whole network; `"forward k"` and
        `"gradient k"` of stage k alone; `"apply"`; and `"gram"`, the Gram
        matrix with the coefficients. Each waits for its result.
    """
    check_anytime_model(model)
    import tensorflow as tf

    def all_losses():
        outputs = keras.tree.flatten(model(images, training=True))
        return stage_losses(model.loss, labels, outputs, model.output_names)

    def stage_loss(stage):
        answer = stage(images, training=True)
        outputs = (
            [answer[name] for name in model.label_sets]
            if model.label_sets
            else [answer]
        )
        names = model.output_names[: len(outputs)]
        (loss,) = stage_losses(model.loss, labels, outputs, names)
        return loss

    def stage_gradient(stage):
        with tf.GradientTape() as tape:
            loss = stage_loss(stage)
        sources = [variable.value for variable in stage.trainable_variables]
        return loss, tape.gradient(loss, sources)

    with tf.GradientTape(persistent=True) as tape:
        losses = all_losses()
    variables = model.trainable_variables
    sources = [variable.value for variable in variables]
    gradients = [tape.gradient(loss, sources) for loss in losses]
    combined = model.gradient_combiner(gradients)
    model.optimizer.build(variables)

    def apply():
        model.optimizer.apply(combined, variables)
        return model.optimizer.iterations + 0

    def coefficients():
        gram = gram_lib.gram_matrix(gradients)
        return model.gradient_combiner.coefficients(
            gram, gram_lib.sizes(gradients)
        )

    functions: dict[str, Callable[[], object]] = {
        "forward": all_losses,
        "apply": apply,
        "gram": coefficients,
    }

    def add_stage(number, stage):
        functions[f"forward {number}"] = lambda: stage_loss(stage)
        functions[f"gradient {number}"] = lambda: stage_gradient(stage)

    for number in range(1, model.num_stages + 1):
        add_stage(number, model.stage(number))

    def compiled(function):
        function = tf.function(
            function, autograph=False, jit_compile=model.jit_compile
        )
        # Reading a number waits for the device.
        return lambda: tf.nest.flatten(function())[0].numpy()

    return {name: compiled(function) for name, function in functions.items()}


def least_seconds(
    seconds: Mapping[str, np.ndarray], parts: Iterable[str]
) -> np.ndarray:
    """Returns the seconds of the least that OSGD has to compute.

    This is the forward pass of the whole network, one backward pass for each
    stage, and the update. The time of a backward pass is that of a gradient
    minus that of the forward pass of the stage.

    Args:
        seconds: Dict of arrays over the rounds, as from `measure_time`.
        parts: The names of `training_step_parts`.

    Returns:
        Float array over the rounds.
    """
    backward = sum(
        seconds[name] - seconds[name.replace("gradient", "forward")]
        for name in parts
        if name.startswith("gradient ")
    )
    return seconds["forward"] + backward + seconds["apply"]
