import json

import pytest

from keras_anytime.evaluation import HierarchicalCurve
from keras_anytime.evaluation import anytime_curve
from keras_anytime.evaluation import hierarchical_curve
from tests.evaluation.examples import curve
from tests.testing import digits
from tests.testing import hierarchical_digits
from tests.testing import hierarchical_net
from tests.testing import scramble
from tests.testing import tiny_net


def _curves():
    return HierarchicalCurve(
        {
            "fine": curve(errors=(0.7, 0.5, 0.3), classes=100),
            "middle": curve(errors=(0.6, 0.3, 0.2), classes=20),
            "coarse": curve(errors=(0.4, 0.2, 0.25), classes=5),
        }
    )


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (1.0, ("fine", "fine", "fine")),
        (0.5, ("coarse", "fine", "fine")),
        (0.4, ("coarse", "middle", "fine")),
        (0.3, (None, "middle", "fine")),
        (0.22, (None, "coarse", "middle")),
        (0.0, (None, None, None)),
    ],
)
def test_the_finest_set_that_keeps_the_error(error, expected):
    assert _curves().finest(error) == expected


def test_each_label_set_is_measured_as_alone():
    model = scramble(hierarchical_net())
    data = hierarchical_digits(60)
    found = hierarchical_curve(model, data, batch_size=25)
    assert list(found.curves) == ["fine", "coarse"]
    for label_set, set_curve in found.curves.items():
        want = anytime_curve(model, data, label_set=label_set, batch_size=25)
        assert set_curve == want


def test_the_table_and_the_file_have_every_error(tmp_path):
    found = _curves()
    lines = str(found).splitlines()
    assert lines[1].split() == [
        "stage",
        "multiply-adds",
        "fine",
        "middle",
        "coarse",
    ]
    assert lines[2].split()[2:] == ["70.00%", "60.00%", "40.00%"]
    found.to_json(tmp_path / "curves.json")
    content = json.loads((tmp_path / "curves.json").read_text())
    assert content["middle"]["points"][1]["top1_error"] == 0.3
    found.to_csv(tmp_path / "curves.csv")
    header, first, *_ = (tmp_path / "curves.csv").read_text().splitlines()
    assert header.startswith("stage,macs,fine_top1_error,middle_top1_error")
    assert first == "1,10,0.7,0.6,0.4"


def test_what_has_no_hierarchy_is_refused():
    with pytest.raises(ValueError, match="anytime_curve"):
        hierarchical_curve(tiny_net(), digits(8))
    for error in (-0.1, 1.1):
        with pytest.raises(ValueError, match=f"error={error}"):
            _curves().finest(error)
