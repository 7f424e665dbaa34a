"""Exported files for the tests in a browser, and what Python answers."""

import dataclasses
import hashlib
import json
import shutil

import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_sample_images

import keras_anytime as ka
from keras_anytime.manifest import manifest_path
from keras_anytime.manifest.manifest import content_checksum
from tests.browser import manifests
from tests.export.inputs_nets import built
from tests.export.inputs_nets import examples
from tests.testing import digits
from tests.testing import hierarchical_net
from tests.testing import passes_net
from tests.testing import scramble
from tests.testing import tiny_net

COUNT = 20
# Characters that JSON text of Python and of JavaScript writes in other ways.
NAMES = ["zero", "é", "\U0001f600", '"\\\n\x7f', *"456789"]
DIGITS = {"scale": 255.0, "mean": [0.305], "std": [0.376]}
PHOTOS = {"scale": 255.0, "mean": [0.5, 0.4, 0.3], "std": [0.25, 0.2, 0.3]}


def write_all(folder):
    """Exports all networks, and writes `references.json` beside them.

    The folder `damaged` has files that a page refuses, and the folder `demo`
    what the demo page loads.

    Args:
        folder: `pathlib.Path`.
    """
    references = {}
    for name, (model, values, options) in _cases().items():
        path = folder / f"{name}.tflite"
        ka.export.tflite(model, path, verbose=False, **options)
        references[name] = _answers(path, values)
    _change(folder / "products.tflite", product_answers=True)
    # Names that Python and JavaScript would sort in different orders.
    _change(
        folder / "color.tflite", versions={"\uffff": "1", "\U0001f600": "2"}
    )
    manifests.write(folder)
    _write_damaged(folder / "digits.tflite", folder / "damaged")
    _write_demo(folder, folder / "demo")
    (folder / "references.json").write_text(json.dumps(references))


def _cases():
    """Returns networks, examples, and how to export them, by name."""
    images = digits(COUNT)[0]
    crops = _crops(32)
    gray = {"preprocessing": DIGITS, "class_names": NAMES}
    color = {"preprocessing": PHOTOS, "pixels": True, "subnets": False}
    int8 = {"quantization": "int8"}
    # Logits of both signs, so that products rule classes out.
    net = scramble(tiny_net())
    small = scramble(tiny_net(input_shape=(32, 32, 3)))
    pretrained = ka.nets.get(
        "width_resnet10", (32, 32, 3), 10, weights="cifar10"
    )
    facts = ka.nets.facts("width_resnet10", "cifar10")
    of_facts = {name: facts[name] for name in ("thresholds", "temperatures")}
    cases = {
        "digits": (net, images, {**gray, "temperatures": (0.5, 2.0, 3.0)}),
        "digits_int8": (
            net,
            images,
            {**gray, **int8, "representative": images, "subnets": False},
        ),
        "products": (net, images, {"preprocessing": DIGITS, "batch_size": 3}),
        "photos": (
            pretrained,
            crops,
            {"pixels": True, "subnets": False, **of_facts},
        ),
        "photos_int8": (
            small,
            crops,
            {**color, **int8, "representative": _normalized(crops)},
        ),
        "label_sets": (
            scramble(hierarchical_net()),
            images,
            {"preprocessing": DIGITS},
        ),
        "color": (small, _normalized(crops), {"preprocessing": PHOTOS}),
        "no_steps": (scramble(passes_net()), images, {}),
        "ensemble": (_ensemble(net), images, {}),
        "slow": (_slow_net(), np.zeros((1, 64, 64, 4), "float32"), {}),
    }
    tasks = {
        "two_inputs": 3,
        "tokens": ka.tasks.MultiLabel(3),
        "series": ka.tasks.Regression(2),
        "table": ka.tasks.Binary(),
        "segmentation": 3,
    }
    for name, task in tasks.items():
        model = built(name, task)
        cases[name] = model, examples(model, COUNT), {}
    return cases


def _crops(size):
    """Real photos, of uint8 pixels `(COUNT, size, size, 3)`."""
    half = COUNT // 2
    return np.stack(
        [
            photo[row : row + 4 * size : 4, row : row + 4 * size : 4]
            for photo in load_sample_images().images
            for row in range(0, 25 * half, 25)
        ]
    )


def _normalized(pixels):
    values = (pixels / PHOTOS["scale"] - PHOTOS["mean"]) / PHOTOS["std"]
    return values.astype("float32")


def _ensemble(first):
    """The stages of a network, and the last one of another."""
    networks = [first, scramble(tiny_net("w1-w2"), 1)]
    curves = []
    for network, errors in zip(
        networks, ((0.5, 0.4, 0.3), (0.6, 0.1)), strict=True
    ):
        curve = ka.evaluation.anytime_curve(network, digits(COUNT))
        points = [
            dataclasses.replace(point, top1_error=error)
            for point, error in zip(curve.points, errors, strict=True)
        ]
        curves.append(dataclasses.replace(curve, points=tuple(points)))
    return ka.nets.ensemble(networks, curves)


def _slow_net():
    """A network whose last steps take a tenth of a second in a browser."""
    keras.utils.set_random_seed(0)
    image = keras.Input((64, 64, 4), name="image")
    x = layers.Conv2D(4, 3, padding="same")(image)
    outputs = []
    for k in (1, 2, 3):
        pooled = layers.GlobalAveragePooling2D()(x)
        outputs.append(layers.Dense(3, name=f"stage_{k}")(pooled))
        if k < 3:
            wide = layers.Conv2D(192, 3, padding="same")(x)
            x = layers.Conv2D(192, 3, padding="same")(wide)
    return ka.AnytimeModel(image, outputs, name="slow")


def _change(path, **fields):
    """Changes fields of a manifest, as an export would have written them."""
    where = manifest_path(path)
    content = {**json.loads(where.read_text()), **fields}
    del content["checksum"]
    content["checksum"] = content_checksum(content)
    where.write_text(json.dumps(content))


def _write_damaged(source, folder):
    """Writes copies of a file, each with one fault, by which it is named."""
    folder.mkdir()
    content = source.read_bytes()

    def copy(name):
        path = folder / f"{name}.tflite"
        path.write_bytes(content)
        shutil.copy(manifest_path(source), manifest_path(path))
        return path

    copy("truncated").write_bytes(content[: len(content) // 2])
    flipped = bytearray(content)
    flipped[len(content) // 2] ^= 1
    copy("flipped").write_bytes(flipped)
    _change(copy("version"), format_version=2)
    _change(copy("foreign"), format="another")
    _change(copy("unknown_field"), another=1)
    _change(copy("saved_model"), kind="saved_model")
    _change(copy("temperatures"), temperatures=[1.0])
    _change(copy("no_temperatures"), temperatures=[1.0, -1.0, 1.0])
    _change(copy("thresholds"), thresholds=[0.5, 1.5])
    _change(copy("few_names"), class_names=["zero", "one"])
    _change(copy("product"), product_answers="false")
    manifest_path(copy("no_manifest")).unlink()
    copy("no_file").unlink()
    manifest_path(copy("no_json")).write_text("<!doctype html>")
    where = manifest_path(copy("changed_field"))
    changed = where.read_text().replace('"zero"', '"nine"')
    where.write_text(changed)
    # What is no network, with the checksum of what it is.
    path = copy("no_network")
    path.write_bytes(content[: len(content) // 2])
    _change(path, sha256=hashlib.sha256(path.read_bytes()).hexdigest())
    # Another network than that of the manifest.
    path = copy("another_network")
    other = source.with_name("label_sets.tflite").read_bytes()
    path.write_bytes(other)
    _change(path, sha256=hashlib.sha256(other).hexdigest())


def _write_demo(folder, demo):
    """Lays out files as `make browser-demo` does."""
    samples = demo / "digits" / "digits"
    samples.mkdir(parents=True)
    for name, target in (
        ("digits", demo / "digits" / "anytime.tflite"),
        ("photos", demo / "photos.tflite"),
    ):
        source = folder / f"{name}.tflite"
        shutil.copy(source, target)
        shutil.copy(manifest_path(source), manifest_path(target))
        stages = json.loads(manifest_path(source).read_text())["stages"]
        errors = [{**stage, "top1_error": 0.1} for stage in stages]
        _change(target, stages=errors)
    for digit in range(10):
        dots = bytes(range(digit, digit + 64))
        (samples / f"{digit}.pgm").write_bytes(b"P5 8 8 255\n" + dots)


def _answers(path, values):
    """Returns examples and Python's answers, as plain values."""
    with ka.runtime.AnytimePredictor(path, num_threads=1) as predictor:
        names = predictor.manifest.input_names
        several = values.values() if isinstance(values, dict) else [values]
        # A file has names of its own, in the model's order.
        arrays = dict(zip(names, several, strict=True))
        count = len(next(iter(arrays.values())))
        runs = [
            list(predictor.stream({name: arrays[name][i] for name in names}))
            for i in range(count)
        ]
        return {
            "inputs": {
                name: [row.ravel().tolist() for row in arrays[name]]
                for name in names
            },
            "logits": [
                [_plain(result.logits) for result in run] for run in runs
            ],
            **_decided(predictor, arrays),
            **_prepared(predictor),
        }


def _decided(predictor, arrays):
    """Returns the stages at which sure answers stop, image by image."""
    if predictor.manifest.thresholds is None:
        return {}
    (images,) = arrays.values()
    return {
        "decided": [
            predictor.predict(image, confidence="manifest").stage
            for image in images
        ]
    }


def _prepared(predictor):
    """Returns pixels of an odd size, and the image that is made of them."""
    manifest = predictor.manifest
    if manifest.preprocessing is None and manifest.pixels is None:
        return {}
    pixels = np.random.default_rng(0).integers(0, 256, (37, 23, 3), "uint8")
    prepared = predictor.prepare(pixels)
    return {
        "pixels": pixels.ravel().tolist(),
        "prepared": prepared.ravel().tolist(),
    }


def _plain(logits):
    if isinstance(logits, dict):
        return {name: _plain(array) for name, array in logits.items()}
    return logits.ravel().astype("float64").tolist()
