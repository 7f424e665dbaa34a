import numpy as np
import pytest
import tensorflow as tf

from keras_anytime.callbacks import CurveLogger
from keras_anytime.evaluation import anytime_curve
from tests.callbacks.nets import dense_net
from tests.testing import compiled
from tests.testing import digits
from tests.testing import hierarchical_digits
from tests.testing import hierarchical_net
from tests.testing import rows_of


def test_every_epoch_has_the_curve_of_its_weights(tmp_path):
    model = compiled(dense_net(2))
    data = digits(40)
    callback = CurveLogger(data, tmp_path / "run" / "curves.csv")
    assert callback.curve is None
    expected = []
    for epoch in range(2):
        model.fit(
            *data,
            initial_epoch=epoch,
            epochs=epoch + 1,
            callbacks=[callback],
            verbose=0,
        )
        expected.append(anytime_curve(model, data))
        assert callback.curve == expected[-1]
    rows = rows_of(callback.path)
    assert [row["epoch"] for row in rows] == ["1", "2"]
    for row, curve in zip(rows, expected, strict=True):
        assert float(row["average_error"]) == pytest.approx(
            curve.average_error, rel=1e-5
        )
        assert float(row["overthinking_rate"]) == pytest.approx(
            curve.overthinking_rate, rel=1e-5
        )
        for point in curve.points:
            for name in (
                "top1_error",
                "top5_error",
                "loss",
                "calibration_error",
            ):
                value = float(row[f"stage_{point.stage}_{name}"])
                assert value == pytest.approx(getattr(point, name), rel=1e-5)
    assert expected[0] != expected[1]


def test_tensorboard_gets_the_same_values(tmp_path):
    data = digits(40)
    callback = CurveLogger(
        tf.data.Dataset.from_tensor_slices(data).batch(16),
        tmp_path / "curves.csv",
        log_dir=tmp_path / "logs",
    )
    compiled(dense_net(2)).fit(*data, epochs=2, callbacks=[callback], verbose=0)
    (file,) = (tmp_path / "logs").iterdir()
    found = {}
    for record in tf.data.TFRecordDataset(str(file)):
        event = tf.compat.v1.Event.FromString(record.numpy())
        for value in event.summary.value:
            number = float(tf.make_ndarray(value.tensor))
            found[event.step, value.tag] = number
    rows = rows_of(callback.path)
    want = {
        (int(row["epoch"]), f"anytime/{name}"): float(value)
        for row in rows
        for name, value in row.items()
        if name != "epoch"
    }
    assert found.keys() == want.keys()
    np.testing.assert_allclose(
        list(found.values()), [want[key] for key in found], rtol=1e-4, atol=1e-6
    )


def test_of_label_sets_the_first_is_measured(tmp_path):
    model = compiled(hierarchical_net())
    x, y = hierarchical_digits(24)
    callback = CurveLogger((x, y), tmp_path / "curves.csv", batch_size=10)
    model.fit(x, y, callbacks=[callback], verbose=0)
    assert callback.curve == anytime_curve(model, (x, y), label_set="fine")
    assert "stage_3_top1_error" in rows_of(callback.path)[0]


def test_of_two_classes_top_5_errors_are_left_out(tmp_path):
    model = compiled(hierarchical_net({"parity": 2}))
    x, y = hierarchical_digits(24)
    y = {"parity": y["coarse"]}
    callback = CurveLogger((x, y), tmp_path / "curves.csv")
    model.fit(x, y, callbacks=[callback], verbose=0)
    (row,) = rows_of(callback.path)
    assert "stage_1_top1_error" in row
    assert not [name for name in row if "top5" in name]


def test_data_that_cannot_be_measured_is_refused_before_training():
    model = compiled(dense_net(2))
    before = model.get_weights()
    x, y = digits(16)
    for data, message in (
        ((x[:0], y[:0]), "empty"),
        ((x, y.astype("float32")), "integers"),
        ((x, y + 5), "0 to 9"),
    ):
        with pytest.raises(ValueError, match=message):
            model.fit(x, y, callbacks=[CurveLogger(data)], verbose=0)
    # It is told before the first step.
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
