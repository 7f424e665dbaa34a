"""With `Sum`, training equals that of a plain Keras model of several outputs.

The reference is Keras itself: the same layers in a `keras.Model`, compiled with
a loss per output. The weights must be equal to the bit.
"""

import keras
import numpy as np
import pytest

import keras_anytime as ka
from tests.testing import digits
from tests.testing import sampled

LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

OPTIMIZERS = {
    "sgd": lambda: keras.optimizers.SGD(0.1),
    "nesterov": lambda: keras.optimizers.SGD(0.1, 0.9, nesterov=True),
    "adam": lambda: keras.optimizers.Adam(0.01),
    "adamw": lambda: keras.optimizers.AdamW(0.01, weight_decay=0.1),
    "nadam": lambda: keras.optimizers.Nadam(0.01),
    "rmsprop": lambda: keras.optimizers.RMSprop(0.01),
    "adagrad": lambda: keras.optimizers.Adagrad(0.1),
    "adadelta": lambda: keras.optimizers.Adadelta(0.1),
    "adamax": lambda: keras.optimizers.Adamax(0.01),
    "ftrl": lambda: keras.optimizers.Ftrl(0.01),
    "lion": lambda: keras.optimizers.Lion(0.001),
    "lamb": lambda: keras.optimizers.Lamb(0.01),
    "adafactor": lambda: keras.optimizers.Adafactor(0.01),
    "clipnorm": lambda: keras.optimizers.SGD(0.1, clipnorm=0.05),
    "clipvalue": lambda: keras.optimizers.SGD(0.1, clipvalue=0.01),
    "global_clipnorm": lambda: keras.optimizers.SGD(0.1, global_clipnorm=0.1),
    "ema": lambda: keras.optimizers.SGD(
        0.1, use_ema=True, ema_momentum=0.5, ema_overwrite_frequency=2
    ),
    "accumulation": lambda: keras.optimizers.SGD(
        0.1, gradient_accumulation_steps=2
    ),
    "schedule": lambda: keras.optimizers.SGD(
        keras.optimizers.schedules.CosineDecay(0.1, 6)
    ),
}

CALLBACKS = {
    "plateau": lambda: keras.callbacks.ReduceLROnPlateau(
        "loss", patience=0, min_delta=9
    ),
    "rates": lambda: keras.callbacks.LearningRateScheduler(
        lambda epoch, rate: rate / (epoch + 1)
    ),
    "best": lambda: keras.callbacks.EarlyStopping(
        "val_loss", patience=0, baseline=0, restore_best_weights=True
    ),
}


def _network(model_class, policy="float32"):
    keras.utils.set_random_seed(1)
    with_policy = {"dtype": policy}
    image = keras.Input((8, 8, 1))
    x = keras.layers.Conv2D(4, 3, activation="relu", **with_policy)(image)
    first = keras.layers.BatchNormalization(**with_policy)(x)
    pooled = keras.layers.GlobalAveragePooling2D(**with_policy)(first)
    second = keras.layers.Dense(
        5, kernel_regularizer=keras.regularizers.L2(0.01), **with_policy
    )(keras.layers.Flatten(**with_policy)(first))
    outputs = [
        keras.layers.Dense(10, name=f"stage_{k}", dtype="float32")(features)
        for k, features in ((1, pooled), (2, second))
    ]
    return model_class(image, outputs)


def _both(fit, optimizer="sgd", policy="float32", **options):
    """Trains the library's model and Keras' own, and compares them."""
    options = {"run_eagerly": True, **options}
    ours = _network(ka.AnytimeModel, policy)
    ours.compile(
        OPTIMIZERS[optimizer](),
        LOSS,
        gradients=ka.gradients.Sum("sum"),
        metrics=["accuracy"],
        **options,
    )
    theirs = _network(keras.Model, policy)
    theirs.compile(
        OPTIMIZERS[optimizer](),
        [LOSS, LOSS],
        metrics=[["accuracy"], ["accuracy"]],
        **options,
    )
    keras.utils.set_random_seed(2)
    history = fit(ours, lambda y: y)
    keras.utils.set_random_seed(2)
    reference = fit(theirs, lambda y: [y, y])
    assert theirs.optimizer.iterations > 0
    for mine, its in zip(
        [*ours.weights, *ours.optimizer.variables],
        [*theirs.weights, *theirs.optimizer.variables],
        strict=True,
    ):
        np.testing.assert_array_equal(
            keras.ops.convert_to_numpy(mine),
            keras.ops.convert_to_numpy(its),
            err_msg=its.path,
        )
    for name, values in reference.history.items():
        # Its `loss` is the sum; ours, the mean.
        if name.removeprefix("val_") != "loss":
            np.testing.assert_allclose(history.history[name], values, rtol=1e-6)


def _fit(**options):
    x, y = digits(48)

    def fit(model, targets):
        given = {
            "batch_size": 16,
            "epochs": 2,
            "verbose": 0,
            "shuffle": False,
            **options,
        }
        return model.fit(x, targets(y), **given)

    return fit


@pytest.mark.parametrize(
    "optimizer",
    sampled(list(OPTIMIZERS), ["accumulation"]),
)
def test_optimizers(optimizer):
    _both(_fit(), optimizer)


@pytest.mark.slow
@pytest.mark.parametrize(
    "policy", sampled(["mixed_bfloat16", "mixed_float16"], ["mixed_float16"])
)
def test_mixed_precision(policy):
    _both(_fit(), "nesterov", policy)


@pytest.mark.parametrize("callback", sampled(list(CALLBACKS), ["best"]))
def test_callbacks(callback):
    x, y = digits(16)

    def fit(model, targets):
        run = _fit(
            callbacks=[CALLBACKS[callback]()], validation_data=(x, targets(y))
        )
        return run(model, targets)

    _both(fit)


def test_sample_weights_of_every_output():
    rng = np.random.default_rng(0)
    weights = [rng.random(48).astype("float32") for _ in range(2)]
    _both(_fit(sample_weight=weights))


def test_validation_split_and_class_weights():
    """Keras takes class weights for models of one output only."""
    x, y = digits(48)
    factors = {label: 1 + label % 3 for label in range(10)}
    of_images = np.array([factors[label] for label in y], "float32")

    def fit(model, targets):
        options = {"batch_size": 16, "verbose": 0, "shuffle": False}
        if isinstance(model, ka.AnytimeModel):
            return model.fit(x, y, class_weight=factors, **options)
        return model.fit(x, targets(y), sample_weight=of_images, **options)

    _both(fit)
    _both(_fit(validation_split=0.25))


@pytest.mark.parametrize("source", ["dataset", "pydataset", "generator"])
def test_sources_of_data(source):
    x, y = digits(48)

    class Batches(keras.utils.PyDataset):
        def __init__(self, targets):
            super().__init__()
            self.targets = targets

        def __len__(self):
            return 3

        def __getitem__(self, index):
            rows = slice(16 * index, 16 * index + 16)
            labels = self.targets(y[rows])
            return x[rows], tuple(labels) if isinstance(
                labels, list
            ) else labels

    def fit(model, targets):
        data = Batches(targets)
        if source == "dataset" and keras.backend.backend() == "tensorflow":
            import tensorflow as tf

            labels = targets(y)
            labels = tuple(labels) if isinstance(labels, list) else labels
            data = tf.data.Dataset.from_tensor_slices((x, labels)).batch(16)
        elif source == "generator":
            batches = data
            data = (batches[index] for index in range(3))
        return model.fit(data, steps_per_epoch=3, verbose=0, shuffle=False)

    _both(fit)


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"steps_per_execution": 3},
        {"jit_compile": True},
    ],
)
def test_compiled_steps(options):
    _both(_fit(), "nesterov", run_eagerly=False, **options)
