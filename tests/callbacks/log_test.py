import csv

import pytest

from keras_anytime.callbacks import EpochLog
from keras_anytime.callbacks.epoch_file import read_epochs


def _rows(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def _log(log, epoch, **values):
    log.on_epoch_begin(epoch)
    log.on_epoch_end(epoch, values)


def test_a_line_per_epoch(tmp_path):
    log = EpochLog(tmp_path / "run" / "history.csv")
    assert log.seconds == 0
    _log(log, 0, loss=2.0, stage_1_loss=1.0)
    _log(log, 1, loss=1.5, stage_1_loss=0.5)
    rows = _rows(log.path)
    seconds = [float(row.pop("seconds")) for row in rows]
    assert log.seconds == pytest.approx(sum(seconds))
    assert rows == [
        {"epoch": "1", "loss": "2", "stage_1_loss": "1"},
        {"epoch": "2", "loss": "1.5", "stage_1_loss": "0.5"},
    ]


def test_a_resumed_training_replaces_what_it_repeats(tmp_path):
    path = tmp_path / "history.csv"
    first = EpochLog(path)
    for epoch in range(3):
        _log(first, epoch, loss=epoch)
    _log(EpochLog(path), 1, loss=9.0)
    assert [row["loss"] for row in _rows(path)] == ["0", "9"]


def test_names_of_metrics_are_no_formulas(tmp_path):
    path = tmp_path / "history.csv"
    name = '=HYPERLINK("http://x")'
    for epoch in range(2):
        _log(EpochLog(path), epoch, loss=-1.5, **{name: 1.0})
    header, *lines = path.read_text().splitlines()
    assert header == 'epoch,seconds,loss,"\'=HYPERLINK(""http://x"")"'
    assert [line.split(",")[2:] for line in lines] == [["-1.5", "1"]] * 2
    assert list(read_epochs(path)[1])[3] == name
