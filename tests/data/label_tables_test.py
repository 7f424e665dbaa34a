"""Label sets from tables, in memory and streamed."""

import json

import numpy as np
import pytest

import keras_anytime as ka
from tests.data import prepared

# Digits as strokes see them.
ROWS = [
    ("digit", "form", "round"),
    *[
        (str(k), form, "yes" if form != "lines" else "no")
        for k, form in enumerate(
            "ring lines hook hook lines hook ring lines ring ring".split()
        )
    ],
]


def write_csv(path, rows):
    path.write_text("\n".join(",".join(row) for row in rows) + "\n")
    return path


@pytest.fixture(name="table")
def _table(tmp_path):
    return write_csv(tmp_path / "digits.csv", ROWS)


def test_a_table_makes_label_sets(table):
    info = ka.data.info("digits", labels=table)
    assert info.classes == {"digit": 10, "form": 3, "round": 2}
    assert info.class_names["form"] == ("ring", "lines", "hook")
    # Dicts keep the order, the finest set first.
    assert list(info.classes) == ["digit", "form", "round"]
    _, test = ka.data.load("digits", 400, labels=str(table))
    _, plain = ka.data.load("digits", 400)
    ((x, y),), ((plain_x, plain_y),) = test, plain
    np.testing.assert_array_equal(x, plain_x)
    np.testing.assert_array_equal(y["digit"], plain_y)
    for label_set, column in (("form", 1), ("round", 2)):
        names = info.class_names[label_set]
        got = [names[label] for label in np.asarray(y[label_set])]
        want = [ROWS[1 + label][column] for label in np.asarray(plain_y)]
        assert got == want
        assert np.asarray(y[label_set]).dtype == "int64"


def test_json_and_the_order_of_rows_make_no_difference(table, tmp_path):
    header, *rows = ROWS
    objects = [dict(zip(header, row, strict=True)) for row in rows[::-1]]
    other = tmp_path / "digits.json"
    other.write_text(json.dumps(objects))
    assert ka.data.info("digits", labels=other) == ka.data.info(
        "digits", labels=table
    )


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (ROWS[:-1], "no row for 1 of 10 classes: '9'"),
        ([*ROWS, ROWS[3]], "'2' is in several rows"),
        ([*ROWS, ("ten", "ring", "yes")], "no class 'ten'"),
        ([*ROWS[:-1], ("9", "", "yes")], "row 10 is"),
        ([*ROWS[:-1], ("9", "ring")], "row 10 is"),
        ([("digit", "form", "form"), *ROWS[1:]], "its columns are"),
        ([], "finest first"),
    ],
)
def test_wrong_tables_are_refused(tmp_path, rows, message):
    path = write_csv(tmp_path / "wrong.csv", rows)
    for read in (ka.data.info, ka.data.load):
        with pytest.raises(ValueError, match=message) as refused:
            read("digits", labels=path)
        assert "\n" not in str(refused.value)
        assert "wrong.csv" in str(refused.value)


@pytest.mark.parametrize(
    "text",
    ["{}", "[1]", '[{"a": []}]', '[{"a": "x"}, {"b": "x"}]', "[", "\xff", ""],
)
def test_wrong_json_is_refused(tmp_path, text):
    path = tmp_path / "wrong.json"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(ValueError, match="A table of labels has a column"):
        ka.data.info("digits", labels=path)


def test_a_missing_table_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no table of labels"):
        ka.data.info("digits", labels=tmp_path / "none.csv")


@pytest.mark.parametrize("first", ["name", "number"])
@pytest.mark.parametrize("image_size", [None, 8, 4])
def test_a_table_of_a_prepared_set_in_memory_and_streamed(
    tmp_path, first, image_size
):
    labels = [2, 0, 3, 1, 0]
    records = [prepared.record(prepared.photo(label)) for label in labels]
    prepared.folder_of(tmp_path, records)
    names = ["ant", "bee", "cat", "dog"]
    kinds = ["insect", "insect", "mammal", "mammal"]
    keys = names if first == "name" else list("0123")
    table = write_csv(
        tmp_path / "kinds.csv",
        [("species", "kind"), *zip(keys, kinds, strict=True)],
    )
    arguments = {
        "data_dir": tmp_path,
        "labels": table,
        "image_size": image_size,
    }
    info = ka.data.info(prepared.NAME, **arguments)
    assert info.class_names == {
        "species": tuple(names),
        "kind": ("insect", "mammal"),
    }
    _, data = ka.data.load(prepared.NAME, 5, ("train", "train"), **arguments)
    ((_, y),) = data
    assert np.asarray(y["species"]).tolist() == labels
    assert np.asarray(y["kind"]).tolist() == [1, 0, 1, 0, 0]


def test_cub_has_four_levels(tmp_path):
    # The sizes of Lee 2018; the paper does not publish its table.
    counts = {"species": 200, "genus": 183, "family": 149, "order": 80}
    rows = [tuple(counts)]
    for k in range(200):
        rows.append(
            tuple(
                f"{label_set} {min(k, count - 1)}"
                for label_set, count in counts.items()
            )
        )
    table = write_csv(tmp_path / "cub.csv", rows)
    for k in range(200):
        folder = tmp_path / "cub" / f"species {k}"
        folder.mkdir(parents=True)
        (folder / "1.png").write_bytes(prepared.encoded(prepared.pixels()))
    info = ka.data.info(
        f"folder:{tmp_path / 'cub'}", labels=table, image_size=8
    )
    assert info.classes == counts
    _, data = ka.data.load(
        f"folder:{tmp_path / 'cub'}",
        200,
        ("train", "train"),
        labels=table,
        image_size=8,
    )
    ((_, y),) = data
    species = [
        int(info.class_names["species"][label].split()[1])
        for label in np.asarray(y["species"])
    ]
    for label_set, count in counts.items():
        names = [
            info.class_names[label_set][label]
            for label in np.asarray(y[label_set])
        ]
        assert names == [f"{label_set} {min(k, count - 1)}" for k in species]
