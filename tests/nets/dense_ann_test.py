import keras
import pytest

import keras_anytime as ka
from keras_anytime.evaluation import stage_costs
from keras_anytime.stages.cost import counted_costs


@pytest.mark.slow
def test_dense_ann_169_is_densenet_169():
    model = ka.nets.get("dense_ann169_imagenet")
    convolutions = [
        layer
        for layer in model.layers
        if isinstance(layer, keras.layers.Conv2D)
    ]
    # 82 dense layers of two, 3 transitions, stem and head.
    assert len(convolutions) + 1 == 169
    # 14.15 M parameters and 3.4 G multiply-adds as published for DenseNet-169
    # (torchvision; Huang et al., 2017, Figure 3, has about 14 M). The
    # transitions' normalizations here are half as wide: -2,048 of 14.15 M.
    cost = stage_costs(model)[-1]
    assert cost.parameters == pytest.approx(14.149e6, rel=0.001)
    assert cost.macs == pytest.approx(3.4e9, rel=0.02)
    # What the docstring says of Hu 2019, Table 2: no answer within a quarter.
    for way in ("subnetwork", "cumulative"):
        macs = [entry[0] for entry in counted_costs(stage_costs(model), way)]
        assert [round(100 * part / macs[-1]) for part in macs] == [
            *(46, 66, 76, 92, 96, 100)
        ]


@pytest.mark.slow
def test_heads_are_where_the_paper_has_them():
    # Hu 2019, Appendix B: "every 14 dense layers, starting from layer 12".
    model = ka.nets.dense_ann((32, 32, 3), 5, growth=2)
    layers = [
        sum("_conv2_" in op.name for op in model.stage_operations(k))
        for k in range(1, model.num_stages + 1)
    ]
    assert layers == [12, 26, 40, 54, 68, 82]


def test_channels_grow_and_are_halved_between_blocks():
    model = ka.nets.dense_ann(
        (32, 32, 3), 5, (2, 3, 1), growth=4, first_head=1, head_every=1
    )
    channels = 2 * 4
    stage = 0
    for block, layers in enumerate((2, 3, 1)):
        if block:
            channels //= 2
        for _ in range(layers):
            stage += 1
            channels += 4
            features = model.get_layer(f"final_stage{stage}_bn").input
            assert features.shape[-1] == channels
            assert features.shape[1] == 32 // 4 // 2**block


def test_the_order_of_transitions_is_that_of_hu_or_of_huang():
    def operations(transition):
        model = ka.nets.dense_ann(
            (16, 16, 3), 5, (1, 1), 4, 2, transition=transition, stem="cifar"
        )
        names = [op.name for op in model.operations]
        return [
            name.removeprefix("block1_transition_stage1_")
            for name in names
            if name.startswith("block1_transition")
        ]

    assert operations("convolution_first") == ["conv", "bn", "relu", "pool"]
    assert operations("normalization_first") == ["bn", "relu", "conv", "pool"]


def test_the_last_layer_has_a_head_in_any_case():
    model = ka.nets.dense_ann(
        (16, 16, 3), 5, (2, 2), 4, first_head=1, head_every=2, stem="cifar"
    )
    assert model.num_stages == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"layers_per_block": ()}, "`layers_per_block`"),
        ({"layers_per_block": (2, 0)}, "`layers_per_block`"),
        ({"first_head": 9}, "first_head=9"),
        ({"growth": 0}, "growth=0"),
        ({"head_every": 0}, "head_every=0"),
        ({"stem": "tiny"}, "stem='tiny'"),
        ({"transition": "last"}, "transition='last'"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    settings = {
        "layers_per_block": (2, 2),
        "growth": 4,
        "first_head": 2,
        **arguments,
    }
    with pytest.raises(ValueError, match=message):
        ka.nets.dense_ann((32, 32, 3), 5, **settings)
