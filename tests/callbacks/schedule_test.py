import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_anytime.callbacks import StepDecay
from tests.callbacks.nets import dense_net
from tests.testing import compiled
from tests.testing import digits
from tests.testing import sampled

STEPS = 3


class Rates(keras.callbacks.Callback):
    """Keeps the rate that the optimizer has in each step."""

    def __init__(self):
        super().__init__()
        self.rates = []

    def on_train_batch_end(self, batch, logs=None):
        rate = self.model.optimizer.learning_rate
        self.rates.append(float(keras.ops.convert_to_numpy(rate)))


def _fit(decay, epochs, data=None, model=None, **kwargs):
    """Returns the rate of each step, and the history."""
    model = model or compiled(dense_net())
    x, y = digits(8 * STEPS)
    data = (x, y) if data is None else (data,)
    seen = Rates()
    history = model.fit(
        *data,
        batch_size=8 if len(data) == 2 else None,
        epochs=epochs,
        callbacks=[decay, seen],
        verbose=0,
        **kwargs,
    )
    return seen.rates, history.history


def _rates_of_epochs(decay, epochs):
    decay.set_params({"epochs": epochs, "steps": STEPS})
    return [decay.rate(epoch) for epoch in range(epochs)]


@pytest.mark.parametrize(
    ("decay", "lengths", "rates"),
    [
        (
            StepDecay.wan2020(),
            [60, 60, 40, 40],
            [0.1, 0.02, 0.004, 0.0008],
        ),
        (StepDecay.hu2019(), [150, 75, 75], [0.1, 0.01, 0.001]),
        (
            StepDecay(0.1, factor=10, epochs=(30, 60)),
            [30, 30, 30],
            [0.1, 0.01, 0.001],
        ),
        # 30%, 60% and 80% of 7 epochs are 2.1, 4.2 and 5.6.
        (StepDecay.wan2020(), [2, 2, 2, 1], [0.1, 0.02, 0.004, 0.0008]),
        # A training too short to fall does not begin with what it ends on.
        (StepDecay.wan2020(), [1], [0.1]),
        (StepDecay(0.5, shares=()), [4], [0.5]),
    ],
)
def test_the_papers_schedules(decay, lengths, rates):
    np.testing.assert_allclose(
        _rates_of_epochs(decay, sum(lengths)), np.repeat(rates, lengths)
    )


def test_the_optimizer_and_the_logs_have_the_rate():
    decay = StepDecay(0.2, factor=2, shares=(0.25, 0.5))
    rates, history = _fit(decay, epochs=4)
    expected = [0.2, 0.1, 0.05, 0.05]
    np.testing.assert_allclose(rates, np.repeat(expected, STEPS), rtol=1e-6)
    np.testing.assert_allclose(history["learning_rate"], expected)


def test_warm_up_rises_step_by_step():
    decay = StepDecay(0.3, factor=3, epochs=(3,), warmup_epochs=2)
    rates, history = _fit(decay, epochs=4)
    rise = 0.3 * np.arange(1, 2 * STEPS + 1) / (2 * STEPS)
    expected = [*rise, *[0.3] * STEPS, *[0.1] * STEPS]
    np.testing.assert_allclose(rates, expected, rtol=1e-6)
    np.testing.assert_allclose(
        history["learning_rate"], expected[STEPS - 1 :: STEPS]
    )


@pytest.mark.parametrize("initial_epoch", sampled([1, 2, 4], [1]))
def test_a_resumed_training_has_the_rates_of_an_undisturbed_one(initial_epoch):
    def decay():
        return StepDecay(0.3, shares=(0.6,), warmup_epochs=2)

    whole, _ = _fit(decay(), epochs=5)
    resumed, _ = _fit(decay(), epochs=5, initial_epoch=initial_epoch)
    assert resumed == whole[STEPS * initial_epoch :]


def test_steps_of_unknown_number_warm_up_by_epochs():
    x, y = digits(8 * STEPS)
    data = tf.data.Dataset.from_tensor_slices((x, y)).batch(8)
    data = data.filter(lambda *_: True)
    expected = np.repeat([0.1, 0.2, 0.3, 0.3], STEPS)
    for initial_epoch in (0, 1):
        rates, _ = _fit(
            StepDecay(0.3, shares=(), warmup_epochs=3),
            epochs=4,
            data=data,
            initial_epoch=initial_epoch,
        )
        np.testing.assert_allclose(
            rates, expected[STEPS * initial_epoch :], rtol=1e-6
        )


def test_several_steps_at_once_have_the_rate_of_the_first():
    model = compiled(dense_net(), steps_per_execution=2)
    x, y = digits(32)
    data = tf.data.Dataset.from_tensor_slices((x, y)).batch(8)
    rates, _ = _fit(
        StepDecay(0.8, shares=(), warmup_epochs=2), 2, data, model=model
    )
    np.testing.assert_allclose(rates, [0.1, 0.3, 0.5, 0.7], rtol=1e-6)


@pytest.mark.slow
def test_the_weights_are_those_of_the_rates():
    x, y = digits(32)

    def stages(rates, callbacks=()):
        model = compiled(dense_net(), optimizer=keras.optimizers.SGD(0.7))
        for epoch, rate in enumerate(rates):
            if rate:
                model.optimizer.learning_rate = rate
            model.fit(
                x,
                y,
                epochs=epoch + 1,
                initial_epoch=epoch,
                shuffle=False,
                callbacks=list(callbacks),
                verbose=0,
            )
        return model.get_weights()

    decay = StepDecay(0.4, factor=4, epochs=(2,))
    for ours, theirs in zip(
        stages([None] * 3, [decay]), stages([0.4, 0.4, 0.1]), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)


def test_a_loss_scaling_optimizer_passes_the_rate_on():
    inner = keras.optimizers.SGD(0.7)
    optimizer = keras.optimizers.LossScaleOptimizer(inner)
    model = compiled(dense_net(), optimizer=optimizer)
    _fit(StepDecay(0.4, epochs=(1,)), 2, model=model)
    assert float(inner.learning_rate) == pytest.approx(0.08)


@pytest.mark.slow
def test_an_optimizer_of_a_strategy_gets_the_rate():
    strategy = tf.distribute.MirroredStrategy(["/cpu:0"])
    with strategy.scope():
        model = compiled(dense_net())
    rates, _ = _fit(StepDecay(0.4, epochs=(1,)), 2, model=model)
    np.testing.assert_allclose(rates, np.repeat([0.4, 0.08], STEPS), rtol=1e-6)


def test_an_optimizer_with_a_schedule_is_refused():
    schedule = keras.optimizers.schedules.CosineDecay(0.1, 100)
    model = compiled(dense_net(), optimizer=keras.optimizers.SGD(schedule))
    with pytest.raises(ValueError, match="SGD with.*CosineDecay"):
        _fit(StepDecay.hu2019(), 2, model=model)


@pytest.mark.parametrize(
    ("arguments", "received"),
    [
        ({}, "shares=None, epochs=None"),
        ({"shares": (0.5,), "epochs": (3,)}, "epochs=(3,)"),
        ({"shares": (0.5, 1.0)}, "shares=(0.5, 1.0)"),
        ({"shares": (0.0, 0.5)}, "shares=(0.0, 0.5)"),
        ({"shares": (0.5, 0.3)}, "shares=(0.5, 0.3)"),
        ({"epochs": (0.5,)}, "epochs=(0.5,)"),
        ({"epochs": (0, 3)}, "epochs=(0, 3)"),
        ({"epochs": (3, 3)}, "epochs=(3, 3)"),
        ({"epochs": (3,), "learning_rate": 0.0}, "learning_rate=0.0"),
        (
            {"epochs": (3,), "learning_rate": float("nan")},
            "learning_rate=nan",
        ),
        ({"epochs": (3,), "factor": 1}, "factor=1"),
        ({"epochs": (3,), "warmup_epochs": -1}, "warmup_epochs=-1"),
        ({"epochs": (3,), "warmup_epochs": 0.5}, "warmup_epochs=0.5"),
    ],
)
def test_wrong_arguments_are_refused(arguments, received):
    with pytest.raises(ValueError) as error:
        StepDecay(**arguments)
    assert str(error.value).endswith(received)
