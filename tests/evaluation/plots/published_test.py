"""Pictures of our numbers beside published ones say which runs differ."""

import types

import pytest

from keras_anytime.evaluation.plots.published import draw_published


def cells(mean=None, paper=None):
    return {"error": types.SimpleNamespace(mean=mean, std=None, paper=paper)}


@pytest.mark.parametrize("lines", [2, 20])
def test_runs_with_other_settings_are_marked(lines):
    values = {f"line {k}": cells(10.0 + k, 9.0) for k in range(lines)}
    as_in_the_paper = draw_published(values, "error (%)").axes[0]
    assert "other settings" not in as_in_the_paper.get_title()
    axes = draw_published(values, "error (%)", {"line 1"}).axes[0]
    assert "other settings" in axes.get_title()
    if lines == 20:
        hollow = [
            line for line in axes.lines if line.get_markerfacecolor() == "none"
        ]
        assert [list(line.get_ydata()) for line in hollow] == [[11.0]]


def test_only_published_numbers_that_are_there_are_named():
    ours = {"a": cells(10.0)}
    title = draw_published(ours, "error (%)").axes[0].get_title()
    assert "dotted" not in title
    both = ours | {"b": cells(paper=9.0)}
    title = draw_published(both, "error (%)").axes[0].get_title()
    assert "dotted" in title
