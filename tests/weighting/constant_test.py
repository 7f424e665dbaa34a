import numpy as np
import pytest

from keras_anytime import weighting
from keras_anytime.weighting import AdaLoss
from keras_anytime.weighting import Constant


def test_equal_weights_by_default():
    np.testing.assert_array_equal(Constant()([3.0, 2.0, 1.0]), [1, 1, 1])


def test_given_weights():
    constant = Constant([1, 2, 0])
    np.testing.assert_array_equal(constant([3.0, 2.0, 1.0]), [1, 2, 0])
    again = Constant.from_config(constant.get_config())
    np.testing.assert_array_equal(again([9.0, 9.0, 9.0]), [1, 2, 0])


@pytest.mark.parametrize("weights", [[-1, 2], [0, 0], []])
def test_useless_weights_are_refused(weights):
    with pytest.raises(ValueError, match="Received: weights="):
        Constant(weights)


def test_another_number_of_stages_is_refused():
    with pytest.raises(ValueError, match="each of 3 stages"):
        Constant([1, 2])([1.0, 1.0, 1.0])


def test_a_weighting_must_give_one_weight_per_stage():
    class Short(weighting.Weighting):
        def call(self, losses):
            return losses[:2]

    with pytest.raises(ValueError, match="one weight per stage"):
        Short()([1.0, 2.0, 3.0])


def test_weightings_by_name():
    assert isinstance(weighting.get(None), Constant)
    assert isinstance(weighting.get("AdaLoss"), AdaLoss)
    mine = AdaLoss(gamma=0.2)
    assert weighting.get(mine) is mine
    for name in weighting.names():
        assert weighting.get(name)([1.0, 2.0]).shape == (2,)
    with pytest.raises(ValueError, match="nope"):
        weighting.get("nope")
