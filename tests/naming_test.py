import pytest

from keras_anytime import naming

KNOWN = ["half_end", "random_weighted_majority", "msdnet_7", "msdnet_10"]


@pytest.mark.parametrize(
    "name", ["half_end", "Half-End", "HALF END", "halfend", "HalfEnd"]
)
def test_spelling_does_not_count(name):
    assert naming.match_name(name, KNOWN) == "half_end"


@pytest.mark.parametrize("name", ["half", "half.end", "", "msdnet", 7, None])
def test_anything_else_is_no_known_name(name):
    assert naming.match_name(name, KNOWN) is None


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("msdnet", ["msdnet_7", "msdnet_10"]),
        ("Half-Ende", ["half_end"]),
        ("majority", ["random_weighted_majority"]),
        ("nothing like it", []),
        ("", []),
    ],
)
def test_the_nearest_names_are_suggested(name, nearest):
    assert naming.close_names(name, KNOWN) == nearest
    assert naming.did_you_mean(name, KNOWN) == (
        f" Did you mean {' or '.join(map(repr, nearest))}?" if nearest else ""
    )


def test_wrong_arguments_name_the_right_ones():
    with pytest.raises(
        ValueError, match=r"_dict_of_size takes .*'size'.*Received: kind with"
    ):
        naming.instantiate(_dict_of_size, "kind", {"length": 3})
    assert naming.instantiate(_dict_of_size, "kind", {"size": 2}) == {
        0: 0,
        1: 0,
    }


def _dict_of_size(size=0):
    return dict.fromkeys(range(size), 0)
