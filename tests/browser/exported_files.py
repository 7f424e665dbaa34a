"""Exported files for the tests in a browser, and what Python answers."""

import dataclasses
import json

import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_sample_images

import keras_anytime as ka
from keras_anytime.manifest import manifest_path
from keras_anytime.manifest.manifest import content_checksum
from tests.export.inputs_nets import built
from tests.export.inputs_nets import examples
from tests.testing import digits
from tests.testing import hierarchical_net
from tests.testing import passes_net
from tests.testing import scramble
from tests.testing import tiny_net

COUNT = 20
DIGITS = {"scale": 255.0, "mean": [0.305], "std": [0.376]}
PHOTOS = {"scale": 255.0, "mean": [0.5, 0.4, 0.3], "std": [0.25, 0.2, 0.3]}


def write_all(folder):
    """Exports all networks, and writes `references.json` beside them.

    Args:
        folder: `pathlib.Path`.
    """
    references = {}
    for name, (model, values, options) in _cases().items():
        path = folder / f"{name}.tflite"
        ka.export.tflite(model, path, verbose=False, **options)
        references[name] = _answers(path, values)
    _change(folder / "products.tflite", product_answers=True)
    (folder / "references.json").write_text(json.dumps(references))


def _cases():
    """Returns networks, examples, and how to export them, by name."""
    images = digits(COUNT)[0]
    crops = _crops(32)
    gray = {"preprocessing": DIGITS, "class_names": list("abcdefghij")}
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
