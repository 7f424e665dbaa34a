import numpy as np
import pytest

import keras_anytime as ka
from keras_anytime.evaluation import stage_costs
from tests.testing import compiled
from tests.testing import digits
from tests.testing import tiny_net


def test_each_is_a_stage_with_weights_of_its_own():
    model = ka.nets.res_ann((8, 8, 1), 10, units=(1, 1), filters=(4, 8))
    x, y = digits(32)
    before = model.predict(x, verbose=0)
    networks = ka.nets.independent(model)
    for k, network in enumerate(networks, start=1):
        assert network.output_names == ["stage_1"]
        (cost,) = stage_costs(network)
        whole = stage_costs(model)[k - 1]
        assert (cost.macs, cost.parameters) == (whole.macs, whole.parameters)
        shapes = [v.shape for v in network.variables]
        assert shapes == [v.shape for v in model.stage(k).variables]
        assert not np.allclose(network.predict(x, verbose=0), before[k - 1])
        compiled(network).fit(x, y, verbose=0)
    for got, want in zip(model.predict(x, verbose=0), before, strict=True):
        np.testing.assert_array_equal(got, want)


def test_with_its_weights_each_computes_what_the_stage_does():
    model = tiny_net()
    x, _ = digits(8)
    for k, network in enumerate(ka.nets.independent(model), start=1):
        part = model.stage(k)
        network.set_weights(part.get_weights())
        np.testing.assert_allclose(
            network.predict(x, verbose=0), part.predict(x, verbose=0), rtol=1e-5
        )


def test_oracles_of_nested_networks_are_plain_and_as_large():
    settings = {"units": (4, 4), "filters": (16, 32)}
    nesting = "w1d1-w2d1-w2d4"
    oracle = ka.nets.independent(
        ka.nets.sparse_resnet, (8, 8, 1), 10, nesting=nesting, **settings
    )
    nested = ka.nets.sparse_resnet((8, 8, 1), 10, nesting=nesting, **settings)
    for network, width, units, cost in zip(
        oracle, (8, 8 * 2, 16), (1, 1, 4), stage_costs(nested), strict=True
    ):
        assert network.num_stages == 1
        kernels = [
            layer.kernel.shape
            for layer in network.layers
            if "block1_unit" in layer.name and hasattr(layer, "kernel")
        ]
        # Plain: every kernel reads and makes all channels.
        assert kernels == [(3, 3, width, width)] * 2 * units
        # With the edges that nesting cuts, a bit dearer than the stage.
        (alone,) = stage_costs(network)
        assert cost.macs <= alone.macs <= 1.35 * cost.macs


def test_names_and_label_sets_work_too():
    oracle = ka.nets.independent(
        "width_resnet42", (8, 8, 1), {"fine": 4, "coarse": 2}, units=(1, 1, 1)
    )
    assert [network.name for network in oracle] == [
        "width_resnet42_w1",
        "width_resnet42_w2",
        "width_resnet42_w4",
    ]
    cascade = ka.nets.independent(
        "res_ann_7_16", (8, 8, 1), {"fine": 4, "coarse": 2}, units=(1, 1, 1)
    )
    for network in (*oracle, *cascade):
        assert network.output_names == ["stage_1_fine", "stage_1_coarse"]


def test_wrong_arguments_are_refused():
    model = tiny_net()
    with pytest.raises(ValueError, match="a model takes none"):
        ka.nets.independent(model, classes=10)
    with pytest.raises(ValueError, match="'depth'"):
        ka.nets.independent("width_resnet42", depth=3)
    with pytest.raises(ValueError, match="a name that.*network=3"):
        ka.nets.independent(3)
    with pytest.raises(ValueError, match="name='resnet'"):
        ka.nets.independent("resnet")
    with pytest.raises(ValueError, match="'wide'"):
        ka.nets.independent("width_resnet42", nesting="wide")
