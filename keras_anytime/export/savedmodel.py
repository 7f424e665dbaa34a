"""Exporting an anytime network as one SavedModel."""

import dataclasses

from keras_anytime.export import programs as programs_lib
from keras_anytime.export.preprocessing import check_size
from keras_anytime.export.preprocessing import described
from keras_anytime.export.preprocessing import pixel_input
from keras_anytime.files import atomic_write
from keras_anytime.files import user_path
from keras_anytime.manifest.manifest import ManifestError
from keras_anytime.manifest.paths import checksum
from keras_anytime.manifest.paths import manifest_path
from keras_anytime.manifest.reading import read_manifest
from keras_anytime.stages.checks import check_anytime_model


def saved_model(
    model,
    folder,
    *,
    curve=None,
    batch_size=None,
    class_names=None,
    preprocessing=None,
    thresholds=None,
    stages=None,
    pixels=False,
):
    """Writes a SavedModel whose signatures run the network stage by stage.

    Signature `step_k` computes what stage k adds: image and features of
    earlier steps in, `logits` and new features out. Signature `subnet_k`
    computes stage k alone: image in, `logits` out. A network that is not
    `interruptible` has these only. With label sets, the outputs are
    `logits_<label set>`. All share one set of variables. `manifest.json`
    inside the folder describes them.

    Args:
        model: An `AnytimeModel`.
        folder: String or path. It is written beside and moved in place; an
            earlier export there is replaced.
        curve: The model's `AnytimeCurve`, whose errors go in the manifest; of
            several label sets, that of the first.
        batch_size: Integer, or `None` for batches of any size.
        class_names: Sequence of strings in the order of the logits; for label
            sets a dict from them to such sequences. `None` means those of the
            data set of `ka.data` that the model was trained on last, if any.
        preprocessing: Dict with `scale`, `mean` and `std`, which tells a
            device how pixels become the input, such as
            `ka.data.info(name).preprocessing`. `None` means as `class_names`.
        thresholds: Floats in [0, 1], the confidences above which the answers
            of all stages but the last are final where a device asks for that;
            as from `ka.evaluation.confidence_thresholds`.
        stages: Sequence of integers, the stages to export, or `None` for all.
            They keep their numbers.
        pixels: Boolean, or `(height, width)`. Whether the export takes uint8
            pixels, of the network's or of that size, and resizes (bilinearly)
            and normalizes them itself as `preprocessing` says. A batch of
            them is then the `image`.

    Raises:
        ValueError: If an argument does not fit the model, or the folder holds
            something other than an earlier export.
    """
    check_anytime_model(model)
    folder = user_path(folder)
    if folder.exists() and not _replaceable(folder):
        raise ValueError(
            "An export replaces an earlier export or an empty folder only. "
            f"Received: folder={str(folder)!r}, which holds something else"
        )
    check_size(model)
    class_names, preprocessing = described(model, class_names, preprocessing)
    pixels = pixel_input(model, pixels, preprocessing)
    named = programs_lib.programs(model, stages=stages, pixels=pixels)
    manifest = programs_lib.describe(
        "saved_model",
        model,
        stages,
        named,
        batch_size,
        curve,
        class_names,
        preprocessing,
        thresholds,
        pixels,
    )

    def write(beside):
        programs_lib.write_saved_model(named, beside, batch_size)
        whole = dataclasses.replace(manifest, sha256=checksum(beside))
        manifest_path(beside).write_text(whole.to_json())

    atomic_write(folder, write)


def _replaceable(folder):
    """Whether nothing but an export as it was written is in a folder."""
    if not folder.is_dir():
        return False
    if not any(folder.iterdir()):
        return True
    try:
        return read_manifest(folder).sha256 == checksum(folder)
    except ManifestError:
        return False
