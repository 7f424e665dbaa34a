"""Fixtures that all tests share."""

import gc
import os
import pathlib

import hypothesis
import pytest

import keras_anytime as ka
from keras_anytime import files
from tests.source import ROOT
from tests.source import imports

# Keras is imported where it is used: the process that hands out tests to others
# can do without, and these begin seconds earlier.

# How long an example takes is no property of the code: other processes run too.
hypothesis.settings.register_profile("keras_anytime", deadline=None)
hypothesis.settings.register_profile("quick", deadline=None, max_examples=25)


def pytest_configure(config):
    """Tries fewer examples of a property where slow tests are left out."""
    quick = config.option.markexpr == "not slow"
    hypothesis.settings.load_profile("quick" if quick else "keras_anytime")


# What there is on the TensorFlow backend only.
_WITH_TENSORFLOW = (
    "tensorflow",
    "tensorflow_datasets",
    "tf_keras",
    "ai_edge_litert",
)
_left_out = []


def _needs_tensorflow(path):
    """Whether a file of tests, or what it imports of them, needs TensorFlow."""
    for statement in imports(path):
        top, *parts = statement.name.split(".")
        # A test that imports it within a function can do without.
        if top in _WITH_TENSORFLOW and statement.at_load:
            return True
        if top == "tests":
            for name in (parts, parts[:-1]):
                other = ROOT.joinpath("tests", *name).with_suffix(".py")
                if other.is_file() and _needs_tensorflow(other):
                    return True
    return False


def pytest_ignore_collect(collection_path):
    """On other backends, leaves out the files that import TensorFlow."""
    import keras

    if keras.backend.backend() == "tensorflow":
        return None
    if collection_path.suffix == ".py" and _needs_tensorflow(collection_path):
        _left_out.append(collection_path.name)
        return True
    return None


def pytest_collection_finish():
    """Keeps the million objects of the imports out of garbage collections.

    Each export asks for a collection, which would go through them.
    """
    gc.collect()
    gc.freeze()


def pytest_report_collectionfinish():
    """Says on which backend tests run, and what is left out."""
    import keras

    lines = [f"Keras backend: {keras.backend.backend()}"]
    if _left_out:
        names = ", ".join(sorted(_left_out))
        lines.append(f"left out, since they import TensorFlow: {names}")
    return lines


@pytest.fixture(autouse=True, scope="session")
def _no_autotuner():
    """Turns the autotuner of tf.data off, also in `fit` of arrays.

    At the end of an epoch its thread may sleep, and the epoch waits for it: a
    fifth of the time of tests that train.
    """
    import keras

    if keras.backend.backend() != "tensorflow":
        yield
        return
    import tensorflow as tf

    whole = tf.data.Dataset.__iter__

    def iterate(dataset):
        options = tf.data.Options()
        options.autotune.enabled = False
        return whole(dataset.with_options(options))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tf.data.Dataset, "__iter__", iterate)
        yield


@pytest.fixture(autouse=True)
def _seeded():
    import keras

    keras.utils.set_random_seed(0)


@pytest.fixture(scope="session")
def made_once(tmp_path_factory):
    """Makes a file or folder that several tests read, once in a run.

    `made_once(name, make)` returns the path of that name, after `make(path)` if
    no test has asked for it before. The processes of a run share what they
    make; tests that change it copy it first.
    """
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    folder = folder / "made_once"
    folder.mkdir(exist_ok=True)

    def made_once(name, make):
        path, done = folder / name, folder / f"{name}.done"
        maker = f"{make.__module__}.{make.__qualname__}"
        with files.lock_file(folder / f"{name}.lock", wait=True):
            if not done.exists():
                make(path)
                done.write_text(maker)
        assert done.read_text() == maker, f"{name} is of {done.read_text()}"
        return path

    return made_once


@pytest.fixture(scope="session")
def tiny_file(made_once):
    """A `.tflite` of `scramble(tiny_net())`, with thresholds."""
    return _tiny_export(made_once, "tflite")


@pytest.fixture(scope="session")
def tiny_folder(made_once):
    """A SavedModel of `scramble(tiny_net())`, with thresholds."""
    return _tiny_export(made_once, "saved_model")


def _tiny_export(made_once, form):
    from tests.testing import scramble
    from tests.testing import tiny_net

    return made_once(
        f"tiny.{form}",
        lambda path: getattr(ka.export, form)(
            scramble(tiny_net()), path, thresholds=(0.99, 0.0)
        ),
    )


@pytest.fixture(scope="session")
def hierarchical_file(made_once):
    """A `.tflite` of `scramble(hierarchical_net())`."""
    from tests.testing import hierarchical_net
    from tests.testing import scramble

    return made_once(
        "label_sets.tflite",
        lambda path: ka.export.tflite(scramble(hierarchical_net()), path),
    )


@pytest.fixture(scope="session")
def steps_file(made_once):
    """A `.tflite` of `scramble(tiny_net("w1-w2"))`, without subnetworks."""
    from tests.testing import scramble
    from tests.testing import tiny_net

    return made_once(
        "steps.tflite",
        lambda path: ka.export.tflite(
            scramble(tiny_net("w1-w2")), path, subnets=False
        ),
    )


@pytest.fixture(scope="session")
def quickstart(made_once, repository):
    """`quickstart(epochs)`: the folder that quickstart.py wrote, and its words.

    It trains once in a run for each number of epochs.
    """
    from tests.testing import run_script

    def quickstart(epochs):
        def make(path):
            result = run_script(
                repository,
                "recipes/quickstart.py",
                f"--output={path / 'out'}",
                f"--epochs={epochs}",
            )
            assert result.returncode == 0, result.stderr
            (path / "stdout.txt").write_text(result.stdout)

        path = made_once(f"quickstart_{epochs}", make)
        return path / "out", (path / "stdout.txt").read_text()

    return quickstart


@pytest.fixture(scope="session")
def repository():
    """The root of the checkout."""
    return pathlib.Path(__file__).parent.parent


@pytest.fixture(scope="session")
def cifar10_dir():
    """The folder of prepared TFDS data; skips where CIFAR-10 is not there."""
    return _folder_with("cifar10")


@pytest.fixture(scope="session")
def cifar10_tiny_dir():
    """A folder of TFDS data with 2,000 images of CIFAR-10; may skip."""
    folder = pathlib.Path(_folder_with("cifar10")).with_name("tfds_tiny")
    if not (folder / "cifar10").is_dir():
        pytest.skip("needs a small CIFAR-10 in tfds_tiny beside TFDS_DATA_DIR")
    return str(folder)


@pytest.fixture(scope="session")
def cifar100_dir():
    """The folder of prepared TFDS data; skips where CIFAR-100 is not there."""
    return _folder_with("cifar100")


@pytest.fixture(scope="session")
def hymenoptera_dir():
    """The folder of prepared TFDS data; skips where the photographs are not."""
    return _folder_with("hymenoptera_subset")


@pytest.fixture(scope="session")
def hymenoptera(hymenoptera_dir):
    """Two photographs as floats in [0, 1], `(2, 224, 224, 3)`; may skip."""
    import tensorflow as tf
    import tensorflow_datasets as tfds

    builder = tfds.builder("hymenoptera_subset", data_dir=hymenoptera_dir)
    images = builder.as_dataset(split="validation").take(2)
    return tf.stack(
        [tf.image.resize(image["image"], (224, 224)) / 255 for image in images]
    )


def _folder_with(name):
    folder = os.environ.get("TFDS_DATA_DIR")
    if not folder or not (pathlib.Path(folder) / name).is_dir():
        pytest.skip(f"needs {name}: set TFDS_DATA_DIR to prepared TFDS data")
    return folder
