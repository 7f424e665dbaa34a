import pytest

from keras_anytime import Nesting


@pytest.mark.parametrize(
    ("labels", "widths", "depths", "strides"),
    [
        ("w1-w2-w4", (1, 2, 4), (1, 1, 1), (1, 1, 1)),
        ("w1-w2-w3-w4", (1, 2, 3, 4), (1,) * 4, (1,) * 4),
        ("d1-d2-d4-d8", (1,) * 4, (1, 2, 4, 8), (8, 4, 2, 1)),
        ("w1d1-w2d1-w2d2", (1, 2, 2), (1, 1, 2), (2, 2, 1)),
        ("w1d1-w2d2-w4d4", (1, 2, 4), (1, 2, 4), (4, 2, 1)),
        (
            "w1d1-w2d1-w2d2-w4d2-w4d4",
            (1, 2, 2, 4, 4),
            (1, 1, 2, 2, 4),
            (4, 4, 2, 2, 1),
        ),
        ("w1", (1,), (1,), (1,)),
    ],
)
def test_the_papers_labels(labels, widths, depths, strides):
    nesting = Nesting(labels)
    assert nesting.num_stages == len(widths)
    assert nesting.widths == widths
    assert nesting.depths == depths
    assert nesting.strides == strides
    assert str(nesting) == labels
    assert nesting == Nesting(labels)


def test_units_of_a_stage_belong_to_all_later_stages():
    strides = Nesting("d1-d2-d4-d8").strides
    units = [{p for p in range(16) if p % stride == 0} for stride in strides]
    assert [len(unit) for unit in units] == [2, 4, 8, 16]
    assert all(a < b for a, b in zip(units, units[1:], strict=False))


def test_channels_and_slices_split_a_layer():
    nesting = Nesting("w1-w2-w4")
    assert nesting.channels(128) == (32, 64, 128)
    assert nesting.slices(128) == (32, 32, 64)
    assert Nesting("w1d1-w1d2-w2d2").slices(16) == (8, 0, 8)


@pytest.mark.parametrize(
    "labels",
    [
        "",
        "w1-",
        "w0-w1",
        "x1-x2",
        "w1w2",
        "d1w1-d2w2",
        "w1 - w2",
        "w2-w1",
        "w1-w1",
        "w2d1-w1d2",
        "w1d2-w2",
        "d2-d3",
        3,
        None,
    ],
)
def test_what_is_no_nesting_is_refused_with_what_was_received(labels):
    with pytest.raises(ValueError, match="Received: "):
        Nesting(labels)


def test_filters_that_cannot_be_split_are_refused():
    with pytest.raises(ValueError, match="filters=30"):
        Nesting("w1-w2-w4").channels(30)
    with pytest.raises(ValueError, match="filters=0"):
        Nesting("w1-w2").slices(0)
