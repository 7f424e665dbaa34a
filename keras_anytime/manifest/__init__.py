"""The manifest of an exported file: the contract of export and runtime.

An export writes it beside the file; a device reads it without Keras,
TensorFlow or NumPy.
"""

from keras_anytime.manifest.manifest import Manifest
from keras_anytime.manifest.manifest import ManifestError
from keras_anytime.manifest.manifest import Signature
from keras_anytime.manifest.manifest import StageRecord
from keras_anytime.manifest.manifest import TensorSpec
from keras_anytime.manifest.paths import checksum
from keras_anytime.manifest.paths import manifest_path
from keras_anytime.manifest.reading import matching_manifest
from keras_anytime.manifest.reading import read_manifest

__all__ = [
    "Manifest",
    "ManifestError",
    "Signature",
    "StageRecord",
    "TensorSpec",
    "checksum",
    "manifest_path",
    "matching_manifest",
    "read_manifest",
]
