"""The papers' experiments: every row parses, and is what the paper says."""

import csv
import json
import pathlib

import pytest

from keras_anytime.experiments import command_line
from keras_anytime.experiments import papers
from keras_anytime.experiments.papers import protocol
from keras_anytime.experiments.papers import text
from keras_anytime.experiments.papers.experiment import REPORTS
from keras_anytime.experiments.train_settings import TrainSettings
from keras_anytime.nets import catalogue

EXPERIMENTS = papers.experiments()
PUBLISHED = pathlib.Path(papers.__file__).parent / "published"


def rows():
    """Returns all rows by name, and fails if two of a name differ."""
    found = {}
    for experiment in EXPERIMENTS.values():
        for row in experiment.rows:
            first = found.setdefault(row.name, row)
            assert first.settings == row.settings, row.name
    return found


def test_rows_of_one_name_are_one_training():
    for experiment in EXPERIMENTS.values():
        names = [row.name for row in experiment.rows]
        assert len(set(names)) == len(names), experiment.name
    assert len(rows()) > 500


def test_every_row_parses_and_has_a_network():
    for name, row in rows().items():
        flags = [*protocol.flag_lines(row.settings), "--workdir=x"]
        settings = command_line.parse(TrainSettings, flags)
        for key, value in row.settings.items():
            assert getattr(settings, key) == value, (name, key)
        assert catalogue.canonical_name(settings.net) == settings.net
        settings.network_arguments()
        settings.check_data()
        settings.check_strategy()


def test_every_experiment_has_a_report():
    for name, experiment in EXPERIMENTS.items():
        assert experiment.report in REPORTS
        assert experiment.rows and experiment.title and experiment.notes
        assert experiment.paper in name
        assert text.source(experiment)[-1].isalnum()
        assert not experiment.of_paper or "table" in name or "figure" in name


@pytest.mark.parametrize(
    ("experiment", "counts"),
    [
        # Networks, data sets and methods beside OPT, as the papers count them.
        ("hu2017_table6", (13, 3, 6)),
        ("hu2017_table2a", (13, 3, 3)),
        ("hu2019_table1", (12, 3, 3)),
        ("hu2019_table3", (3, 2, 12)),
        ("wan2020_table1", (4, None, 5)),
    ],
)
def test_the_numbers_of_rows_are_the_papers(experiment, counts):
    found = [
        row.labels
        for row in papers.find(experiment).rows
        if row.labels["method"] != "opt"
    ]
    nets, data, methods = (
        {labels.get(name) for labels in found}
        for name in ("net", "data", "method")
    )
    assert (len(nets), len(methods)) == (counts[0], counts[2])
    assert counts[1] in (None, len(data))
    assert len(found) == len(nets) * len(data) * len(methods)


def test_seventeen_experiments_of_table_6_are_missing_as_in_the_paper():
    # Table 5 counts the experiments of each sampler: its percentages are
    # multiples of 1/38, 1/36, 1/34 and 1/39.
    with (PUBLISHED / "hu2017_table6.csv").open() as file:
        found = {
            (line["method"], line["net"], line["data"])
            for line in csv.DictReader(file)
        }
    counts = {
        method: sum(key[0] == method for key in found)
        for method in ("exp3", "milestone", "rwm", "avgl", "aann", "ann")
    }
    assert counts == {
        "exp3": 38,
        "milestone": 36,
        "rwm": 34,
        "avgl": 38,
        "aann": 39,
        "ann": 39,
    }


def test_flag_files_are_those_of_the_rows(repository):
    folder = repository / "recipes" / "flags"
    files = sorted(folder.rglob("*.flags"))
    assert {path.parent.name for path in files} == {
        experiment.paper for experiment in EXPERIMENTS.values()
    }
    for path in files:
        row = f"{path.parent.name}_{path.stem}"
        assert path.read_text() == text.flag_file(*papers.find_row(row))
    tables = [*(EXPERIMENTS[f"wan2020_table{n}"].rows for n in (1, 2, 3))]
    for row in (row for table in tables for row in table):
        name = row.name.removeprefix("wan2020_")
        assert (folder / "wan2020" / f"{name}.flags").exists()


def test_the_page_lists_every_experiment(repository):
    page = (repository / "docs" / "experiments.md").read_text()
    for experiment in EXPERIMENTS.values():
        line = (
            f"| `{experiment.name}` | {experiment.title} | "
            f"{len(experiment.rows)} x {experiment.seeds} |"
        )
        assert line in page
    assert page.count("\n| `") == len(EXPERIMENTS)


def test_another_scale_is_that_of_normalized_gradients_only():
    for row in papers.find("wan2020_table1").rows:
        changed = protocol.with_scale(row.settings, 0.03)
        if row.labels["method"] in ("normsgd", "osgdnorm"):
            assert json.loads(changed["gradients_arguments"])["scale"] == 0.03
        else:
            assert changed == row.settings
        assert protocol.with_scale(row.settings, None) == row.settings


def test_a_wrong_name_is_told_with_those_that_are_close():
    with pytest.raises(ValueError, match="Did you mean 'wan2020_table1'"):
        papers.find("wan_2020_table1")
    with pytest.raises(ValueError, match="wan2020_width_resnet42_osgd"):
        papers.find_row("wan2020_width_resnet42_ogsd")
