"""Every family of networks in every variant, and what variants promise."""

import collections
import functools

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

import keras_anytime as ka
from keras_anytime import manifest as manifest_lib
from keras_anytime.export.quantization import VARIANTS
from keras_anytime.export.smoke_test import smoke_test
from keras_anytime.runtime.batches import as_batch
from tests.conformance.catalogue import NETWORKS
from tests.conformance.catalogue import VARIANTS as FORMS
from tests.export.operators import graphs
from tests.testing import compiled
from tests.testing import digits
from tests.testing import sampled
from tests.testing import scramble
from tests.testing import tiny_net


@functools.cache
def _built(name):
    """A network whose weights are moved, but not so far that values explode."""
    keras.utils.set_random_seed(0)
    model = NETWORKS[name]()
    rng = np.random.default_rng(0)
    model.set_weights(
        [
            weight + 0.02 * np.abs(rng.standard_normal(weight.shape))
            for weight in model.get_weights()
        ]
    )
    return model


def _images(model, count):
    images = np.random.default_rng(1).standard_normal(
        (count, *model.input_shape[1:])
    )
    return images.astype("float32")


class _File:
    """An exported file, run signature by signature."""

    def __init__(self, path):
        self.manifest = manifest_lib.matching_manifest(path)
        self._interpreter = Interpreter(str(path))

    def run(self, name, features):
        runner = self._interpreter.get_signature_runner(name)
        specs = self.manifest.signatures[name].inputs
        return runner(**{spec.name: features[spec.name] for spec in specs})

    def answers(self, image, kind):
        """The raw logits of each stage by steps or subnetworks, as dicts."""
        (first, *_) = self.manifest.program_names
        (spec,) = self.manifest.signatures[first].inputs
        features = {"image": as_batch(image, spec)[0]}
        found = []
        for stage in self.manifest.stages:
            outputs = self.run(f"{kind}_{stage.stage}", features)
            features |= outputs
            found.append(
                {
                    name: outputs[name]
                    for name in self.manifest.logits_names.values()
                }
            )
        return found


def _check_variant(name, variant, path):
    model = _built(name)
    images = _images(model, 12)
    ka.export.tflite(model, path, variant, images[:8])
    file = _File(path)
    assert file.manifest.quantization == variant
    ends = collections.defaultdict(set)
    for signature in file.manifest.signatures.values():
        for spec in (*signature.inputs, *signature.outputs):
            if not spec.name.startswith("logits"):
                ends[spec.name].add((spec.dtype, str(spec.quantization)))
    # Features pass from one step to the next as they are.
    assert {key: len(found) for key, found in ends.items()} == dict.fromkeys(
        ends, 1
    )
    if variant in ("int8", "int16x8"):
        kind = variant.removesuffix("x8")
        # Averages of pools, and sums of them, may stay floats.
        assert ends["image"] == {next(iter(ends["image"]))}
        assert {dtype for (dtype, _) in ends["image"]} == {kind}
    if file.manifest.interruptible:
        for image in images:
            for steps, alone in zip(
                file.answers(image, "step"),
                file.answers(image, "subnet"),
                strict=True,
            ):
                for key, logits in alone.items():
                    np.testing.assert_allclose(
                        steps[key], logits, rtol=1e-5, atol=1e-5
                    )
    return model, images, file


# The others take minutes together.
_QUICK = ("hierarchical",)


@pytest.mark.parametrize(
    "name",
    sampled(list(NETWORKS), _QUICK),
)
def test_8_bit_steps_equal_8_bit_subnetworks(name, tmp_path):
    _check_variant(name, "int8", tmp_path / "net.tflite")


@pytest.mark.slow
@pytest.mark.parametrize(
    "variant", [name for name in VARIANTS if not name.startswith("int8")]
)
@pytest.mark.parametrize("name", NETWORKS)
def test_steps_equal_subnetworks_in_every_variant(name, variant, tmp_path):
    model, images, file = _check_variant(name, variant, tmp_path / "net.tflite")
    if variant == "float16":
        outputs = keras.tree.flatten(model.predict(images, verbose=0))
        for index, image in enumerate(images):
            answers = file.answers(image, "subnet")
            flat = [value for answer in answers for value in answer.values()]
            for got, want in zip(flat, outputs, strict=True):
                np.testing.assert_allclose(
                    got[0], want[index], atol=2e-2 * np.abs(want).max()
                )


@pytest.fixture(scope="module", name="trained")
def _trained():
    """A network trained on 797 digits, and the 1,000 others."""
    keras.utils.set_random_seed(0)
    x, y = digits(1797 - 1437)
    train = ka.data.load("digits", batch_size=1437)[0]
    (batch,) = train.take(1)
    more_x, more_y = batch[0].numpy(), batch[1].numpy()
    held_x = np.concatenate([x, more_x[:640]])
    held_y = np.concatenate([y, more_y[:640]])
    assert len(held_x) == 1000
    model = compiled(
        tiny_net(units=(1, 1), filters=(16, 32)),
        optimizer=keras.optimizers.Adam(0.01),
        run_eagerly=False,
    )
    model.fit(more_x[640:], more_y[640:], epochs=24, batch_size=64, verbose=0)
    return model, (more_x[640:], more_y[640:]), (held_x, held_y)


@pytest.mark.parametrize(
    "variant",
    sampled(list(VARIANTS), []),
)
def test_a_trained_network_answers_as_before(trained, variant, tmp_path):
    model, seen, held = trained
    path = tmp_path / "net.tflite"
    before = model.get_weights()
    ka.export.tflite(model, path, variant, seen)
    for weight, same in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, same)
    found = ka.export.verify(path, model, held)
    assert found.examples == 1000
    # Four bits are few for kernels of so few weights; training on for eight
    # changes answers, for the better.
    least = {"int4": 0.7, "int8_qat": 0.9}.get(variant, 0.97)
    assert min(found.agreement) >= least
    assert max(found.accuracy_drop) <= (20 if variant == "int4" else 1.5)
    for name, graph in graphs(path).items():
        counts = graph.kinds
        # Nothing is spent on changing scales between equal features, and a
        # stage has one convolution for each of its slices.
        assert "QUANTIZE" not in counts
        stage = int(name[-1])
        slices = 6 * (stage if name.startswith("subnet") else 1)
        assert counts["CONV_2D"] == slices
        assert counts["FULLY_CONNECTED"] == 1


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_every_family_answers_as_before_in_8_bits(trained, name, tmp_path):
    _, (x, y), (held_x, held_y) = trained
    keras.utils.set_random_seed(0)
    model = NETWORKS[name]()
    height, width, channels = model.input_shape[1:]

    def sized(images):
        images = keras.ops.image.resize(images, (height, width))
        return np.repeat(images, channels, axis=-1)

    def labeled(y):
        if model.label_sets:
            return {"digit": y, "parity": y % 2}
        return y % model.outputs[0].shape[-1]

    optimizer = keras.optimizers.Adam(0.01)
    compiled(model, optimizer=optimizer, run_eagerly=False)
    model.fit(sized(x), labeled(y), epochs=24, batch_size=64, verbose=0)
    path = tmp_path / "net.tflite"
    ka.export.tflite(model, path, "int8", sized(x))
    held = (sized(held_x), labeled(held_y))
    found = ka.export.verify(path, model, held)
    assert found.examples == 1000
    assert max(found.accuracy_drop) <= 5
    for error, same in zip(found.model_errors, found.agreement, strict=True):
        # Stages of a few channels that have learned little answer nearly at
        # random, and change their mind at little.
        assert same >= (0.97 if error <= 0.1 else 0.92)
    assert min(found.model_errors) <= 0.2


@pytest.mark.slow
def test_8_bits_take_less_than_a_third_of_the_file(tmp_path):
    model = scramble(tiny_net(units=(2, 2), filters=(96, 192)))
    sizes = {}
    for variant in (None, "float16", "int8", "int4"):
        path = tmp_path / f"{variant}.tflite"
        ka.export.tflite(model, path, variant, _images(model, 4))
        sizes[variant] = path.stat().st_size
    assert sizes[None] > 4e6
    assert sizes["float16"] <= 0.53 * sizes[None]
    assert sizes["int8"] <= 0.3 * sizes[None]
    assert sizes["int4"] <= 0.17 * sizes[None]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("int3",), "one of.*int8.*Received: quantization='int3'"),
        (("int8",), "calibrated on real examples"),
        (("int8_qat",), "with labels. Received: representative=None"),
        (("int8_qat", np.zeros((4, 8, 8, 1))), "pair"),
        (("int8", np.zeros((4, 8, 8, 3))), r"shape \(8, 8, 1\)"),
        (("int8", np.zeros((0, 8, 8, 1))), "no examples"),
        (("int8", []), "no examples"),
        (("int8", np.full((2, 8, 8, 1), np.nan)), "finite"),
    ],
)
def test_what_cannot_be_quantized_is_refused(tmp_path, arguments, message):
    with pytest.raises(ValueError, match=message):
        ka.export.tflite(tiny_net(), tmp_path / "net.tflite", *arguments)
    assert not list(tmp_path.iterdir())


def test_what_litert_cannot_run_is_refused():
    with pytest.raises(ValueError, match="LiteRT cannot run.*'int8'"):
        smoke_test(b"no network", "int8")


@pytest.mark.slow
def test_a_file_that_would_end_a_process_is_not_written(tmp_path):
    # Moved as far as this, its activations reach 1e17.
    model = scramble(FORMS["sparse_resnet_alternating"]())
    path = tmp_path / "net.tflite"
    with pytest.raises(ValueError, match="LiteRT cannot run.*'int8'"):
        ka.export.tflite(model, path, "int8", _images(model, 4))
    assert not list(tmp_path.iterdir())
