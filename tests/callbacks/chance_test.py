import math

import keras
import numpy as np
import pytest

import keras_anytime as ka
from tests.callbacks.nets import dense_net
from tests.testing import compiled
from tests.testing import digits
from tests.testing import hierarchical_net
from tests.testing import sampled

FIT = {"batch_size": 16, "shuffle": False, "verbose": 0}


def _epochs_until_given_up(share, epochs, rate=1e-9, initial_epoch=0, **kwargs):
    model = compiled(dense_net(2), optimizer=keras.optimizers.SGD(rate))
    history = keras.callbacks.History()
    stop = ka.callbacks.StopAtChance(share, **kwargs)
    try:
        model.fit(
            *digits(32),
            epochs=epochs,
            initial_epoch=initial_epoch,
            callbacks=[history, stop],
            **FIT,
        )
    except ka.callbacks.ChanceError as error:
        assert f"After epoch {history.epoch[-1] + 1} of {epochs}" in str(error)
        assert "the loss of stage 2" in str(error)
        assert "recipes/calibrate.py" in str(error)
        return len(history.epoch)
    return None


@pytest.mark.parametrize(
    ("share", "epochs", "first"),
    sampled([(0.1, 30, 3), (0.3, 4, 2), (1, 2, 2)], [(0.3, 4, 2), (1, 2, 2)]),
)
def test_it_stops_after_a_share_of_the_epochs(share, epochs, first):
    assert _epochs_until_given_up(share, epochs) == first


def test_a_training_that_was_resumed_later_is_stopped_too():
    assert _epochs_until_given_up(0.1, 10, initial_epoch=6) == 1


def test_a_network_that_learns_goes_on():
    assert _epochs_until_given_up(1, 12, rate=0.5) is None
    # The loss of a constant answer is what the user says that it is.
    assert _epochs_until_given_up(0.5, 4, rate=0.5, chance=0.1) == 2


def test_chance_is_the_entropy_of_equal_classes():
    from keras_anytime.callbacks.chance import chance_loss
    from keras_anytime.callbacks.chance import is_chance

    for classes, expected in ((10, math.log(10)), (1, math.log(2))):
        found = chance_loss(dense_net(2, classes))
        np.testing.assert_allclose(found, expected)
    model = hierarchical_net({"fine": 6, "coarse": 2})
    np.testing.assert_allclose(chance_loss(model), math.log(12))
    assert is_chance(2.29, math.log(10)) and not is_chance(2.27, math.log(10))


@pytest.mark.parametrize("wrong", [{"share": 0}, {"share": 1.5}])
def test_arguments_are_checked(wrong):
    with pytest.raises(ValueError, match="share="):
        ka.callbacks.StopAtChance(**wrong)
    with pytest.raises(ValueError, match="chance=0"):
        ka.callbacks.StopAtChance(0.5, chance=0)
