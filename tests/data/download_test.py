"""Fetching a data set, with all that TensorFlow Datasets imports to do it."""

import pathlib
import tarfile

import numpy as np
import pytest
import tensorflow_datasets as tfds

import keras_anytime as ka
from tests.testing import run_script

RNG = np.random.default_rng(0)
PIXELS = {
    f"{split}_{n}": RNG.integers(0, 256, (8, 8, 3)).astype("uint8")
    for split, count in (("train", 6), ("test", 4))
    for n in range(count)
}


class FetchedPhotos(tfds.core.GeneratorBasedBuilder):
    """A data set whose archive is a file, which TFDS fetches like an address.

    Else it goes the way that CIFAR-10 goes.
    """

    VERSION = tfds.core.Version("1.0.0")
    archive = ""

    def _info(self):
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(8, 8, 3)),
                    "label": tfds.features.ClassLabel(names=["even", "odd"]),
                }
            ),
        )

    def _split_generators(self, dl_manager):
        folder = dl_manager.download_and_extract(str(self.archive))
        return {
            split: self._examples(folder, split) for split in ("train", "test")
        }

    def _generate_examples(self):
        raise NotImplementedError("Each split has its own generator.")

    def _examples(self, folder, split):
        for path in sorted(pathlib.Path(folder).glob(f"{split}_*.npy")):
            number = int(path.stem.partition("_")[2])
            yield path.stem, {"image": np.load(path), "label": number % 2}


@pytest.fixture(name="archive")
def _archive(tmp_path, monkeypatch):
    archive = tmp_path / "photos.tar.gz"
    with tarfile.open(archive, "w:gz") as file:
        for name, pixels in PIXELS.items():
            np.save(tmp_path / f"{name}.npy", pixels)
            file.add(tmp_path / f"{name}.npy", f"{name}.npy")
    monkeypatch.setattr(FetchedPhotos, "archive", archive)
    return archive


def test_a_data_set_is_fetched_prepared_and_read(archive, tmp_path):
    data_dir = str(tmp_path / "tfds")
    with pytest.raises(FileNotFoundError, match="download=True"):
        ka.data.load("fetched_photos", data_dir=data_dir)
    _, test = ka.data.load(
        "fetched_photos", batch_size=4, data_dir=data_dir, download=True
    )
    about = ka.data.info("fetched_photos", data_dir)
    assert about.class_names == ("even", "odd")
    ((images, labels),) = test
    pixels = np.round((images * about.std + about.mean) * 255)
    found = sorted(
        zip(labels.numpy(), pixels.astype("uint8").tolist(), strict=True)
    )
    assert found == sorted(
        (n % 2, PIXELS[f"test_{n}"].tolist()) for n in range(4)
    )
    # Once fetched it is there, also for what asks again.
    archive.unlink()
    for download in (True, False):
        ka.data.load("fetched_photos", data_dir=data_dir, download=download)


def test_what_cannot_be_fetched_is_said_in_one_error(archive, tmp_path):
    archive.unlink()
    with pytest.raises(
        OSError, match="'fetched_photos' could not be downloaded"
    ):
        ka.data.load("fetched_photos", data_dir=tmp_path, download=True)


def test_cifar10_gets_as_far_as_the_network(tmp_path):
    # Its addresses and checksums are looked up where it is defined, which takes
    # packages that TFDS does not require of this Python.
    builder = tfds.builder("cifar10", data_dir=tmp_path)
    assert any("cifar-10" in address for address in builder.url_infos)


@pytest.mark.slow
def test_scripts_fetch_their_data(archive, tmp_path, repository):
    data_dir = tmp_path / "tfds"
    done = run_script(
        repository,
        "recipes/train.py",
        "--data=fetched_photos",
        f"--data_dir={data_dir}",
        f"--workdir={tmp_path / 'run'}",
        "--train_split=train",
        "--eval_split=test[:99]",
        "--download",
    )
    # Not before it is there is known what it has.
    assert "asks for 99 of the 4 images in 'test'" in done.stderr
    assert (data_dir / "fetched_photos" / "1.0.0").is_dir()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("cifar", "Did you mean 'cifar10'"),
        ("cifar10_corrupted/brightnes_1", "cifar10_corrupted/brightness_1"),
        ("cifar10/plain", "Did you mean 'cifar10'"),
        ("cifar10:9.9.9", "Did you mean 'cifar10'"),
        ("my/photos", "the path of an .npz file"),
        ("mine:cifar10", "Received: name='mine:cifar10'"),
    ],
)
def test_names_that_tfds_has_not_are_refused_in_one_line(
    tmp_path, name, message
):
    with pytest.raises(ValueError, match=message) as error:
        ka.data.load(name, data_dir=str(tmp_path))
    assert "\n" not in str(error.value)


def test_all_ways_in_which_tfds_writes_splits_are_taken(cifar10_dir):
    wanted = ("train[10:20]", "test[:3]+train[-2:]", "train[:1%]", "test[5:6]")
    _, *found = ka.data.load(
        "cifar10", 500, ("train[:1]", *wanted), data_dir=cifar10_dir
    )
    assert [len(next(iter(batches))[1]) for batches in found] == [10, 5, 500, 1]
