import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_anytime as ka
from keras_anytime import manifest as manifest_lib
from keras_anytime.export.verification import VerificationResult
from keras_anytime.export.verified_export import AccuracyDropError
from keras_anytime.runtime import AnytimePredictor
from tests.testing import copied
from tests.testing import digits
from tests.testing import hierarchical_digits
from tests.testing import hierarchical_net
from tests.testing import scramble
from tests.testing import tiny_net

RESULT = VerificationResult(
    variant="int8",
    stages=(1, 3),
    errors=(0.25, 0.125),
    model_errors=(0.125, 0.25),
    agreement=(1.0, 0.5),
    differences=(0.0, 0.1),
    examples=8,
    size=1234,
)


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"stages": (2, 3)},
        pytest.param(
            {
                "pixels": True,
                "preprocessing": {"scale": 255.0, "mean": [0.3], "std": [0.4]},
            },
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_float_file_errs_as_its_model(options, tiny_file, tmp_path):
    model = scramble(tiny_net())
    images, labels = digits(40)
    if "pixels" in options:
        # Such as were made of pixels.
        pixels = np.round((images - images.min()) * 10)
        images = ((pixels / 255 - 0.3) / 0.4).astype("float32")
    if options:
        path = tmp_path / "net.tflite"
        ka.export.tflite(model, path, **options)
    else:
        path = copied(tiny_file, tmp_path)
    data = tf.data.Dataset.from_tensor_slices((images, labels)).batch(16)
    found = ka.export.verify(path, model, data)
    points = ka.evaluation.anytime_curve(model, data).points
    want = tuple(points[k - 1].top1_error for k in found.stages)
    assert found.errors == pytest.approx(want)
    assert found.model_errors == pytest.approx(want)
    assert found.agreement == pytest.approx([1.0] * len(want))
    assert found.size == path.stat().st_size
    manifest = manifest_lib.matching_manifest(path)
    assert [stage.top1_error for stage in manifest.stages] == list(found.errors)
    assert manifest.verified["examples"] == 40
    with AnytimePredictor(path) as predictor:
        assert predictor.num_stages == len(want)


def test_of_label_sets_the_first_is_measured(hierarchical_file, tmp_path):
    model = scramble(hierarchical_net())
    data = hierarchical_digits(16)
    path = copied(hierarchical_file, tmp_path)
    found = ka.export.verify(path, model, data)
    curve = ka.evaluation.anytime_curve(model, data, label_set="fine")
    assert found.errors == pytest.approx(
        [point.top1_error for point in curve.points]
    )


@pytest.mark.slow
def test_variants_are_kept_only_if_they_are_good(tmp_path):
    keras.utils.set_random_seed(0)
    model = tiny_net("w1-w2")
    images, labels = digits(32)
    good, bad = tmp_path / "good.tflite", tmp_path / "bad.tflite"
    good.write_bytes(b"earlier")
    paths = {"float32": good, "int8": bad}
    # Labels that 4-bit answers cannot all hit where the model's are its own.
    labels = model.predict(images, verbose=0)[0].argmax(-1)
    arguments = {"representative": images, "thresholds": (0.5,)}
    with pytest.raises(AccuracyDropError, match="loses.*") as caught:
        ka.export.export_verified(
            model,
            paths,
            (images, labels),
            max_accuracy_drop=-1.0,
            **arguments,
        )
    assert [result.variant for result in caught.value.results] == [
        "float32",
        "int8",
    ]
    assert good.read_bytes() == b"earlier"
    assert [path.name for path in tmp_path.iterdir()] == ["good.tflite"]
    results = ka.export.export_verified(
        model, paths, (images, labels), max_accuracy_drop=100.0, **arguments
    )
    assert results[0].errors[0] == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "bad.tflite",
        "bad.tflite.json",
        "good.tflite",
        "good.tflite.json",
    ]
    for path in paths.values():
        manifest = manifest_lib.matching_manifest(path)
        assert manifest.thresholds == (0.5,)
        assert manifest.verified["examples"] == 32


def test_points_are_lost_and_won():
    assert RESULT.accuracy_drop == (12.5, -12.5)


def test_the_table_has_a_line_for_each_variant():
    text = ka.export.verification_table([RESULT, RESULT])
    head, first, second = text.splitlines()
    assert "stage 1" in head and "stage 3" in head
    assert first == second
    for part in ("int8", "1 kB", "25.0% +12.5 100.0%", "12.5% -12.5 50.0%"):
        assert part in first


def test_empty_data_are_refused(tiny_file):
    with pytest.raises(ValueError, match="empty"):
        ka.export.verify(tiny_file, scramble(tiny_net()), [])
