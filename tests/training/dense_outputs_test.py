"""Training of outputs at several positions."""

import keras
import numpy as np
import pytest

import keras_anytime as ka
from tests.testing import sampled

CROSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
SHAPE = (8, 6, 8)


def _model(task):
    keras.utils.set_random_seed(0)
    x = image = keras.Input((*SHAPE[1:], 1), name="image")
    outputs = []
    for k in (1, 2):
        x = keras.layers.Conv2D(3, 3, padding="same", name=f"conv_{k}")(x)
        head = keras.layers.Conv2D(task.size, 1, name=f"stage_{k}")
        outputs.append(head(x))
    return ka.AnytimeModel(image, outputs, task=task)


def _compiled(task, loss, **settings):
    model = _model(task)
    model.compile(
        keras.optimizers.SGD(0.0),
        loss,
        run_eagerly=keras.backend.backend() == "tensorflow",
        **settings,
    )
    return model


def _images():
    rng = np.random.default_rng(0)
    return rng.standard_normal((*SHAPE, 1)).astype("float32")


@pytest.mark.parametrize("per_position", [True, False])
@pytest.mark.parametrize(
    "distillation", sampled([None, "from_last_stage"], [None])
)
def test_weights_of_images_hold_at_each_position(per_position, distillation):
    x, rng = _images(), np.random.default_rng(1)
    y = rng.integers(0, 5, SHAPE)
    # As many images as columns: Keras would take weights of one for the other.
    weights = rng.uniform(0, 2, len(x)).astype("float32")
    everywhere = np.broadcast_to(weights[:, None, None], SHAPE)
    model = _compiled(
        ka.tasks.Segmentation(5),
        CROSS,
        weighted_metrics=["accuracy"],
        distillation=distillation,
    )
    logs = model.fit(
        x,
        y,
        sample_weight=np.array(everywhere) if per_position else weights,
        verbose=0,
    ).history
    for k, logits in enumerate(model.predict(x, verbose=0), start=1):
        right = logits.argmax(-1) == y
        np.testing.assert_allclose(
            logs[f"stage_{k}_accuracy"],
            np.sum(right * everywhere) / everywhere.sum(),
            rtol=1e-4,
        )
        logits = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
        cross = -np.take_along_axis(logits, y[..., None], -1)[..., 0]
        np.testing.assert_allclose(
            logs[f"stage_{k}_loss"], np.mean(everywhere * cross), rtol=1e-4
        )


def test_metrics_of_positions_take_logits():
    x = _images()
    y = np.random.default_rng(1).integers(0, 3, SHAPE)
    overlap = keras.metrics.MeanIoU(3, sparse_y_pred=False, name="overlap")
    model = _compiled(
        ka.tasks.Segmentation(3), CROSS, metrics=["accuracy", overlap]
    )
    logs = model.evaluate(x, y, verbose=0, return_dict=True)
    for k, logits in enumerate(model.predict(x, verbose=0), start=1):
        answers = logits.argmax(-1)
        overlaps = [
            np.sum((answers == c) & (y == c))
            / np.sum((answers == c) | (y == c))
            for c in range(3)
        ]
        np.testing.assert_allclose(
            logs[f"stage_{k}_overlap"], np.mean(overlaps), rtol=1e-4
        )
        np.testing.assert_allclose(
            logs[f"stage_{k}_accuracy"], np.mean(answers == y), rtol=1e-4
        )
    with pytest.raises(ValueError, match="sparse_y_pred=False"):
        _compiled(
            ka.tasks.Segmentation(3), CROSS, metrics=[keras.metrics.MeanIoU(3)]
        )


@pytest.mark.parametrize("weights", [None, np.arange(8, dtype="float32")])
def test_positions_that_the_loss_leaves_out_count_nowhere(weights):
    x = _images()
    y = np.random.default_rng(1).integers(0, 3, SHAPE)
    loss = keras.losses.SparseCategoricalCrossentropy(
        from_logits=True, ignore_class=0
    )
    model = _compiled(
        ka.tasks.Segmentation(3, ignore_class=0),
        loss,
        weighted_metrics=["accuracy"],
    )
    logs = model.fit(x, y, sample_weight=weights, verbose=0).history
    counts = (y != 0) * (np.ones(8) if weights is None else weights)[
        :, None, None
    ]
    for k, logits in enumerate(model.predict(x, verbose=0), start=1):
        right = np.sum((logits.argmax(-1) == y) * counts)
        np.testing.assert_allclose(
            logs[f"stage_{k}_accuracy"], right / counts.sum(), rtol=1e-4
        )
    # Without a task, the loss tells which positions count.
    inferred = ka.AnytimeModel(model.inputs, model.outputs)
    inferred.compile("sgd", loss)
    assert inferred.tasks == model.tasks
    with pytest.raises(ValueError, match="the same `ignore_class`"):
        model.compile("sgd", CROSS)


def test_a_regression_at_each_position():
    x = _images()
    y = x[..., 0] / 2
    model = _compiled(ka.tasks.Regression(), "mse", metrics=["mae"])
    logs = model.fit(x, y, verbose=0).history
    for k, answers in enumerate(model.predict(x, verbose=0), start=1):
        errors = answers[..., 0] - y
        np.testing.assert_allclose(
            logs[f"stage_{k}_loss"], np.mean(errors**2), rtol=1e-4
        )
        np.testing.assert_allclose(
            logs[f"stage_{k}_mean_absolute_error"],
            np.mean(np.abs(errors)),
            rtol=1e-4,
        )


@keras.saving.register_keras_serializable("tests")
class _PerImage(keras.losses.Loss):
    """A user's own, which gives one value per image."""

    def call(self, y_true, y_pred):
        errors = keras.ops.square(y_pred[..., 0] - y_true)
        return keras.ops.mean(errors, axis=(1, 2))


def test_a_loss_may_give_one_value_per_image():
    x = _images()
    y, weights = x[..., 0] / 2, np.arange(8, dtype="float32")
    model = _compiled(ka.tasks.Regression(), _PerImage())
    logs = model.fit(x, y, sample_weight=weights, verbose=0).history
    for k, answers in enumerate(model.predict(x, verbose=0), start=1):
        errors = np.mean((answers[..., 0] - y) ** 2, axis=(1, 2))
        np.testing.assert_allclose(
            logs[f"stage_{k}_loss"], np.mean(weights * errors), rtol=1e-4
        )


@pytest.mark.parametrize("shape", [(8, 6), (8, 8, 6), (8, 6, 8, 5), (8,)])
def test_labels_of_another_shape_are_refused(shape):
    model = _compiled(ka.tasks.Segmentation(5), CROSS)
    with pytest.raises(ValueError, match="one integer label per position"):
        model.fit(_images(), np.zeros(shape, "int32"), verbose=0)
