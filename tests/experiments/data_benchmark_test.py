"""The benchmark of data sets: its table, on a few images."""

import csv

import pytest

from keras_anytime.experiments.data_benchmark import benchmark_data


def test_the_table_has_a_row_for_each_prepared_set(
    hymenoptera_dir, tmp_path, monkeypatch, capsys
):
    (tmp_path / "tfds").mkdir()
    (tmp_path / "tfds" / "hymenoptera_subset").symlink_to(
        f"{hymenoptera_dir}/hymenoptera_subset"
    )
    path = tmp_path / "data.csv"
    benchmark_data(tmp_path / "tfds", 4, 1, "train[:8]", path)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["pipeline"] for row in rows] == [
        "hymenoptera_subset, streamed at 224",
        "folder:hymenoptera_subset, streamed at 224",
    ]
    for row in rows:
        assert row["images"] == "8"
        assert (
            0
            < float(row["lowest"])
            <= float(row["images_per_second"])
            <= float(row["highest"])
        )
    printed = capsys.readouterr().out
    assert "cifar10 is left out" in printed
    assert "streamed at 224" in printed


def test_there_is_something_to_measure(tmp_path):
    with pytest.raises(ValueError, match="None of the data sets is prepared"):
        benchmark_data(tmp_path)
