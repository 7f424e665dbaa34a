"""Steps of training against NumPy on gradients by explicit tapes.

A step takes one forward pass and, for each stage, the backward pass of its
subnetwork alone, and combines by coefficients; here, each gradient is taken
over the whole network, and vectors are combined as the paper states it.
"""

import itertools

import keras
import numpy as np
import pytest
from keras import ops

import keras_anytime as ka
from tests.gradients.references import cosines
from tests.gradients.references import norm_sgd
from tests.gradients.references import normalized
from tests.gradients.references import osgd
from tests.gradients.references import owned
from tests.gradients.references import padded
from tests.gradients.references import relative_error
from tests.gradients.tapes import move
from tests.gradients.tapes import penalty_gradient
from tests.gradients.tapes import stage_gradients
from tests.testing import compiled
from tests.testing import digits
from tests.testing import sampled
from tests.testing import scramble
from tests.testing import tiny_net


def _squared_norms(gram, sizes):
    """A user's function: what a gradient agrees with, and its size."""
    return (
        gram[:, 0] / gram[0, 0] + ops.cast(ops.array(sizes), gram.dtype) / 1e4
    )


def _by_function(gradients):
    vectors = padded(gradients)
    share = vectors @ vectors[0] / (vectors[0] @ vectors[0])
    return (share + owned(gradients).sum(axis=1) / 1e4) @ vectors


def _osgd_norm(gradients):
    sizes = owned(gradients).sum(axis=1)
    return osgd(normalized(padded(gradients), sizes, scale=0.1), [1, 2, 0])


# What to compile with, and what it must give.
COMBINERS = {
    "orthogonal": (
        ka.gradients.Orthogonal,
        lambda gradients: osgd(padded(gradients), range(3)),
    ),
    "osgd_norm": (
        lambda: ka.gradients.Orthogonal([2, 3, 1], True, scale=0.1),
        _osgd_norm,
    ),
    "normalized": (
        lambda: ka.gradients.Normalized(0.2),
        lambda gradients: norm_sgd(gradients, 0.2),
    ),
    "function": (lambda: _squared_norms, _by_function),
}


class AdaLoss:
    """Hu et al., 2019, Eq. 7, in NumPy: the weights of each step."""

    def __init__(self, gamma, momentum):
        self.gamma, self.momentum = gamma, momentum
        self.means = None

    def __call__(self, losses):
        losses = np.array(losses)
        if self.means is None:
            self.means = losses
        self.means = self.momentum * self.means + (1 - self.momentum) * losses
        share = self.means.min() / self.means
        return (1 - self.gamma) * share + self.gamma


@pytest.mark.parametrize(
    ("name", "adaloss"),
    sampled(
        list(itertools.product(COMBINERS, [False, True])),
        lambda case: case[1] and case[0] not in ("normalized", "function"),
    ),
)
def test_a_step_is_the_papers_on_gradients_by_explicit_tapes(name, adaloss):
    make, wanted = COMBINERS[name]
    rate = 0.02
    model = compiled(
        scramble(tiny_net(l2=0.01)),
        make(),
        ka.weighting.AdaLoss(0.1, 0.5) if adaloss else None,
        keras.optimizers.SGD(rate),
        # Tracing takes seconds; `tests/training` trains in graphs too.
        run_eagerly=not (adaloss and name == "function"),
    )
    # A loss that is larger than the others gets a smaller weight.
    head = model.get_layer("stage_2")
    head.set_weights([4 * weight for weight in head.get_weights()])
    weighting = AdaLoss(0.1, 0.5) if adaloss else np.ones_like
    x, y = digits(32)
    seen = []
    for here in (slice(0, 16), slice(16, 32)):
        _, losses = stage_gradients(model, x[here], y[here])
        weights = weighting(losses)
        assert not adaloss or np.ptp(weights) > 0.1
        gradients, _ = stage_gradients(model, x[here], y[here], weights)
        seen.append(cosines(padded(gradients)))
        want = wanted(gradients) + penalty_gradient(model)
        got = move(
            model,
            lambda i=here: model.fit(x[i], y[i], batch_size=16, verbose=0),
        )
        assert relative_error(got / rate, want) < 1e-4
    np.testing.assert_allclose(
        model.gradient_combiner.mean_cosines(), np.mean(seen, axis=0), atol=1e-4
    )
