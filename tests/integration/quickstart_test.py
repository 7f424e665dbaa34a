"""`make quickstart`'s script, as a user runs it."""

import csv
import re
import sys

import numpy as np
import pytest

import keras_anytime as ka
from keras_anytime.runtime.image_files import read_pixels
from tests.testing import no_room
from tests.testing import run_command
from tests.testing import run_script
from tests.testing import sampled


@pytest.fixture(scope="module", name="run", params=sampled([1, 20], [1]))
def _run(quickstart, request):
    """The folder that it has written after some epochs, and what it said."""
    return quickstart(request.param)


@pytest.mark.slow
@pytest.mark.parametrize("run", [20], indirect=True)
def test_every_stage_is_good_and_later_ones_are_better(run):
    with (run[0] / "curve.csv").open() as file:
        rows = list(csv.DictReader(file))
    errors = [float(row["top1_error"]) for row in rows]
    assert len(errors) == 3
    assert max(errors) <= 0.08
    assert errors[2] <= 0.03
    assert errors[0] > errors[2]


def test_it_names_every_file_and_folder_that_it_wrote(run):
    output, text = run
    listed = text[text.index(f"Written to {output}:") : text.index("Next:")]
    named = re.findall(r"^  (\S+?)/? +\S", listed, re.MULTILINE)
    assert sorted(named) == sorted(path.name for path in output.iterdir())
    assert {
        "model.keras",
        "curve.csv",
        "curve.png",
        "anytime.tflite",
        "anytime.tflite.json",
        "saved_model",
        "digits",
    } <= set(named)


def test_its_points_are_numbered_and_explain_what_they_show(run):
    points = re.split(r"^(?=\d\. )", run[1], flags=re.MULTILINE)[1:]
    assert [point[:3] for point in points] == [f"{n}. " for n in range(1, 6)]
    assert "validation digits" in points[0]
    assert "A stage is a part of the network" in points[1]
    assert points[1].index("A stage is") < points[1].index("epoch    time")
    assert "multiply-adds" in points[2]
    assert re.search(r"Stage 1 is wrong on \d+\.\d% of the digits", points[2])


def test_the_page_shows_what_it_prints(run, repository):
    page = (repository / "docs" / "quickstart.md").read_text()
    shown = page.partition("```text\n")[2].partition("```")[0]
    # The lines of progress go to the standard error, and who is in time
    # differs from run to run.
    shown = re.sub(r".* \.\.\. [\d.]+ s\n|.* ms  (none|stage).*\n", "", shown)
    printed = [_words(line) for line in run[1].splitlines()]
    for line in map(_words, shown.splitlines()):
        # The page cuts long lines, and numbers differ.
        assert any(line in other for other in printed), line


def _words(line):
    return " ".join(re.findall(r"[a-zA-Z]{2,}", line))


def test_the_commands_that_it_names_answer_its_digits(run, repository):
    pattern = r"^  \S+(keras-anytime-run) (.*)$"
    commands = re.findall(pattern, run[1], re.MULTILINE)
    assert len(commands) == 2
    for command, arguments in commands:
        answer = run_command(repository, command, *arguments.split())
        assert answer.returncode == 0, answer.stderr
        assert re.search(r"^ +0 0\.pgm ", answer.stdout, re.MULTILINE)


def test_the_pictures_are_digits_that_training_did_not_see(run):
    images, labels = next(iter(ka.data.load("digits")[1]))
    info = ka.data.info("digits")
    for digit in range(10):
        pixels = read_pixels(run[0] / "digits" / f"{digit}.pgm")
        prepared = (pixels / 255 - info.mean) / info.std
        same = np.abs(images.numpy() - prepared).max(axis=(1, 2, 3)) < 1e-3
        assert digit in labels.numpy()[same]


def test_it_shows_which_stage_answered_under_deadlines(run):
    lines = run[1].splitlines()
    assert "    0.000 ms  none ready: 100" in lines
    assert "        none  stage 3: 100" in lines


def test_both_exports_answer_like_the_model(run):
    output, _ = run
    model = ka.load_model(output / "model.keras")
    images = next(iter(ka.data.load("digits")[1]))[0].numpy()[:8]
    wanted = model.predict(images, verbose=0)
    for name in ("anytime.tflite", "saved_model"):
        with ka.runtime.AnytimePredictor(output / name) as predictor:
            for index, image in enumerate(images):
                for result in predictor.stream(image):
                    want = wanted[result.stage - 1][index]
                    np.testing.assert_allclose(
                        result.logits, want, atol=1e-5 * np.abs(want).max()
                    )


def test_an_output_that_cannot_be_written(repository, tmp_path):
    (tmp_path / "file").write_text("in the way")
    result = run_script(
        repository, "recipes/quickstart.py", f"--output={tmp_path / 'file'}/x"
    )
    assert result.returncode != 0
    assert "cannot write to --output" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no such limits there")
@pytest.mark.parametrize("kibibytes", [40, 600])
def test_a_full_disk_is_answered_by_one_sentence(
    repository, tmp_path, monkeypatch, kibibytes
):
    # There is room for the model, and none for an export.
    monkeypatch.setattr(ka.AnytimeModel, "fit", lambda *_, **__: None)
    (tmp_path / "model.keras").write_text("from before")
    with no_room(kibibytes):
        result = run_script(
            repository, "recipes/quickstart.py", f"--output={tmp_path}"
        )
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    assert result.stderr.splitlines()[-1].startswith("quickstart.py: ")
    assert f"What is in {tmp_path} is whole" in result.stderr
    kept = (tmp_path / "model.keras").read_bytes() == b"from before"
    assert kept == (kibibytes == 40)
    assert not [path for path in tmp_path.rglob(".*")]


def test_ctrl_c_is_answered_by_one_sentence(repository, tmp_path, monkeypatch):
    def stop(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(ka.AnytimeModel, "fit", stop)
    result = run_script(
        repository, "recipes/quickstart.py", f"--output={tmp_path}"
    )
    assert result.returncode == 130
    assert result.stderr.strip() == (
        "quickstart.py: stopped. The same command starts again."
    )
