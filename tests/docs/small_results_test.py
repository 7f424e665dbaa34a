"""Compares the page of results with the files of the small experiments.

The tables of a report are on the page as `recipes/collect.py --results` writes
them, line by line.
"""

import re

from keras_anytime.experiments import papers
from keras_anytime.experiments.collect import report_of
from tests.experiments.recorded import record
from tests.experiments.recorded import write_results_file
from tests.source import ROOT
from tests.source import fail_on

# The page, or several whose names begin so.
PAGES = "results*.md"
RESULTS = ROOT / "recipes" / "results"


def tables_of(text):
    """Returns the Markdown tables of a text."""
    return re.findall(r"(?:^\|.*\|\n)+", text, re.MULTILINE)


def head_of(table):
    return table.partition("\n")[0]


def problems_of(files, text):
    """Returns what a text says otherwise than the results files."""
    problems, collected = [], []
    on_page = tables_of(text)
    for path in files:
        report = report_of(papers.find(path.stem), results=files)
        found = [
            part
            for table in report.tables.values()
            if table.lines
            for part in tables_of("\n".join([*table.to_markdown(), ""]))
        ]
        collected += found
        if not found:
            problems.append(f"{path.name}: its report has no table")
        if f"`recipes/results/{path.name}`" not in text:
            problems.append(f"{path.name}: the page does not name the file")
        problems += [
            f"{path.name}: the page lacks this table:\n{table}"
            for table in found
            if table not in on_page
        ]
    heads = set(map(head_of, collected))
    problems += [
        f"this table of the page is in no report:\n{table}"
        for table in on_page
        if head_of(table) in heads and table not in collected
    ]
    return problems


def test_the_page_has_the_tables_of_the_small_experiments():
    pages = sorted((ROOT / "docs").glob(PAGES))
    assert pages
    text = "\n".join(page.read_text() for page in pages)
    fail_on(problems_of(sorted(RESULTS.glob("small_*.json")), text))


def test_commands_name_no_folder_of_a_machine():
    # A queue that is given --workdir=runs/small records it like this.
    fail_on(
        [
            f"{path.name}: {found}"
            for path in sorted(RESULTS.rglob("*.json"))
            for found in re.findall(r"--\w+=/[^\s\"]+", path.read_text())
        ]
    )


def test_other_numbers_than_those_of_the_files_are_found(tmp_path):
    made = papers.find("small_refresh")
    runs = [
        (
            row,
            record(tmp_path, row, (0.5, 0.3 + n / 100, 0.2), seed, (1, 2, 4)),
        )
        for n, row in enumerate(made.rows)
        for seed in (1, 2)
    ]
    path = write_results_file(tmp_path / "small_refresh.json", runs)
    report = report_of(made, results=[path])
    tables = ["\n".join(t.to_markdown()) for t in report.tables.values()]
    assert len(tables) == 2
    page = "\n\n".join([f"See `recipes/results/{path.name}`.", *tables, ""])
    assert problems_of([path], page) == []
    assert problems_of([], page) == []
    for right, wrong, said in (
        ("`recipes/", "", ["does not name the file"]),
        ("31.00", "31.01", ["lacks this table", "is in no report"]),
        ("(+1.00 to", "(+1.01 to", ["lacks this table", "is in no report"]),
        (tables[1], "", ["lacks this table"]),
    ):
        assert right in page
        problems = problems_of([path], page.replace(right, wrong))
        assert len(problems) == len(said)
        for problem, part in zip(problems, said, strict=True):
            assert part in problem
