import pytest

import keras_anytime as ka


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"units": (4, 6)}, r"multiples of 4\..*units=\(4, 6\)"),
        ({"units": (4, 4, 4)}, r"one number for each block"),
        ({"units": ()}, r"number of 1 or more for each block"),
        ({"units": (0, 4)}, r"number of 1 or more.*units=\(0, 4\)"),
        ({"filters": (4, 0)}, r"number of 1 or more.*filters=\(4, 0\)"),
        ({"filters": (6, 8)}, r"any multiple of 4 .*filters=\(6"),
        (
            {"filters": (16, 18), "unit": "bottleneck"},
            r"multiples of 4\..*filters=\(16, 18\)",
        ),
        ({"nesting": "d2-d1"}, "must not be narrower or shallower"),
        ({"nesting": "d2-d3"}, "must be a multiple of the depth of"),
        ({"nesting": "deep"}, "'d1-d2-d4-d8' or .*'deep'"),
        ({"nesting": None}, "such as 'w1-w2-w4'.*None"),
        ({"unit": "pyramid"}, r"\['basic', 'bottleneck'\].*unit='pyramid'"),
        ({"stem": "tiny"}, r"\['cifar', 'imagenet'\].*stem='tiny'"),
        ({"classes": 1}, "at least 2.*classes=1"),
        ({"classes": {}}, "at least 2.*classes={}"),
        ({"classes": {"a b": 2}}, "letters, digits and underscores"),
        ({"input_shape": (8, 8)}, r"\(height, width, channels\).*\(8, 8\)"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    arguments = {"nesting": "w1d1-w2d2-w4d4", **arguments}
    settings = {"units": (4, 4), "filters": (4, 8), **arguments}
    settings.setdefault("input_shape", (8, 8, 1))
    settings.setdefault("classes", 3)
    with pytest.raises(ValueError, match=f"(?s){message}"):
        ka.nets.sparse_resnet(**settings)


def test_bottlenecks_that_do_not_split_are_refused_in_the_user_s_terms():
    # Inside, units are a quarter as wide: 8 filters leave 2 for 4 shares.
    with pytest.raises(ValueError, match="multiple of 16.*filters=.*8"):
        ka.nets.sparse_resnet(
            (8, 8, 1),
            3,
            "w1d1-w2d2-w4d4",
            units=(4, 4),
            filters=(8, 16),
            unit="bottleneck",
        )
