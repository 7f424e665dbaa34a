import html.parser
import pathlib

import pytest

from keras_anytime.evaluation import report
from keras_anytime.evaluation.report import Report
from tests.evaluation.curve_test import _curve

VOID = {"meta", "img"}
NASTY = '<script>alert("1 & 2")</script>'


class _Page(html.parser.HTMLParser):
    """Reads a page, and fails where tags are not balanced."""

    def __init__(self, path):
        super().__init__()
        self.open, self.tags, self.texts = [], [], []
        self.content = pathlib.Path(path).read_text(encoding="utf-8")
        self.feed(self.content)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append((self.open[-1] if self.open else None, data))

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]

    def text(self, tag):
        return [text for name, text in self.texts if name == tag]


@pytest.fixture(autouse=True)
def _provenance(monkeypatch):
    monkeypatch.setattr(
        report,
        "provenance",
        lambda: {
            "command": "evaluate.py --a=<b>",
            "hardware": "a machine",
            "commit": None,
            "versions": {"python": "3.11"},
        },
    )


def _full():
    curve = _curve()
    return (
        Report("A report")
        .add("Curve", "First.\n\nSecond.", table=str(curve), plot=curve.plot)
        .add("Settings", rows={"epochs": 200, "nested": {"a": [1, None]}})
    )


def test_a_report_is_one_file_that_needs_nothing_else(tmp_path):
    path = tmp_path / "new" / "report.html"
    _full().write(path)
    assert [one.name for one in path.parent.iterdir()] == ["report.html"]
    page = _Page(path)
    assert page.content.startswith("<!DOCTYPE html>\n<html lang=")
    for tag, attrs in page.tags:
        assert tag not in ("script", "link", "iframe", "object", "base")
        for name in ("src", "href"):
            assert attrs.get(name, "#").startswith(("data:", "#"))
    assert "url(" not in page.content and "@import" not in page.content
    assert {"charset": "utf-8"} in page.all("meta")
    assert "viewport" in [one.get("name") for one in page.all("meta")]
    assert page.text("title") == page.text("h1") == ["A report"]


def test_sections_hold_what_was_added(tmp_path):
    _full().write(tmp_path / "report.html")
    page = _Page(tmp_path / "report.html")
    assert page.text("h2") == ["Curve", "Settings", "Provenance"]
    assert page.text("p") == ["First.", "Second."]
    assert page.text("pre") == [str(_curve())]
    (image,) = page.all("img")
    assert image["src"].startswith("data:image/svg+xml;base64,")
    assert image["alt"] == "Figure: Curve"
    cells = dict(zip(page.text("th"), page.text("td"), strict=False))
    assert cells["epochs"] == "200"
    nested = page.text("code")[0]
    assert "".join(nested.split()) == '{"a":[1,null]}'


def test_at_its_end_is_where_it_is_from(tmp_path):
    Report("Empty").write(tmp_path / "report.html")
    page = _Page(tmp_path / "report.html")
    assert page.text("h2") == ["Provenance"]
    assert page.text("th") == [
        "date",
        "command",
        "hardware",
        "commit",
        "versions",
    ]
    assert page.text("td")[0].endswith("+00:00")
    assert page.text("td")[1:] == ["evaluate.py --a=<b>", "a machine", "none"]
    assert "3.11" in page.text("code")[0]


def test_the_commit_is_that_of_the_checkout(tmp_path, monkeypatch):
    monkeypatch.undo()
    Report("Real").write(tmp_path / "report.html")
    assert "keras_anytime" in _Page(tmp_path / "report.html").content


@pytest.mark.parametrize(("sections", "contents"), [(3, False), (4, True)])
def test_more_than_three_sections_have_a_table_of_contents(
    tmp_path, sections, contents
):
    made = Report("Many")
    for k in range(sections):
        made.add("same", f"text {k}")
    made.write(tmp_path / "report.html")
    page = _Page(tmp_path / "report.html")
    assert bool(page.all("nav")) == contents
    if contents:
        links = [one["href"] for one in page.all("a")]
        ids = ["#" + one["id"] for one in page.all("section")]
        assert links == ids and len(set(ids)) == sections + 1


def test_everything_is_escaped(tmp_path):
    made = Report(NASTY).add(
        NASTY,
        NASTY,
        table=NASTY,
        rows={NASTY: NASTY, "nested": {NASTY: [NASTY]}, "path": tmp_path},
        plot=_curve().plot,
    )
    made.add("Umlaute: äöü 中", "ß")
    for k in range(3):
        made.add(f"{NASTY} {k}")
    made.write(tmp_path / "report.html")
    page = _Page(tmp_path / "report.html")
    assert "<script" not in page.content
    assert not page.all("script")
    for tag in ("title", "h1", "h2", "p", "pre", "th", "td", "a"):
        assert NASTY in page.text(tag)
    assert page.all("img")[0]["alt"] == f"Figure: {NASTY}"
    assert "Umlaute: äöü 中" in page.text("h2")


def test_paths_that_are_no_html_are_refused_before_drawing(tmp_path):
    drawn = []
    made = Report("A").add("B", plot=drawn.append)
    for name in ("report.htm", "report.pdf", "report"):
        with pytest.raises(ValueError, match=f"Received: path='.*{name}'"):
            made.write(tmp_path / name)
    assert not drawn and not list(tmp_path.iterdir())


def test_a_plot_that_fails_leaves_the_old_report(tmp_path):
    def fail(path):
        path.write_text("half")
        raise RuntimeError("no data")

    made = Report("A").add("B", plot=_curve().plot).add("C", plot=fail)
    with pytest.raises(RuntimeError, match="no data"):
        made.write(tmp_path / "new" / "report.html")
    assert not list(tmp_path.iterdir())
    (tmp_path / "report.html").write_text("old")
    with pytest.raises(RuntimeError, match="no data"):
        made.write(tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text() == "old"
    assert [one.name for one in tmp_path.iterdir()] == ["report.html"]


def test_a_plot_must_draw_where_it_is_told_to(tmp_path):
    made = Report("A").add("Lost", plot=lambda path: None)
    with pytest.raises(ValueError, match="'Lost' drew no file"):
        made.write(tmp_path / "report.html")
    assert not list(tmp_path.iterdir())


def test_sections_that_cannot_be_shown_are_refused():
    made = Report("A")
    with pytest.raises(ValueError, match="plot='curve.svg'"):
        made.add("B", plot="curve.svg")
    with pytest.raises(ValueError, match=r"rows=\[1, 2\]"):
        made.add("B", rows=[1, 2])
    assert not made.sections
