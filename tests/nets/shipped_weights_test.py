"""The weights in the package: complete, small, and as good as their cards say.

There may be none yet; tests of them are skipped then.
"""

import pytest

import keras_anytime as ka
from keras_anytime.experiments.model_card import model_card
from keras_anytime.experiments.publish_measurements import BATCH_SIZE
from keras_anytime.experiments.publish_measurements import FIRST
from keras_anytime.experiments.publish_measurements import as_arrays
from keras_anytime.experiments.publish_measurements import predict_logits
from keras_anytime.manifest.paths import checksum
from keras_anytime.nets import weight_files
from tests.source import ROOT

CARDS = ROOT / "docs" / "models"
SHIPPED = [
    (network, weights)
    for network, names in ka.nets.pretrained().items()
    for weights in names
]
each = pytest.mark.parametrize(
    ("network", "weights"), SHIPPED or [("none", "ships")]
)


@pytest.fixture(name="facts")
def _facts(network, weights):
    if not SHIPPED:
        pytest.skip("no weights ship yet")
    return ka.nets.facts(network, weights)


def _held_out(request, facts, split):
    """Returns images and labels, or skips where the data set is not."""
    name = facts["data"]["name"]
    _, batches = ka.data.load(
        name,
        splits=(split, split),
        batch_size=BATCH_SIZE,
        data_dir=request.getfixturevalue(f"{name}_dir"),
    )
    return as_arrays(batches)


def _load(facts):
    return ka.nets.get(
        facts["network"],
        tuple(facts["input_shape"]),
        facts["classes"],
        weights=facts["weights"],
    )


def test_the_package_stays_small():
    files = list(weight_files.FOLDER.glob("*.weights.h5"))
    assert sum(path.stat().st_size for path in files) <= weight_files.MAX_BYTES
    assert weight_files.MAX_BYTES <= 3e6


def test_every_file_belongs_to_weights_that_ship():
    names = {f"{network}_{weights}" for network, weights in SHIPPED}
    folder = weight_files.FOLDER
    found = {path.name for path in folder.glob("*")}
    assert found == {
        f"{name}.{suffix}"
        for name in names
        for suffix in ("json", "weights.h5")
    }
    cards = {path.stem for path in CARDS.glob("*.md")} - {"index"}
    assert cards == names


@each
def test_files_and_card_are_those_of_the_facts(facts, network, weights):
    name = f"{network}_{weights}"
    assert network in ka.nets.names()
    path = weight_files.FOLDER / f"{name}.weights.h5"
    assert checksum(path) == facts["sha256"]
    assert path.stat().st_size == facts["bytes"]
    assert (CARDS / f"{name}.md").read_text() == model_card(facts)


@each
def test_the_first_images_are_answered_as_recorded(request, facts):
    split = facts["first"]["split"]
    count = facts["first"]["examples"]
    images, labels = (part[:count] for part in _held_out(request, facts, split))
    assert len(labels) == count <= FIRST
    answers = predict_logits(_load(facts), images).argmax(axis=-1)
    assert (answers != labels).sum(axis=1).tolist() == facts["first"]["wrong"]


@pytest.mark.slow
@each
def test_all_images_give_the_errors_of_the_card(
    request, facts, network, weights
):
    card = (CARDS / f"{network}_{weights}.md").read_text()
    for measured in filter(None, (facts["evaluation"], facts["test"])):
        images, labels = _held_out(request, facts, measured["split"])
        curve = ka.evaluation.anytime_curve(_load(facts), (images, labels))
        for point, recorded in zip(
            curve.points, measured["curve"]["points"], strict=True
        ):
            assert point.top1_error == recorded["top1_error"]
            interval = (point.top1_low, point.top1_high)
            assert interval == (recorded["top1_low"], recorded["top1_high"])
            assert f" {100 * point.top1_error:.2f} (" in card
