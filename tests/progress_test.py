"""Lines that say what takes seconds, and how long it took."""

import io
import re
import sys

import pytest

import keras_anytime as ka
from keras_anytime import progress as progress_lib
from keras_anytime.progress import progress
from tests.testing import digits
from tests.testing import hierarchical_digits
from tests.testing import hierarchical_net
from tests.testing import sampled
from tests.testing import tiny_net

TIME = r"\d+(\.\d)? s"


class Terminal(io.StringIO):
    """A text file that is a terminal."""

    def isatty(self):
        return True


def test_a_terminal_shows_the_text_before_the_time(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    with progress("Counting to 3"):
        assert sys.stderr.getvalue() == "Counting to 3 ..."
    shown = sys.stderr.getvalue()
    assert re.fullmatch(
        rf"Counting to 3 \.\.\.\rCounting to 3 \.\.\. {TIME}\n", shown
    )


def test_a_file_gets_the_whole_line_at_the_end(capsys):
    with progress("Counting to 3"):
        assert not capsys.readouterr().err
    captured = capsys.readouterr()
    assert re.fullmatch(rf"Counting to 3 \.\.\. {TIME}\n", captured.err)
    assert not captured.out


@pytest.mark.parametrize("missing", ["stdout", "stderr"])
def test_programs_without_a_terminal_go_on(monkeypatch, missing):
    monkeypatch.setattr(sys, missing, None)
    with progress("Counting to 3"):
        pass
    progress_lib.say("counted")


def test_a_line_fits_into_its_terminal(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setenv("COLUMNS", "40")
    with progress("Exporting to " + 100 * "x"):
        pass
    lines = re.split(r"[\r\n]", sys.stderr.getvalue())
    assert len(lines) == 3
    assert all(len(line) < 40 for line in lines)


def test_the_line_comes_after_what_was_printed_before(monkeypatch):
    both = io.BytesIO()
    stdout = io.TextIOWrapper(io.BufferedWriter(both), write_through=False)
    stderr = io.TextIOWrapper(both, write_through=True)
    monkeypatch.setattr(sys, "stdout", stdout)
    monkeypatch.setattr(sys, "stderr", stderr)
    print("before")
    with progress("Counting to 3"):
        print("within")
    lines = both.getvalue().decode().splitlines()
    assert lines[:2] == ["before", "within"]
    assert lines[2].startswith("Counting to 3 ...")


def test_an_error_ends_the_line(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    with pytest.raises(KeyboardInterrupt):
        with progress("Counting to 3"):
            raise KeyboardInterrupt
    assert sys.stderr.getvalue() == "Counting to 3 ...\n"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0.0 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (119.4, "119 s"),
        (119.6, "2.0 min"),
        (5400, "90.0 min"),
    ],
)
def test_times_have_two_or_three_digits(seconds, text):
    assert progress_lib.duration(seconds) == text


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (([0], [1]), "1 example"),
        ((range(5000), range(5000)), "5,000 examples"),
        ({"one batch": 1}, "1 batch"),
        (range(40), "40 batches"),
        (iter([]), "all batches"),
    ],
)
def test_the_amount_of_data_is_named_as_it_is_known(data, text):
    assert progress_lib.amount_of(data) == text


@pytest.fixture(scope="module", name="calls")
def _calls(tmp_path_factory, tiny_file):
    """Functions that take seconds with real networks, and their lines."""
    folder = tmp_path_factory.mktemp("exports")
    model, data = tiny_net(), digits(32)
    return {
        "anytime_curve": (
            lambda **verbose: ka.evaluation.anytime_curve(
                model, data, **verbose
            ),
            ["Measuring 3 stages on 32 examples"],
        ),
        "predict_stages": (
            lambda **verbose: ka.evaluation.predict_stages(
                model, data, **verbose
            ),
            ["Measuring 3 stages on 32 examples"],
        ),
        "hierarchical_curve": (
            lambda **verbose: ka.evaluation.hierarchical_curve(
                hierarchical_net(), hierarchical_digits(32), **verbose
            ),
            ["Measuring 3 stages on 32 examples"],
        ),
        "saved_model": (
            lambda **verbose: ka.export.saved_model(
                model, folder / "saved_model", stages=[1], **verbose
            ),
            ["Exporting 1 stage to saved_model"],
        ),
        "export_verified": (
            lambda **verbose: ka.export.export_verified(
                model,
                {"float16": folder / "float16.tflite"},
                data,
                stages=[1],
                **verbose,
            ),
            [
                "Exporting 1 stage to float16.tflite",
                "Verifying float16.tflite on 32 examples",
            ],
        ),
        "time_programs": (
            lambda **verbose: ka.runtime.time_programs(
                {"tiny": tiny_file}, repetitions=2, **verbose
            ),
            ["Timing 1 file in 2 rounds"],
        ),
        "time_answers": (
            lambda **verbose: _time_answers(tiny_file, data[0][:4], **verbose),
            ["Timing 1 network on 4 examples, 5 times each"],
        ),
    }


def _time_answers(file, images, **verbose):
    with ka.runtime.AnytimePredictor(file) as predictor:
        ka.runtime.time_answers({"tiny": predictor}, images, **verbose)


@pytest.mark.parametrize(
    "name",
    sampled(
        [
            "anytime_curve",
            "predict_stages",
            "hierarchical_curve",
            "saved_model",
            "export_verified",
            "time_programs",
            "time_answers",
        ],
        lambda name: name != "export_verified",
    ),
)
def test_what_takes_seconds_says_so_on_the_standard_error(name, calls, capsys):
    call, lines = calls[name]
    call()
    captured = capsys.readouterr()
    assert not captured.out
    told = captured.err.splitlines()
    assert len(told) == len(lines)
    for shown, line in zip(told, lines, strict=True):
        assert re.fullmatch(rf"{line} \.\.\. {TIME}", shown)
    call(verbose=False)
    assert capsys.readouterr() == ("", "")
