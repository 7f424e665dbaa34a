import keras
import pytest

import keras_anytime as ka
from keras_anytime.saving.configs import lost_arguments
from tests.callbacks.nets import dense_net
from tests.testing import compiled


class _Flat(keras.optimizers.schedules.LearningRateSchedule):
    def __init__(self, rate=0.1):
        self.rate = rate

    def __call__(self, step):
        return self.rate


@keras.saving.register_keras_serializable("test")
class Forgetful(_Flat):
    def get_config(self):
        return {}


class _NoConfig(keras.metrics.Mean):
    def __init__(self, share, name="own"):
        super().__init__(name=name)
        self.share = share


def test_what_a_configuration_gives_whole_loses_nothing():
    for original in (
        keras.metrics.TopKCategoricalAccuracy(3),
        keras.metrics.Precision(thresholds=[0.1, 0.2], top_k=3),
        keras.losses.CategoricalCrossentropy(label_smoothing=0.1, axis=1),
        keras.optimizers.AdamW(
            keras.optimizers.schedules.CosineDecay(0.1, 9), clipnorm=1.0
        ),
        ka.gradients.Orthogonal(priority=[2, 1], refresh_every=2),
        ka.weighting.AdaLoss(gamma=0.2),
    ):
        assert not lost_arguments(original), original


def test_lost_arguments_are_named():
    assert lost_arguments(keras.metrics.CosineSimilarity(axis=0)) == ["axis"]
    optimizer = keras.optimizers.SGD(Forgetful(0.3))
    assert lost_arguments(optimizer) == ["learning_rate.rate"]
    (error,) = lost_arguments(_NoConfig(0.5))
    assert "unexpected keyword argument 'dtype'" in error
    assert lost_arguments(keras.optimizers.SGD(_Flat()))


def test_compile_warns_of_what_a_saved_model_would_not_know():
    with pytest.warns(UserWarning, match=r"CosineSimilarity.*\['axis'\]"):
        dense_net().compile(
            "sgd", "mse", metrics=[keras.metrics.CosineSimilarity(axis=0)]
        )


def test_greedy_training_refuses_an_optimizer_that_it_cannot_make_anew():
    model = dense_net()
    with pytest.warns(UserWarning, match="rate"):
        compiled(model, optimizer=keras.optimizers.SGD(Forgetful(0.3)))
    with pytest.raises(ValueError, match="new optimizer.*learning_rate.rate"):
        ka.training.fit_greedy(model, epochs=1)
