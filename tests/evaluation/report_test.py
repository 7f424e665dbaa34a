import html.parser
import math
import pathlib
import re

import pytest

from keras_anytime.evaluation import Report
from keras_anytime.evaluation import aggregate
from keras_anytime.evaluation import report
from keras_anytime.evaluation import summary
from tests.evaluation.examples import curve as _curve

VOID = {"meta", "img"}
NASTY = '<script>alert("1 & 2")</script>'


class Page(html.parser.HTMLParser):
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


_ROWS = [
    {"network": "a_b", "mean_ms": 0.12345, "std": math.nan, "label_set": None},
    {"network": "c", "mean_ms": math.nan, "std": None, "label_set": "fine"},
]


def _full():
    curve = _curve()
    return (
        Report("A report", "What it is.")
        .add("Curve", "First.\n\nSecond.", table=str(curve), plot=curve.plot)
        .add(
            "Settings",
            "Third.",
            rows={
                "epochs": 200,
                "weight_decay": math.nan,
                "mirror": True,
                "nested": {"a": [1, None], "b": {}},
                "arguments": '{"priority": [3, 2]}',
            },
        )
        .add("Times", "Fourth.", table=_ROWS)
    )


def test_a_report_is_one_file_that_needs_nothing_else(tmp_path):
    path = tmp_path / "new" / "report.html"
    _full().write(path)
    assert [file.name for file in path.parent.iterdir()] == ["report.html"]
    page = Page(path)
    assert page.content.startswith("<!DOCTYPE html>\n<html lang=")
    for tag, attrs in page.tags:
        assert tag not in ("script", "link", "iframe", "object", "base")
        for name in ("src", "href"):
            assert attrs.get(name, "#").startswith(("data:", "#"))
    assert "url(" not in page.content and "@import" not in page.content
    assert {"charset": "utf-8"} in page.all("meta")
    assert "viewport" in [meta.get("name") for meta in page.all("meta")]
    assert page.text("title") == page.text("h1") == ["A report"]


def test_sections_hold_what_was_added(tmp_path):
    _full().write(tmp_path / "report.html")
    page = Page(tmp_path / "report.html")
    assert page.text("h2") == ["Curve", "Settings", "Times", "Provenance"]
    said = ["What it is.", "First.", "Second.", "Third.", "Fourth."]
    assert page.text("p")[:5] == said
    assert page.text("pre") == [str(_curve())]
    (image,) = page.all("img")
    assert image["src"].startswith("data:image/svg+xml;base64,")
    assert image["alt"] == "Figure: Curve"
    cells = dict(zip(page.text("th"), page.text("td"), strict=False))
    assert cells["epochs"] == "200"
    assert cells["weight decay"] == "none"
    assert cells["mirror"] == "yes"
    assert page.text("li")[:3] == ["a: 1, none", "b: none", "priority: 3, 2"]


def test_rows_are_a_table_with_words_for_heads(tmp_path):
    made = Report("A", "What it is.").add("Times", "How long.", table=_ROWS)
    made.write(tmp_path / "report.html")
    page = Page(tmp_path / "report.html")
    # What is known of no row is left out.
    assert page.text("th")[:3] == ["network", "mean (ms)", "label set"]
    cells = [text for text in page.text("td") if text.strip()]
    assert cells[:4] == ["a_b", "0.1235", "c", "fine"]
    tables = page.content.count("<table>")
    assert tables == page.content.count('<div class="wide" tabindex="0">') + 1


def test_a_page_is_readable_on_a_phone(tmp_path):
    _full().write(tmp_path / "report.html")
    page = Page(tmp_path / "report.html")
    assert {
        "name": "viewport",
        "content": "width=device-width, initial-scale=1",
    } in page.all("meta")
    (style,) = page.text("style")
    rules = dict(re.findall(r"([^{}]+?)\s*\{([^{}]*)\}", style))
    rules = {"".join(name.split()): rule for name, rule in rules.items()}
    # Pictures shrink, wide tables move sideways, other text wraps.
    assert "max-width: 100%" in rules["img"]
    assert "overflow-x: auto" in rules["pre,.wide"]
    assert "overflow-wrap: anywhere" in rules["p,th,td"]
    assert not re.search(r"width: *\d{3,}px", style)


def test_a_report_explains_itself_and_each_section():
    with pytest.raises(ValueError, match="`summary`.*summary=' '"):
        Report("A", " ")
    made = Report("A", "What it is.")
    with pytest.raises(ValueError, match="`text`.*text=None"):
        made.add("B", None, table="x")
    assert not made.sections


@pytest.mark.parametrize(
    ("curve", "sentences"),
    [
        (
            _curve(),
            [
                "net is a network that answers in 3 stages, each of which "
                "refines the answer before it at more cost.",
                "Its errors are shares of 200 examples of CIFAR-10, with 10 "
                "classes.",
                "The whole network errs in 10.0% of them; an answer of stage 1 "
                "alone errs in 50.0%, and saves 90% of the multiply-adds: 40.0 "
                "percentage points more.",
            ],
        ),
        (
            aggregate([_curve((0, 0), (0.1, 0.1))] * 2),
            [
                "net is a network that answers in 2 stages, each of which "
                "refines the answer before it at more cost.",
                "Its errors are shares of 200 examples of CIFAR-10, with 10 "
                "classes, as the mean of 2 trainings.",
                "The whole network errs in 10.0% of them; an answer of stage 1 "
                "alone errs in 10.0%: no more than with all stages.",
            ],
        ),
        (
            _curve((10,), (0.25,)),
            [
                "net is a network that answers once.",
                "Its errors are shares of 200 examples of CIFAR-10, with 10 "
                "classes.",
                "It errs in 25.0% of them.",
            ],
        ),
    ],
)
def test_three_sentences_tell_what_on_which_data_and_what_follows(
    curve, sentences
):
    assert summary(curve, "CIFAR-10") == " ".join(sentences)


def test_at_its_end_is_where_it_is_from(tmp_path):
    Report("Empty", "What it is.").write(tmp_path / "report.html")
    page = Page(tmp_path / "report.html")
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
    assert page.text("li") == ["python: 3.11"]
    assert len(page.text("p")) == 2


def test_the_commit_is_that_of_the_checkout(tmp_path, monkeypatch):
    monkeypatch.undo()
    Report("Real", "What it is.").write(tmp_path / "report.html")
    assert "keras_anytime" in Page(tmp_path / "report.html").content


@pytest.mark.parametrize(("sections", "contents"), [(3, False), (4, True)])
def test_more_than_three_sections_have_a_table_of_contents(
    tmp_path, sections, contents
):
    made = Report("Many", "What it is.")
    for k in range(sections):
        made.add("same", f"text {k}")
    made.write(tmp_path / "report.html")
    page = Page(tmp_path / "report.html")
    assert bool(page.all("nav")) == contents
    if contents:
        links = [link["href"] for link in page.all("a")]
        ids = ["#" + section["id"] for section in page.all("section")]
        assert links == ids and len(set(ids)) == sections + 1


def test_everything_is_escaped(tmp_path):
    made = Report(NASTY, "What it is.").add(
        NASTY,
        NASTY,
        table=NASTY,
        rows={NASTY: NASTY, "nested": {NASTY: [NASTY]}, "path": tmp_path},
        plot=_curve().plot,
    )
    made.add("Umlaute: äöü 中", "ß")
    for k in range(3):
        made.add(f"{NASTY} {k}", "text")
    made.write(tmp_path / "report.html")
    page = Page(tmp_path / "report.html")
    assert "<script" not in page.content
    assert not page.all("script")
    for tag in ("title", "h1", "h2", "p", "pre", "th", "td", "a"):
        assert NASTY in page.text(tag)
    assert page.all("img")[0]["alt"] == f"Figure: {NASTY}"
    assert "Umlaute: äöü 中" in page.text("h2")


def test_paths_that_are_no_html_are_refused_before_drawing(tmp_path):
    drawn = []
    made = Report("A", "What it is.").add("B", "b", plot=drawn.append)
    for name in ("report.htm", "report.pdf", "report"):
        with pytest.raises(ValueError, match=f"Received: path='.*{name}'"):
            made.write(tmp_path / name)
    assert not drawn and not list(tmp_path.iterdir())


def test_a_plot_that_fails_leaves_the_old_report(tmp_path):
    def fail(path):
        path.write_text("half")
        raise RuntimeError("no data")

    made = (
        Report("A", "What it is.")
        .add("B", "b", plot=_curve().plot)
        .add("C", "c", plot=fail)
    )
    with pytest.raises(RuntimeError, match="no data"):
        made.write(tmp_path / "new" / "report.html")
    assert not list(tmp_path.iterdir())
    (tmp_path / "report.html").write_text("old")
    with pytest.raises(RuntimeError, match="no data"):
        made.write(tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]


def test_a_plot_must_draw_where_it_is_told_to(tmp_path):
    made = Report("A", "What it is.").add("Lost", "b", plot=lambda path: None)
    with pytest.raises(ValueError, match="'Lost' drew no file"):
        made.write(tmp_path / "report.html")
    assert not list(tmp_path.iterdir())


def test_sections_that_cannot_be_shown_are_refused():
    made = Report("A", "What it is.")
    with pytest.raises(ValueError, match="plot='curve.svg'"):
        made.add("B", "b", plot="curve.svg")
    with pytest.raises(ValueError, match=r"rows=\[1, 2\]"):
        made.add("B", "b", rows=[1, 2])
    assert not made.sections
