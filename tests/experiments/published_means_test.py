"""Table 6 of Hu 2017 as runs: its errors give the paper's tables of means."""

import pytest

from keras_anytime.experiments import papers
from keras_anytime.experiments.collect import _REPORTS
from keras_anytime.experiments.collect import collect
from keras_anytime.experiments.collecting import finding
from tests.experiments.recorded import record
from tests.testing import rows_of


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("table6")
    for made in papers.find("hu2017_table6").rows:
        columns = [made.published.get(c) for c in ("1/4", "1/2", "3/4", "1")]
        if "stage" in made.labels:
            (error,) = made.published.values()
            record(folder, made, (error / 100,))
        elif made.published:
            # An answer before 1/4 of the cost makes the mean that of the paper.
            first = 5 * made.published["AE"] - sum(columns)
            errors = [error / 100 for error in (first, *columns)]
            record(folder, made, errors, macs=(10, 25, 50, 75, 100))
    return folder


@pytest.mark.parametrize(
    "name", ["hu2017_table2a", "hu2017_table2b", "hu2017_table5"]
)
def test_means_of_the_full_table_are_those_of_the_paper(
    workdir, tmp_path, name
):
    made = papers.find(name)
    collect(made, workdir, tmp_path)
    lines = {line["method"]: line for line in rows_of(tmp_path / f"{name}.csv")}
    compared = 0
    for method, columns in made.published.items():
        for column, number in columns.items():
            # Half a unit of the last digit that the paper prints.
            found = float(lines[method][f"{column} mean"])
            assert found == pytest.approx(number, abs=0.0051), (method, column)
            compared += 1
    assert compared >= 8


def test_the_networks_of_opt_are_one_line(workdir, tmp_path):
    made = papers.find("hu2017_table6")
    report = _REPORTS[made.report](
        made, finding.runs_in_folders(made, workdir)[0]
    )
    lines = [
        line
        for line in report.tables[""].lines
        if line.labels["method"] == "opt"
    ]
    assert len(lines) == 39
    for line in lines:
        for column in ("1/4", "1/2", "3/4", "1"):
            cell = line.cells[column]
            assert cell.mean == pytest.approx(cell.paper)


def test_every_experiment_can_be_reported_before_it_is_trained(tmp_path):
    for made in papers.experiments().values():
        rows, _ = finding.runs_in_folders(made, tmp_path)
        report = _REPORTS[made.report](made, rows)
        # Deadlines are reported for each network that was measured.
        assert report.tables[""].lines or made.report == "deadlines", made.name
        assert all(table.to_markdown() for table in report.tables.values())
