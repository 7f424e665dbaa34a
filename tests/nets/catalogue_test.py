import pytest

import keras_anytime as ka
from keras_anytime.nets import catalogue
from tests.testing import sampled

NAMES = ka.nets.names()


def test_every_family_has_a_named_network():
    families = {
        getattr(ka.nets, name)
        for name in ka.nets.__all__
        if name
        not in (
            "ExponentialEnsemble",
            "describe",
            "ensemble",
            "facts",
            "get",
            "independent",
            "names",
            "plot_structure",
            "pretrained",
        )
    }
    assert families == {
        catalogue.find(name).builder for name in ka.nets.names()
    }


def test_descriptions_are_one_line_and_say_where_they_are_from():
    for name in ka.nets.names():
        description = catalogue.find(name).description
        assert "\n" not in description
        assert any(
            paper in description
            for paper in (
                "Wan 2020",
                "Hu 2017",
                "Hu 2019",
                "Lee 2018",
                "Huang",
                "He 2016",
                "this library",
            )
        )


@pytest.mark.parametrize(
    "name",
    sampled(
        ["width_resnet10", "width_resnet42", "msdnet_7"], ["width_resnet10"]
    ),
)
def test_arguments_replace_the_papers(name):
    model = ka.nets.get(name, (16, 16, 1), {"fine": 4, "coarse": 2}, l2=0)
    assert model.name == name
    assert model.input_shape == (None, 16, 16, 1)
    assert model.label_sets == ("fine", "coarse")
    assert not model.losses


def test_a_description_tells_the_cost_of_each_stage():
    text = ka.nets.describe("shallow_resnext29")
    costs = ka.evaluation.stage_costs(ka.nets.get("shallow_resnext29"))
    assert catalogue.find("shallow_resnext29").description in text
    for cost in costs:
        assert f" {cost.macs / 1e6:.4g}" in text


def test_unknown_arguments_are_refused():
    with pytest.raises(ValueError, match="units, filters, .*'depth'"):
        ka.nets.get("res_ann_7_16", depth=3)


@pytest.mark.parametrize("function", [ka.nets.get, ka.nets.describe])
def test_unknown_names_are_refused(function):
    with pytest.raises(ValueError, match="Did you mean 'width_resnet42'"):
        function("width_resnet4")
    for wrong in (3, "names", "independent", "ensemble", ""):
        with pytest.raises(ValueError, match=r"names\(\).*name="):
            function(wrong)


def test_a_family_goes_by_the_name_of_its_builder():
    small = {"units": (1,), "filters": (8,)}
    for name in ("width_nested_resnet", "Width-Nested ResNet"):
        model = ka.nets.get(name, (8, 8, 1), 3, **small)
        assert model.name == "width_nested_resnet"
    same = ka.nets.width_nested_resnet((8, 8, 1), 3, **small)
    assert model.to_json() == same.to_json()
    parts = ka.nets.independent("width_nested_resnet", (8, 8, 1), 3, **small)
    assert len(parts) == model.num_stages
    for name in {catalogue.find(name).builder.__name__ for name in NAMES}:
        assert catalogue.complete_arguments(
            catalogue.find(name).builder, catalogue.find(name).defaults
        )


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [name for name in NAMES if name.endswith(("_imagenet", "_cub"))],
)
def test_imagenet_networks_see_real_images(name, hymenoptera):
    model = ka.nets.get(name, classes=2)
    for logits in model(hymenoptera):
        assert logits.shape == (len(hymenoptera), 2)
        assert bool((abs(logits.numpy()) < 1e6).all())
