"""A device: NumPy and LiteRT, neither Keras nor TensorFlow."""

import importlib.metadata
import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

import keras_anytime as ka
from tests.testing import copied
from tests.testing import digits
from tests.testing import rows_of
from tests.testing import scramble
from tests.testing import tiny_net

PROGRAM = """
import json, sys
import numpy as np
from keras_anytime.runtime import AnytimePredictor

for name in ("keras", "tensorflow", "absl"):
    try:
        __import__(name)
    except ImportError:
        continue
    raise SystemExit(f"{name} is there")
predictor = AnytimePredictor(sys.argv[1])
images = np.load(sys.argv[2])
answers = [
    [result.logits.tolist() for result in predictor.stream(image)]
    for image in images
]
late = predictor.predict(images[0], deadline_ms=0.0)
predictor.close()
print(json.dumps([answers, late.stage]))
"""


def _requirements(name, seen):
    """The installed distributions that one needs, itself among them."""
    from packaging.requirements import Requirement

    if name not in seen:
        seen.add(name)
        for line in importlib.metadata.requires(name) or []:
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate(
                {"extra": ""}
            ):
                _requirements(requirement.name, seen)
    return seen


@pytest.fixture(name="device")
def _device(tmp_path, repository):
    """A folder of packages that only has what LiteRT and NumPy need."""
    folder = tmp_path / "packages"
    folder.mkdir()
    for name in _requirements("ai-edge-litert", set()) | {"numpy"}:
        for file in importlib.metadata.files(name):
            top = file.parts[0]
            source = pathlib.Path(file.locate()).parents[len(file.parts) - 1]
            if top not in ("..", "__pycache__") and not (folder / top).exists():
                # One top folder may belong to several distributions.
                (folder / top).symlink_to(
                    (source.parent if source.name == top else source) / top
                )
    (folder / "keras_anytime").symlink_to(repository / "keras_anytime")
    return folder


@pytest.fixture(name="exported")
def _exported(made_once, tmp_path):
    """A model and its file, which is fed pixels prepared on the device."""
    model = scramble(tiny_net())
    about = ka.data.info("digits")
    path = made_once(
        "anytime.tflite",
        lambda path: ka.export.tflite(
            model,
            path,
            preprocessing=about.preprocessing,
            class_names=[f"digit {name}" for name in about.class_names],
        ),
    )
    copied(path, tmp_path)
    return model, about.preprocessing


def _run(device, folder, *arguments):
    """Runs a program on the device, in a folder."""
    return subprocess.run(
        [sys.executable, "-S", *map(str, arguments)],
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(device),
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_numpy_and_litert_are_enough(device, tmp_path, exported):
    model, _ = exported
    images, _ = digits(3)
    np.save(tmp_path / "images.npy", images)
    (tmp_path / "program.py").write_text(PROGRAM)
    run = _run(device, tmp_path, "program.py", "anytime.tflite", "images.npy")
    assert run.returncode == 0, run.stderr
    answers, late_stage = json.loads(run.stdout.splitlines()[-1])
    wanted = model.predict(images, verbose=0)
    for index, stages in enumerate(answers):
        for logits, want in zip(stages, wanted, strict=True):
            np.testing.assert_allclose(
                logits, want[index], atol=1e-5 * np.abs(want).max()
            )
    assert late_stage == 0


def test_a_folder_of_images_is_classified(
    device, tmp_path, exported, repository
):
    model, about = exported
    folder = tmp_path / "photos"
    folder.mkdir()
    rng = np.random.default_rng(0)
    gray = rng.integers(0, 256, (8, 8), "uint8")
    colors = rng.integers(0, 256, (16, 24, 3), "uint8")
    np.save(folder / "a.npy", gray)
    header = b"P5 # a comment\n8 8\n255\n"
    (folder / "b.pgm").write_bytes(header + gray.tobytes())
    (folder / "c.ppm").write_bytes(b"P6\n24 16 255\n" + colors.tobytes())
    tool = repository / "tools" / "run_on_device.py"
    run = _run(device, tmp_path, tool, "anytime.tflite", "--images=photos")
    assert run.returncode == 0, run.stderr
    first, *lines, last = run.stdout.splitlines()
    assert first.endswith("deadline none")
    assert last == "stage 3: 3"
    pixels = [gray, gray, np.round(colors.mean(-1))[::2, ::3]]
    batch = (np.stack(pixels)[..., None] / 255 - about["mean"]) / about["std"]
    classes = model.predict(batch.astype("f"), verbose=0)[-1].argmax(-1)
    for line, name, wanted in zip(
        lines, ("a.npy", "b.pgm", "c.ppm"), classes, strict=True
    ):
        assert name in line and f"stage 3  digit {wanted} (" in line


def test_what_is_no_image_is_named_and_left_out(
    device, tmp_path, exported, repository
):
    tool = repository / "tools" / "run_on_device.py"
    photos = tmp_path / "photos"
    (photos / "cats").mkdir(parents=True)
    np.save(photos / "cats" / "cat.npy", np.zeros((8, 8), "uint8"))
    np.save(photos / "floats.npy", np.zeros((8, 8)))
    left_out = {
        ".DS_Store": (bytes(6), "no image: photos/.DS_Store"),
        "cut.pgm": (b"P5 8 8 255\n" + bytes(63), "cut.pgm: it cannot be read"),
        "text.pgm": (b"P3 1 1 255 0 0 0", "text.pgm: it cannot be read"),
        "empty.PPM": (b"", "empty.PPM: it cannot be read"),
        # The device has no Pillow.
        "cats/cut.jpg": (b"", "cats/cut.jpg: reading it needs Pillow"),
        "floats.npy": (None, "floats.npy: Pixels must be uint8"),
    }
    for name, (content, _) in left_out.items():
        if content is not None:
            (photos / name).write_bytes(content)
    run = _run(device, tmp_path, tool, "anytime.tflite", "--images=photos")
    assert run.returncode == 0, run.stderr
    assert "0 cats/cat.npy  stage 3" in run.stdout
    assert run.stdout.splitlines()[-1] == "stage 3: 1"
    told = run.stderr.splitlines()
    for _, message in left_out.values():
        assert sum(message in line for line in told) == 1
    (photos / "cats" / "cat.npy").unlink()
    run = _run(device, tmp_path, tool, "anytime.tflite", "--images=photos")
    assert run.returncode == 1
    assert "there is no image that can be read" in run.stderr.splitlines()[-1]
    assert "Traceback" not in run.stderr


def test_frames_of_a_camera_have_deadlines(
    device, tmp_path, exported, repository
):
    tool = repository / "tools" / "run_on_device.py"
    run = _run(
        device, tmp_path, tool, "anytime.tflite", "--fps=50", "--frames=20"
    )
    assert run.returncode == 0, run.stderr
    first, *lines, last = run.stdout.splitlines()
    assert first.endswith("deadline 20.00 ms")
    assert len(lines) == 20
    for line in lines:
        assert "noise" in line and " slack " in line
    counts, dropped = last.split("; dropped frames: ")
    assert sum(int(count.split(": ")[1]) for count in counts.split(", ")) == 20
    # Frames are numbered as they come.
    assert int(lines[-1].split()[0]) == 19 + int(dropped)
    run = _run(
        device,
        tmp_path,
        tool,
        "anytime.tflite",
        "--deadline_ms=1e-6",
        "--frames=3",
    )
    assert run.stdout.splitlines()[-1] == "no stage: 3"
    for flags, message in (
        (["none.tflite"], "no exported network"),
        (["anytime.tflite", "--fps=0"], "--fps must be above 0"),
        (["anytime.tflite", "--fps=inf"], "--fps must be above 0"),
        (["anytime.tflite", "--deadline_ms=nan"], "must be above 0"),
        (["anytime.tflite", "--confidence=2"], "Confidence thresholds"),
        (["anytime.tflite", "--images=none"], "There is no folder 'none'"),
    ):
        run = _run(device, tmp_path, tool, *flags)
        assert run.returncode != 0
        assert message in run.stderr and "Traceback" not in run.stderr


def test_files_are_benchmarked_on_the_device(
    device, tmp_path, exported, repository
):
    tool = repository / "tools" / "benchmark_tflite.py"
    run = _run(
        device,
        tmp_path,
        tool,
        "--files=nested=anytime.tflite",
        "--threads=1",
        "--repetitions=2",
        "--csv=times.csv",
    )
    assert run.returncode == 0, run.stderr
    rows = rows_of(tmp_path / "times.csv")
    kinds = ["step ", "steps 1-", "subnet ", "answer "]
    assert [row["program"] for row in rows if row["program"]] == [
        f"{kind}{k}" for kind in kinds for k in (1, 2, 3)
    ]
    costs = ka.evaluation.stage_costs(exported[0])
    for row in rows[:-1]:
        kind, k = row["program"].rsplit(" ", 1)
        index = int(k[-1]) - 1
        assert row["macs"] == str(
            {
                "step": costs[index].step_macs,
                "steps": sum(cost.step_macs for cost in costs[: index + 1]),
            }.get(kind, costs[index].macs)
        )
        assert 0 < float(row["median_ms"]) <= float(row["p99_ms"])
        lowest, ratio, highest = (
            float(row[name]) for name in ("lowest", "ratio", "highest")
        )
        assert lowest <= ratio <= highest
    assert {row["ratio"] for row in rows if row["program"] == "subnet 3"} == {
        "1.000"
    }
    size = (tmp_path / "anytime.tflite").stat().st_size
    assert rows[-1]["file_kb"] == f"{size / 1e3:.0f}"
    for flags, message in (
        (["--files=none.tflite"], "no exported network"),
        (["--files=anytime.tflite", "--plot=x.pdf"], "--plot must end in"),
        (["--files=a=x.tflite,a=y.tflite"], "two files of one name"),
        (["--files=anytime.tflite", "--repetitions=0"], "must be 1 or more"),
        ([], "--files"),
    ):
        run = _run(device, tmp_path, tool, *flags)
        assert run.returncode != 0
        assert message in run.stderr and "Traceback" not in run.stderr
