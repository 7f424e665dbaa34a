"""Checks the guides, and runs their code.

`make guides` executes them. The fast tests check what it has written; the slow
one runs the code without Jupyter.
"""

import json
import re
import warnings

import matplotlib
import pytest

import keras_anytime as ka
from tests.docs import shelf
from tests.language_test import BRITISH
from tests.source import ROOT
from tests.source import fail_on

GUIDES = sorted((ROOT / "docs" / "guides").glob("*.ipynb"))
MAX_BYTES = 400_000
MAX_WORDS = 1_200
# What depends on the machine, or says that something went wrong.
NOISE = {
    "an absolute path": r"(?:^|[\s'\"(=])(?:/[\w.+-]+){2,}",
    "a memory address": r"\b0x[0-9a-f]{6,}",
    "a warning": r"(?i)\bwarning\b",
    "a line of a log": r"(?m)^(?:[WIEF]\d{4} |INFO: |ERROR: |Traceback )",
}


@pytest.fixture(params=GUIDES, ids=lambda path: path.stem, name="guide")
def _guide(request):
    return request.param


def _cells(guide, kind):
    """Returns the cells of a kind, each with its source as one string."""
    cells = json.loads(guide.read_text())["cells"]
    return [
        {**cell, "source": "".join(cell["source"])}
        for cell in cells
        if cell["cell_type"] == kind
    ]


def _outputs(guide):
    return [
        output for cell in _cells(guide, "code") for output in cell["outputs"]
    ]


def _texts(output):
    """Yields the texts of an output, as a reader sees them."""
    yield "".join(output.get("text", ""))
    yield "".join(output.get("data", {}).get("text/plain", ""))


def test_there_are_four():
    assert [guide.stem for guide in GUIDES] == [
        "deadline_on_a_device",
        "first_network",
        "orthogonalized_sgd",
        "own_combiner_and_weighting",
    ]


def test_it_was_executed_in_order(guide):
    counts = [cell["execution_count"] for cell in _cells(guide, "code")]
    assert counts == list(range(1, len(counts) + 1)), "run `make guides`"


def test_its_outputs_are_results_without_noise(guide):
    problems = []
    for output in _outputs(guide):
        if output["output_type"] == "error":
            problems.append(f"an error: {output['evalue']}")
        if output.get("name") == "stderr":
            problems.append(f"standard error: {''.join(output['text'])}")
        problems += [
            f"{what}: {match[0]!r}"
            for text in _texts(output)
            for what, pattern in NOISE.items()
            if (match := re.search(pattern, text))
        ]
    fail_on([f"{guide.name} shows {problem}" for problem in problems])


def test_the_device_guide_shows_the_weights_that_ship():
    # With others, run `make guides`.
    if "width_resnet10" not in ka.nets.pretrained():
        pytest.skip("no weights ship yet")
    facts = ka.nets.facts("width_resnet10", "cifar10")
    (guide,) = (path for path in GUIDES if path.stem == "deadline_on_a_device")
    shown = "".join(text for each in _outputs(guide) for text in _texts(each))
    for point in facts["evaluation"]["curve"]["points"]:
        line = f"stage {point['stage']}: error {100 * point['top1_error']:.2f}%"
        assert line in shown


def test_it_shows_pictures_and_stays_small(guide):
    pictures = [
        output
        for output in _outputs(guide)
        if "image/png" in output.get("data", {})
    ]
    assert pictures
    assert guide.stat().st_size < MAX_BYTES


def test_it_keeps_nothing_of_the_machine(guide):
    content = json.loads(guide.read_text())
    assert content["metadata"] == {
        "kernelspec": {
            "display_name": "Python 3",
            "language": "python",
            "name": "python3",
        },
        "language_info": {"name": "python"},
    }
    assert not any(cell["metadata"] for cell in content["cells"])


def test_its_prose_is_short_and_says_what_it_gives(guide):
    first, *_ = prose = [cell["source"] for cell in _cells(guide, "markdown")]
    assert re.match(r"# \w", first)
    for promise in ("At the end you have", "**Time:**", "**Packages:**"):
        assert promise in first
    assert len(" ".join(prose).split()) <= MAX_WORDS


def test_its_spelling_is_american(guide):
    cells = _cells(guide, "markdown") + _cells(guide, "code")
    text = "\n".join(cell["source"] for cell in cells)
    assert re.findall("|".join(BRITISH), text, re.IGNORECASE) == []


@pytest.mark.slow
def test_its_code_runs(guide, tmp_path, monkeypatch, request):
    matplotlib.use("Agg")
    monkeypatch.chdir(tmp_path)
    cells = _cells(guide, "code")
    if any('"cifar10"' in cell["source"] for cell in cells):
        data_dir = request.getfixturevalue("cifar10_dir")
        shelf.fill(tmp_path, monkeypatch, data_dir)
    else:
        monkeypatch.delenv("TFDS_DATA_DIR", raising=False)
    shown = []
    # Jupyter shows the pictures; here it is enough that they were written.
    namespace = {
        "__name__": guide.stem,
        "Image": lambda path, width: shown.append((tmp_path / path).stat()),
    }
    for number, cell in enumerate(cells, 1):
        code = cell["source"].replace("from IPython.display import Image", "")
        with warnings.catch_warnings():
            # `plt.show()` has no window to open.
            warnings.filterwarnings("ignore", ".*non-interactive")
            exec(
                compile(code, f"{guide.name}, cell {number}", "exec"), namespace
            )
    calls = "\n".join(cell["source"] for cell in cells).count("\nImage(")
    assert len(shown) == calls
