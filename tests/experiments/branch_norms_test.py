import numpy as np
import pytest

import keras_anytime as ka
from keras_anytime.experiments.collect import collect
from keras_anytime.experiments.collecting.trained_networks import (
    norms_of_branches,
)
from tests.experiments.recorded import experiment
from tests.experiments.recorded import record
from tests.experiments.recorded import row
from tests.testing import rows_of
from tests.testing import scramble

SIZE = {"units": (1, 1), "filters": (8, 16), "branches": 4, "branch_filters": 2}


def inclusive(num_stages):
    return scramble(ka.nets.inclusive_resnext((8, 8, 1), 3, num_stages, **SIZE))


def test_branches_are_those_of_the_whole_kernel(tmp_path):
    rows = [row(net="inclusive"), row(net="plain")]
    expected = []
    for made, stages in zip(rows, (2, 1), strict=True):
        network = inclusive(stages)
        folder = record(tmp_path, made, (0.5,))
        network.save(folder.model)
        # Unit 2 is in the second block, where a branch has 4 channels.
        kernel = np.concatenate(
            [
                network.get_layer(
                    f"block2_unit1_kernel3_stage{k}"
                ).get_weights()[0]
                for k in range(1, stages + 1)
            ],
            axis=2,
        )
        assert kernel.shape == (1, 1, 16, 16)
        expected.append(np.abs(kernel).reshape(4, -1).sum(axis=1))
    made = experiment(rows, "branch_norms", {"block": 2})
    collect(made, tmp_path)
    for line, norms in zip(
        rows_of(tmp_path / "paper_table1.csv"), expected, strict=True
    ):
        found = [float(line[f"branch {k} mean"]) for k in (1, 2, 3, 4)]
        np.testing.assert_allclose(found, norms, rtol=1e-5)


def test_sparse_networks_have_branches_too():
    network = ka.nets.inclusive_sparse_resnext(
        (8, 8, 1), 3, 2, units=(1,), filters=(8,), branches=4, branch_filters=2
    )
    norms = norms_of_branches(network, 1)
    kernels = [
        network.get_layer(f"block1_unit1_conv3_stage{k}").get_weights()[0]
        for k in (1, 2)
    ]
    assert len(norms) == 4
    np.testing.assert_allclose(
        sum(norms), sum(np.abs(kernel).sum() for kernel in kernels), rtol=1e-5
    )


def test_a_unit_that_is_not_there_is_named():
    with pytest.raises(ValueError, match=r"unit=3, and 'inclusive_resnext' wi"):
        norms_of_branches(inclusive(1), 3)
