"""Contracts of every strategy: any combiner, weighting and optimizer."""

import itertools

import keras
import numpy as np
import pytest

import keras_anytime as ka
from tests.callbacks.nets import dense_net
from tests.testing import compiled
from tests.testing import digits
from tests.testing import sampled


@keras.saving.register_keras_serializable("tests")
def half_of_all(gram, sizes):
    return keras.ops.full((len(sizes),), 0.5, dtype=gram.dtype)


COMBINERS = {
    "sum": ka.gradients.Sum,
    "sum_of_losses": lambda: ka.gradients.Sum(reduction="sum"),
    "normalized": ka.gradients.Normalized,
    "orthogonal": ka.gradients.Orthogonal,
    "last_first": lambda: ka.gradients.Orthogonal(priority=[3, 2, 1]),
    "orthogonal_normalized": lambda: ka.gradients.Orthogonal(normalize=True),
    "refreshed": lambda: ka.gradients.Orthogonal(refresh_every=2),
    "function": lambda: half_of_all,
    "aligned_mtl": ka.gradients.AlignedMTL,
    "cagrad": ka.gradients.CAGrad,
    "dual_proj": ka.gradients.DualProj,
    "fairgrad": ka.gradients.FairGrad,
    "gradvac": ka.gradients.GradVac,
    "imtlg": ka.gradients.IMTLG,
    "mgda": ka.gradients.MGDA,
    "nash_mtl": ka.gradients.NashMTL,
    "pcgrad": ka.gradients.PCGrad,
    "upgrad": ka.gradients.UPGrad,
    "upgrad_refreshed": lambda: ka.gradients.UPGrad(refresh_every=2),
}
WEIGHTINGS = ka.weighting.names()
EAGER = keras.backend.backend() == "tensorflow"
OPTIMIZERS = [
    lambda: keras.optimizers.SGD(1e-3, momentum=0.9, nesterov=True),
    lambda: keras.optimizers.Adam(1e-3),
    lambda: keras.optimizers.AdamW(1e-3, weight_decay=1e-4),
    lambda: keras.optimizers.RMSprop(1e-3),
    lambda: keras.optimizers.Lion(1e-3),
    lambda: keras.optimizers.Adafactor(1e-3),
]
PAIRS = list(itertools.product(COMBINERS, WEIGHTINGS))


def _optimizer(case):
    return OPTIMIZERS[PAIRS.index(case) % len(OPTIMIZERS)]()


def test_every_combiner_is_tried():
    kinds = {type(ka.gradients.get(make())) for make in COMBINERS.values()}
    assert {type(ka.gradients.get(name)) for name in ka.gradients.names()} < (
        kinds
    )


# Each combiner and each weighting at least once.
ONCE = list(zip(COMBINERS, itertools.cycle(WEIGHTINGS), strict=False))


def _compiled(combiner, weighting, **kwargs):
    """Every other strategy is one with distillation."""
    places = list(COMBINERS).index(combiner), WEIGHTINGS.index(weighting)
    return compiled(
        dense_net(3),
        COMBINERS[combiner](),
        weighting,
        distillation="from_last_stage" if sum(places) % 2 else None,
        **kwargs,
    )


@pytest.mark.parametrize(("combiner", "weighting"), sampled(PAIRS, ONCE))
def test_any_with_any(combiner, weighting):
    optimizer = _optimizer((combiner, weighting))
    model = _compiled(
        combiner, weighting, optimizer=optimizer, run_eagerly=True
    )
    x, y = digits(16)
    before = [variable.numpy() for variable in model.trainable_variables]
    losses = [
        model.train_on_batch(x, y, return_dict=True)["loss"] for _ in range(3)
    ]
    assert np.all(np.isfinite(losses))
    for old, new in zip(before, model.trainable_variables, strict=True):
        assert np.all(np.isfinite(new))
        assert not np.array_equal(old, new), new.path


@pytest.mark.parametrize(
    ("combiner", "weighting", "eager"),
    sampled(
        # On other backends, every step is traced.
        [(*case, eager) for case in ONCE for eager in {EAGER, False}],
        lambda case: case[2] == EAGER and case[:2] in ONCE[::4],
    ),
)
def test_a_loaded_training_goes_on_to_the_last_bit(
    combiner, weighting, eager, tmp_path
):
    x, y = digits(48)
    fit = {"batch_size": 16, "shuffle": False, "verbose": 0}
    model = _compiled(combiner, weighting, run_eagerly=eager)
    model.fit(x, y, **fit)
    model.save(tmp_path / "model.keras")
    again = ka.load_model(tmp_path / "model.keras")
    for network in (model, again):
        network.fit(x, y, **fit)
    for ours, theirs in zip(
        [*again.variables, *again.optimizer.variables],
        [*model.variables, *model.optimizer.variables],
        strict=True,
    ):
        np.testing.assert_array_equal(ours, theirs, err_msg=ours.path)
