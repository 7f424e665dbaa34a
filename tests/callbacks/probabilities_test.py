import numpy as np
import pytest

from keras_anytime.callbacks import SamplerProbabilities
from keras_anytime.evaluation import plots
from keras_anytime.weighting import AdaLoss
from keras_anytime.weighting import Alternating
from keras_anytime.weighting import Exp3
from keras_anytime.weighting import Linear
from tests.callbacks.nets import dense_net
from tests.testing import compiled
from tests.testing import digits
from tests.testing import rows_of


def _fit(path, weighting, epochs=2):
    model = compiled(dense_net(3), "sum", weighting)
    callback = SamplerProbabilities(path)
    model.fit(*digits(48), epochs=epochs, callbacks=[callback], verbose=0)
    rows = rows_of(path)
    found = [
        [float(row[f"probability_{k}"]) for k in (1, 2, 3)] for row in rows
    ]
    assert [row["epoch"] for row in rows] == ["1", "2"]
    np.testing.assert_allclose(found[-1], callback.probabilities, rtol=1e-5)
    return model, np.array(found)


def test_a_learner_writes_what_it_has_learned(tmp_path):
    path = tmp_path / "run" / "probabilities.csv"
    model, found = _fit(path, Exp3(exploration=0.3, seed=1))
    v = np.exp(model.weighting.state.numpy())
    np.testing.assert_allclose(found[-1], 0.7 * v / v.sum() + 0.1, rtol=1e-4)
    assert not np.allclose(found[0], found[1], atol=1e-5)
    plots.plot_sampler_probabilities({"EXP3": path}, tmp_path / "p.png")


@pytest.mark.slow
def test_a_static_sampler_draws_by_its_weights(tmp_path):
    _, found = _fit(tmp_path / "p.csv", Alternating(Linear()))
    expected = np.array([0.25, 0.625, 1.0]) / 1.875
    np.testing.assert_allclose(found, [expected, expected], rtol=1e-5)


def test_asking_for_probabilities_changes_no_state():
    sampler = Alternating(AdaLoss(gamma=0.0, momentum=0.5), seed=1)
    sampler([2.0, 1.0, 0.5])
    before = [variable.numpy() for variable in sampler.variables]
    probabilities = sampler.draw_probabilities([8.0, 1.0, 0.5])
    for variable, value in zip(sampler.variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)
    # With momentum 1/2, the means become 5, 1 and 1/2.
    weights = 1 / np.array([5.0, 1.0, 0.5])
    np.testing.assert_allclose(
        probabilities, weights / weights.sum(), rtol=1e-5
    )


def test_other_weightings_draw_nothing(tmp_path):
    model = compiled(dense_net(2), "sum", "linear")
    with pytest.raises(ValueError, match="Only samplers draw stages"):
        model.fit(
            *digits(16),
            callbacks=[SamplerProbabilities(tmp_path / "p.csv")],
            verbose=0,
        )
    with pytest.raises(ValueError, match="must be a dict from headings"):
        plots.plot_sampler_probabilities({}, tmp_path / "p.png")
