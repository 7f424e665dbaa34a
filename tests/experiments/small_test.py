"""The small experiments: their networks, splits, flag files and labels."""

import csv
import json
import re

import pytest

from keras_anytime.experiments import command_line
from keras_anytime.experiments import papers
from keras_anytime.experiments.papers import smoke
from keras_anytime.experiments.papers import text
from keras_anytime.experiments.train import build_network
from keras_anytime.experiments.train_settings import TrainSettings
from tests.testing import sampled

SMALL = [e for e in papers.experiments().values() if not e.of_paper]
ROWS = {row.name: papers.find_row(row.name) for e in SMALL for row in e.rows}
CIFAR10 = "airplane automobile bird cat deer dog frog horse ship truck".split()


def settings_of(name, folder):
    """The settings that the row's flag file gives."""
    path = folder / "row.flags"
    path.write_text(text.flag_file(*ROWS[name]))
    return command_line.parse(
        TrainSettings, [f"--flagfile={path}", "--workdir=x"]
    )


def networks():
    """Returns the first row of each network, an oracle's left out."""
    found = {}
    for name, (_, row) in ROWS.items():
        if not {"oracle_stage", "oracle_share"} & set(row.settings):
            network = {
                key: row.settings.get(key)
                for key in ("net", "nesting", "units", "filters")
            }
            network["arguments"] = row.settings.get("net_arguments")
            found.setdefault(json.dumps(network), name)
    return list(found.values())


def part(split):
    """The numbers of the first image of a split and of that after the last."""
    first, last = re.fullmatch(r"train\[(\d*):(\d*)\]", split).groups()
    return int(first or 0), int(last or 50_000)


def test_every_flag_file_gives_its_row(tmp_path):
    assert len(ROWS) > 40
    for name, (_, row) in ROWS.items():
        settings = settings_of(name, tmp_path)
        for key, value in row.settings.items():
            assert getattr(settings, key) == value, (name, key)


@pytest.mark.parametrize(
    "name",
    sampled(
        networks(),
        ["small_width_sgd_0.1", "small_inclusive_sparse_joint"],
    ),
)
def test_every_network_is_built_at_16_pixels(name, tmp_path):
    settings = settings_of(name, tmp_path)
    assert settings.image_size == 16
    network = build_network(
        settings,
        {
            "input_shape": (16, 16, 3),
            "classes": 10,
            **settings.network_arguments(),
        },
    )
    assert network.num_stages >= 3
    assert network.count_params() < 10**6


def test_no_image_is_trained_on_and_measured_on():
    measured = set()
    for experiment in SMALL:
        for row in experiment.rows:
            trained = part(row.settings["train_split"])
            held_out = part(row.settings["eval_split"])
            assert trained[1] <= held_out[0]
            if experiment.name.startswith("small_rates"):
                # Rates are not tuned on the images that results are of.
                assert held_out[1] <= 45_000
            else:
                measured.add(held_out)
    assert measured == {(45_000, 50_000)}


def test_the_networks_of_a_smoke_are_small(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "none"))
    for name, (_, row) in ROWS.items():
        tried = smoke.smoke_settings(row.settings, tmp_path / "smoke")
        assert tried["image_size"] == 16
        # Flags would be stronger than arguments.
        arguments = json.loads(tried["net_arguments"])
        assert arguments["filters"] and not {"units", "filters"} & set(tried)
        assert max(arguments["filters"]) <= 16, name


def test_kinds_are_of_the_classes_of_cifar10(repository):
    table = repository / "recipes" / "flags" / "small" / "cifar10_kinds.csv"
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["class"] for row in rows] == CIFAR10
    animals = {row["class"] for row in rows if row["kind"] == "animal"}
    assert animals == {"bird", "cat", "deer", "dog", "frog", "horse"}
    assert {row["kind"] for row in rows} == {"animal", "vehicle"}
    users = [
        row.settings["labels"]
        for _, row in ROWS.values()
        if "labels" in row.settings
    ]
    assert users and {repository / path for path in users} == {table}
