"""Tests of predictors with several inputs, tokens and other ranks."""

import threading

import numpy as np
import pytest

import keras_anytime as ka
from keras_anytime.runtime import AnytimePredictor
from tests.export.inputs_nets import examples
from tests.export.inputs_nets import exported
from tests.testing import run_command


@pytest.fixture(name="two")
def _two(made_once):
    model, path = exported(made_once, "two_inputs")
    photos, table = examples(model).values()
    with AnytimePredictor(path) as predictor:
        yield predictor, photos, table


@pytest.fixture(name="tokens")
def _tokens(made_once):
    model, path = exported(made_once, "tokens")
    with AnytimePredictor(path) as predictor:
        yield predictor, examples(model)


def test_several_inputs_come_by_name_or_in_order(two):
    predictor, photos, table = two
    want = predictor.predict({"photo": photos, "meta_data": table}).logits
    for x in (
        {"meta_data": table, "photo": photos},
        (photos, table),
        [photos.tolist(), table.astype("float64")],
    ):
        np.testing.assert_array_equal(predictor.predict(x).logits, want)
    single = predictor.predict((photos[3], table[3])).logits
    np.testing.assert_allclose(single, want[3], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda photos, table: photos,
            r"\['photo', 'meta_data'\]: give a dict",
        ),
        (lambda photos, table: (photos,), "of 1"),
        (
            lambda photos, table: {"photo": photos},
            r"Received: x as a dict with \['photo'",
        ),
        (
            lambda photos, table: {"photo": photos, "meta-data": table},
            "meta_data.*Received.*meta-data",
        ),
        (lambda photos, table: (photos[0], table), "one example of each"),
        (lambda photos, table: (photos[:2], table), "batch of as many"),
        (lambda photos, table: (table, photos), r"x\['photo'\] of shape"),
        (
            lambda photos, table: (photos, table > 0),
            r"x\['meta_data'\] of type",
        ),
        (lambda photos, table: (photos, table * np.nan), "Inputs must be fini"),
        (
            lambda photos, table: (photos, table.astype("int32")),
            r"takes floats.*x\['meta_data'\] of type int32",
        ),
    ],
)
def test_what_does_not_fit_several_inputs_is_refused(two, change, message):
    predictor, photos, table = two
    for call in (predictor.predict, predictor.stream):
        with pytest.raises(ValueError, match=f"{message}.*|.*Received"):
            call(change(photos, table))
        with pytest.raises(ValueError, match=message):
            call(change(photos, table))


def test_inputs_are_copied_before_the_stages_run(two):
    predictor, photos, table = two
    want = predictor.predict((photos[0], table[0])).logits
    photo, row = photos[0].copy(), table[0].copy()
    stream = predictor.stream((photo, row))
    photo[:], row[:] = 7, 7
    assert [result.stage for result in stream] == [1, 2]
    stream = predictor.stream((photos[0], table[0]))
    np.testing.assert_array_equal(list(stream)[1].logits, want)


def test_streams_of_two_inputs_keep_deadlines(two):
    predictor, photos, table = two
    x = (photos[0], table[0])
    assert predictor.predict(x, deadline_ms=60_000).stage == 2
    gate = threading.Event()
    step = predictor._executor.steps["step_2"]

    def run(inputs):
        assert gate.wait(30)
        return step(inputs)

    predictor._executor.steps["step_2"] = run
    try:
        assert predictor.predict(x, deadline_ms=200).stage == 1
    finally:
        gate.set()
    assert not predictor.predict(x, deadline_ms=0).ready


def test_two_inputs_are_measured(two, tmp_path):
    predictor, photos, table = two
    blank = predictor.blank()
    assert {name: array.shape for name, array in blank.items()} == {
        "photo": (1, 8, 8, 1),
        "meta_data": (1, 3),
    }
    assert len(predictor.measure_latency(2).median_ms) == 2
    timed = ka.runtime.time_answers(
        {"net": predictor},
        {"photo": photos[:2], "meta_data": table[:2]},
        repetitions=1,
        verbose=False,
    )
    assert timed["net"].logits.shape == (2, 2, 3)
    found = ka.runtime.time_programs(
        {"net": predictor.path}, repetitions=1, verbose=False
    )
    assert found["net"].subnets_ms.shape == (1, 2)
    with pytest.raises(ValueError, match="as many examples"):
        ka.runtime.time_answers(
            {"net": predictor}, {"photo": photos[:2], "meta_data": table[:1]}
        )


@pytest.mark.parametrize("outside", [-1, "count"])
def test_unknown_tokens_are_refused(tokens, outside):
    predictor, x = tokens
    count = predictor.manifest.tokens["image"]
    row = np.array(x[0])
    row[-1] = count if outside == "count" else outside
    with pytest.raises(ValueError, match=f"the tokens 0 to {count - 1}"):
        predictor.predict(row)
    row[-1] = count - 1
    assert predictor.predict(row).ready


def test_values_that_8_bits_cut_off_are_refused(made_once):
    model, path = exported(made_once, "table", "int8")
    row = examples(model)[0]
    with AnytimePredictor(path) as predictor:
        assert predictor.predict(row).ready
        with pytest.raises(ValueError, match="int8 input was calibrated"):
            predictor.predict(100 * row)


def test_tokens_are_integers(tokens):
    predictor, x = tokens
    want = predictor.predict(x).logits
    for kind in ("int64", "uint8"):
        np.testing.assert_array_equal(
            predictor.predict(x.astype(kind)).logits, want
        )
    for wrong in (x.astype("float32"), x + 2.0**31, x.astype("int64") + 2**31):
        with pytest.raises(ValueError, match="integers that fit int32"):
            predictor.predict(wrong)
    with pytest.raises(ValueError, match="no such one.*Received"):
        predictor.prepare(np.zeros((8, 8), "uint8"))


def test_the_command_takes_images_for_a_single_image(
    made_once, repository, tmp_path
):
    np.save(tmp_path / "image.npy", np.zeros((8, 8), "uint8"))
    for name, shown in (("two_inputs", "class"), ("segmentation", "positions")):
        path = exported(made_once, name)[1]
        run = run_command(repository, "keras-anytime-run", path, "--frames=2")
        assert run.returncode == 0, run.stderr
        assert "blank" in run.stdout and shown in run.stdout
    path = exported(made_once, "two_inputs")[1]
    run = run_command(
        repository, "keras-anytime-run", path, f"--images={tmp_path}"
    )
    assert run.returncode
    assert "one image and nothing else" in run.stderr
