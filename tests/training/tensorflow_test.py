import keras
import pytest
import tensorflow as tf

from tests.testing import compiled
from tests.testing import tiny_net


def test_xla_is_refused_for_several_replicas():
    strategy = tf.distribute.MirroredStrategy(
        ["CPU:0", "CPU:1"],
        cross_device_ops=tf.distribute.ReductionToOneDevice(),
    )
    with strategy.scope():
        model = tiny_net()
        with pytest.raises(ValueError, match="with 2 replicas"):
            compiled(model, jit_compile=True)


@pytest.mark.parametrize(
    ("optimizer", "loss", "message"),
    [
        (
            keras.optimizers.SGD(gradient_accumulation_steps=2),
            {},
            "gradient_accumulation_steps=2",
        ),
        (
            keras.optimizers.SGD(use_ema=True, ema_overwrite_frequency=3),
            {},
            "ema_overwrite_frequency=3",
        ),
        (
            keras.optimizers.SGD(),
            {"reduction": "mean_with_sample_weight"},
            "mean_with_sample_weight",
        ),
    ],
)
def test_what_keras_cannot_do_on_replicas_is_refused(optimizer, loss, message):
    strategy = tf.distribute.MirroredStrategy(
        ["CPU:0", "CPU:1"],
        cross_device_ops=tf.distribute.ReductionToOneDevice(),
    )
    with strategy.scope():
        model = tiny_net()
        with pytest.raises(ValueError, match=message):
            model.compile(
                optimizer,
                keras.losses.SparseCategoricalCrossentropy(
                    from_logits=True, **loss
                ),
            )
