import csv
import io

import hypothesis
import hypothesis.strategies as st
import pytest

from keras_anytime.files.csv_files import read_csv
from keras_anytime.files.csv_files import write_csv

NAMES = st.text(st.sampled_from("'=+-@ \t\n,\"1.e\uff1d")) | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\ufeff\r")
)


@hypothesis.given(
    columns=st.lists(NAMES, min_size=1, max_size=3, unique=True),
    cells=st.lists(NAMES, min_size=3, max_size=3),
)
@hypothesis.example(["name"], ['=HYPERLINK("http://x","y")', "-1.5e-3", "-inf"])
@hypothesis.example(["'=a", "=a"], ["''=1", "'=1", "=1"])
def test_no_cell_of_a_csv_file_is_a_formula_and_all_are_read_back(
    tmp_path_factory, columns, cells
):
    path = tmp_path_factory.getbasetemp() / "cells.csv"
    rows = [dict.fromkeys(columns, cell) for cell in cells]
    write_csv(path, rows)
    assert read_csv(path) == rows
    for line in csv.reader(io.StringIO(path.read_text(encoding="utf-8"))):
        for cell in line:
            if cell.lstrip().startswith(tuple("=+-@\uff1d\uff0b\uff0d\uff20")):
                float(cell)


def test_no_name_begins_a_line_of_its_own(tmp_path):
    path = tmp_path / "cells.csv"
    write_csv(path, [{"name": "a\r=1+1"}, {"name": "b\r\n=1+1"}])
    assert path.read_bytes() == b'name\n"a\n=1+1"\n"b\n=1+1"\n'


def test_a_csv_file_that_is_damaged_is_not_read_wrongly(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_bytes("\ufeffa,b\n1,2\n".encode())
    assert read_csv(path) == [{"a": "1", "b": "2"}]
    for content in (b"a,b\n1\n", b"a\n1,2\n", b"a,a\n1,2\n", b"a\n\xff\n"):
        path.write_bytes(content)
        with pytest.raises(ValueError):
            read_csv(path)
    for content in (b'a\n"1\n', b'a\n"1"2\n', b"a\n" + b"9" * 2**18):
        path.write_bytes(content)
        with pytest.raises(csv.Error):
            read_csv(path)


def test_rows_of_a_csv_file_may_lack_columns(tmp_path):
    path = tmp_path / "rows.csv"
    write_csv(path, [{"a": 1}, {"a": 2, "b": "x,y"}])
    assert path.read_text() == 'a,b\n1,\n2,"x,y"\n'
