"""Prepared folders of TensorFlow Datasets, written by hand, good or not."""

import io
import json
import pathlib
import struct
import zlib

import numpy as np
import PIL.Image

from keras_anytime.data.crc32c import masked_crc32c

NAME = "photos"
FILE = f"{NAME}-train.tfrecord-00000-of-00001"


def pixels(height=8, width=8, seed=0):
    """An image of noise."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (height, width, 3)).astype("uint8")


def encoded(image, form="PNG"):
    """An image file."""
    file = io.BytesIO()
    PIL.Image.fromarray(image).save(file, form)
    return file.getvalue()


def png_that_says(width, height):
    """A PNG file of 8x8 pixels with another size in its header."""
    small = encoded(pixels())
    header = b"IHDR" + struct.pack(">II", width, height) + small[24:29]
    checksum = struct.pack(">I", zlib.crc32(header))
    return small[:12] + header + checksum + small[33:]


def varint(number):
    """An integer as protocol buffers have it."""
    parts = []
    while number > 127:
        parts.append(number & 127 | 128)
        number >>= 7
    return bytes([*parts, number])


def field(number, data):
    """A field of bytes."""
    return varint(number << 3 | 2) + varint(len(data)) + data


def example(**features):
    """A `tf.train.Example` of byte strings, integers, or raw features.

    Args:
        **features: Bytes, an integer, or a tuple of one `bytes` that is the
            whole feature.
    """
    entries = b""
    for name, value in features.items():
        if isinstance(value, bytes):
            feature = field(1, field(1, value))
        elif isinstance(value, int):
            feature = field(3, field(1, varint(value % 2**64)))
        else:
            (feature,) = value
        entries += field(1, field(1, name.encode()) + field(2, feature))
    return field(1, entries)


def photo(label, image=None):
    """An example of a prepared folder."""
    image = encoded(pixels(seed=label % 4)) if image is None else image
    return example(image=image, label=label)


def record(data, length=None):
    """A record of a TFRecord file, which may lie about its length."""
    length = struct.pack("<Q", len(data) if length is None else length)
    checksums = (
        struct.pack("<I", masked_crc32c(part)) for part in (length, data)
    )
    return length + next(checksums) + data + next(checksums)


def folder_of(root, records, shape=(8, 8, 3), **changes):
    """Writes a prepared folder with the one split "train" in one file.

    Args:
        root: A `pathlib.Path`, the folder of data sets.
        records: List of bytes, whole records.
        shape: What the folder says of its images.
        **changes: Of what it says of its split.

    Returns:
        Path of the folder.
    """
    folder = pathlib.Path(root, NAME, "1.0.0")
    folder.mkdir(parents=True)
    image = {"dtype": "uint8", "shape": {"dimensions": list(map(str, shape))}}
    kinds = "tensorflow_datasets.core.features"
    features = {
        "image": {
            "pythonClassName": f"{kinds}.image_feature.Image",
            "image": image,
        },
        "label": {
            "pythonClassName": f"{kinds}.class_label_feature.ClassLabel",
            "classLabel": {"numClasses": "4"},
        },
    }
    split = {
        "name": "train",
        "numBytes": "1",
        "shardLengths": [str(len(records))],
        "filepathTemplate": "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}",
        **changes,
    }
    about = {
        "name": NAME,
        "version": "1.0.0",
        "fileFormat": "tfrecord",
        "splits": [split],
    }
    described = {
        "pythonClassName": f"{kinds}.features_dict.FeaturesDict",
        "featuresDict": {"features": features},
    }
    (folder / "features.json").write_text(json.dumps(described))
    (folder / "dataset_info.json").write_text(json.dumps(about))
    (folder / "label.labels.txt").write_text("ant\nbee\ncat\ndog\n")
    (folder / FILE).write_bytes(b"".join(records))
    return folder
