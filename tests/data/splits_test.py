import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from keras_anytime.data.splits import examples_of

SIZES = {"train": 250, "test": 37}


def _numbers(split):
    return [
        (whole, positions.tolist())
        for whole, positions in examples_of(split, SIZES, "made_up")
    ]


def test_parts_of_a_split():
    assert _numbers("test") == [("test", list(range(37)))]
    assert _numbers("train[:3]") == [("train", [0, 1, 2])]
    assert _numbers("train[248:]+test[-2:]") == [
        ("train", [248, 249]),
        ("test", [35, 36]),
    ]
    assert _numbers("train[1%:2%]") == [("train", [2, 3, 4])]
    assert _numbers("train[2_0:22]") == [("train", [20, 21])]
    assert _numbers("train[5:2]") == [("train", [])]


@pytest.mark.parametrize(
    "split",
    [
        "",
        "other",
        "train[",
        "train[1:2]x",
        "train[:251]",
        "train[-251:]",
        "train[101%:]",
        "train[%:]",
        "train+other",
        "train[1.5:]",
    ],
)
def test_what_is_no_split_is_refused(split):
    with pytest.raises(ValueError, match="Received: split=.* of 'made_up'"):
        examples_of(split, SIZES, "made_up")


@hypothesis.given(
    first=st.one_of(st.none(), st.integers(-100, 100)),
    last=st.one_of(st.none(), st.integers(-100, 100)),
    percent=st.booleans(),
)
def test_positions_are_those_of_tensorflow_datasets(first, last, percent):
    tfds = pytest.importorskip("tensorflow_datasets")
    hypothesis.assume(first is not None or last is not None)
    unit = "%" if percent else ""
    limits = ["" if one is None else f"{one}{unit}" for one in (first, last)]
    split = f"train[{limits[0]}:{limits[1]}]"
    info = tfds.core.SplitInfo(
        name="train", shard_lengths=[250], num_bytes=0, filename_template=None
    )
    wanted = tfds.core.ReadInstruction.from_spec(split).to_absolute(
        {"train": info}
    )
    numbers = np.concatenate(
        [np.arange(250)[one.from_ : one.to] for one in wanted] or [np.arange(0)]
    )
    ((_, positions),) = examples_of(split, SIZES, "made_up")
    np.testing.assert_array_equal(positions, numbers)
