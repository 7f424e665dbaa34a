import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from keras_anytime.data.splits import parse_split

SIZES = {"train": 250, "test": 37}


def _numbers(split):
    return [
        (whole, list(positions))
        for whole, positions in parse_split(split, SIZES, "made_up")
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
    ("split", "message"),
    [
        ("", "is written like"),
        ("train[", "is written like"),
        ("train[1:2]x", "is written like"),
        ("train[%:]", "is written like"),
        ("train[1.5:]", r"is written .*: test \(37 images\), train \(250 "),
        ("other", r"no split 'other'; .*test \(37 images\), train"),
        ("train+other", "no split 'other'"),
        ("trian[:9]", "Did you mean 'train'"),
        ("train[:251]", "asks for 251 of the 250 images in 'train'"),
        ("train[-251:]", "asks for 251 of the 250 images in 'train'"),
        ("test[40:]+train", "asks for 40 of the 37 images in 'test'"),
        ("train[101%:]", "asks for 101% of the 250 images in 'train'"),
    ],
)
def test_what_is_no_split_is_refused_and_says_why(split, message):
    with pytest.raises(ValueError, match=message) as refused:
        parse_split(split, SIZES, "made_up")
    assert f"Received: split={split!r} of 'made_up'" in str(refused.value)


@hypothesis.given(
    first=st.one_of(st.none(), st.integers(-100, 100)),
    last=st.one_of(st.none(), st.integers(-100, 100)),
    percent=st.booleans(),
)
def test_positions_are_those_of_tensorflow_datasets(first, last, percent):
    tfds = pytest.importorskip("tensorflow_datasets")
    hypothesis.assume(first is not None or last is not None)
    unit = "%" if percent else ""
    limits = [
        "" if limit is None else f"{limit}{unit}" for limit in (first, last)
    ]
    split = f"train[{limits[0]}:{limits[1]}]"
    info = tfds.core.SplitInfo(
        name="train", shard_lengths=[250], num_bytes=0, filename_template=None
    )
    wanted = tfds.core.ReadInstruction.from_spec(split).to_absolute(
        {"train": info}
    )
    numbers = np.concatenate(
        [np.arange(250)[part.from_ : part.to] for part in wanted]
        or [np.arange(0)]
    )
    ((_, positions),) = parse_split(split, SIZES, "made_up")
    np.testing.assert_array_equal(positions, numbers)
