"""Prepared folders, read without TensorFlow as TFDS reads them."""

import json
import pathlib
import shutil

import numpy as np
import pytest

from keras_anytime.data import tfds
from keras_anytime.data import tfds_folders

LABELS = {"fine": "label", "coarse": "coarse_label"}


def test_a_folder_tells_its_classes(cifar10_dir):
    about = tfds_folders.folder_info("cifar10", cifar10_dir)
    assert about.image_shape == (32, 32, 3)
    assert about.class_names[0] == "airplane"
    assert about.classes == 10


def test_the_latest_version_is_read(cifar10_dir, tmp_path):
    (source,) = pathlib.Path(cifar10_dir, "cifar10").iterdir()
    for version, name in (("3.10.0", "jet"), ("3.9.0", "kite")):
        folder = tmp_path / "cifar10" / version
        folder.mkdir(parents=True)
        for path in (*source.glob("*.json"), *source.glob("*.txt")):
            shutil.copy(path, folder)
        labels = folder / "label.labels.txt"
        labels.write_text(labels.read_text().replace("airplane", name))
    about = tfds_folders.folder_info("cifar10", str(tmp_path))
    assert about.class_names[0] == "jet"
    about = tfds_folders.folder_info("cifar10:3.9.0", str(tmp_path))
    assert about.class_names[0] == "kite"


def test_a_split_over_two_files_is_what_tfds_reads(cifar10_dir):
    pytest.importorskip("tensorflow_datasets")
    # The first file ends at 12,500.
    splits = ("train[12480:12520]", "test[:5]+train[:7]")
    ours = tfds_folders.read_folder("cifar10", splits, cifar10_dir)
    theirs = tfds.read_tfds("cifar10", splits, cifar10_dir)
    for (images, labels), (want_images, want_labels) in zip(
        ours, theirs, strict=True
    ):
        np.testing.assert_array_equal(images, want_images)
        np.testing.assert_array_equal(labels, want_labels)
        assert labels.dtype == "int64"


def test_two_label_sets(cifar100_dir):
    ((images, labels),) = tfds_folders.read_folder(
        "cifar100", ("train[:50]",), cifar100_dir, LABELS
    )
    assert images.shape == (50, 32, 32, 3)
    assert set(labels) == {"fine", "coarse"}
    about = tfds_folders.folder_info("cifar100", cifar100_dir, LABELS)
    assert about.classes == {"fine": 100, "coarse": 20}


def test_images_of_many_sizes_are_refused(hymenoptera_dir):
    with pytest.raises(ValueError, match="one size"):
        tfds_folders.folder_info("hymenoptera_subset", hymenoptera_dir)


def test_a_missing_folder_says_how_to_get_it(tmp_path):
    with pytest.raises(FileNotFoundError, match="download=True"):
        tfds_folders.read_folder("cifar10", ("train",), str(tmp_path))


def test_other_file_formats_are_refused(tmp_path, cifar10_dir):
    (folder,) = (pathlib.Path(cifar10_dir) / "cifar10").iterdir()
    copy = tmp_path / "cifar10" / folder.name
    copy.mkdir(parents=True)
    for name in ("features.json", "label.labels.txt"):
        shutil.copy(folder / name, copy / name)
    about = json.loads((folder / "dataset_info.json").read_text())
    about["fileFormat"] = "array_record"
    (copy / "dataset_info.json").write_text(json.dumps(about))
    with pytest.raises(ValueError, match="array_record"):
        tfds_folders.read_folder("cifar10", ("train",), str(tmp_path))
