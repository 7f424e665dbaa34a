import io
import types

import numpy as np
import pytest

import keras_anytime as ka
from tests.callbacks.nets import dense_net
from tests.testing import compiled
from tests.testing import digits
from tests.testing import hierarchical_digits
from tests.testing import hierarchical_net


def _train(capsys, validate=True, **kwargs):
    stream = io.StringIO()
    x, y = digits(32)
    history = compiled(dense_net(3)).fit(
        x,
        y,
        epochs=2,
        validation_data=(x, y) if validate else None,
        callbacks=[ka.callbacks.StageProgress(stream=stream)],
        **kwargs,
    )
    return history.history, stream.getvalue().splitlines(), capsys.readouterr()


def test_one_line_per_epoch_with_every_stages_error(capsys):
    history, lines, captured = _train(capsys)
    assert "stage 1 to 3" in lines[0]
    assert len(lines) == 3
    for epoch, line in enumerate(lines[1:]):
        assert line.split()[0] == f"{epoch + 1}/2"
        *_, train, validation, last = line.split("|")
        errors = [
            f"{100 * (1 - history[f'stage_{k}_accuracy'][epoch]):.1f}"
            for k in (1, 2, 3)
        ]
        assert train.split()[:3] == errors
        assert "validation" in validation
        assert len(last.split()) == 3
    # Keras' own bar is left out.
    assert captured.out == ""


def test_without_validation(capsys):
    _, lines, _ = _train(capsys, validate=False)
    assert len(lines[1].split("|")) == 2


def test_keras_bar_is_there_if_asked_for(capsys):
    _, _, captured = _train(capsys, verbose=2)
    assert "stage_1_loss" in captured.out


def test_the_finest_label_set_is_shown():
    stream = io.StringIO()
    history = compiled(hierarchical_net()).fit(
        *hierarchical_digits(32),
        callbacks=[ka.callbacks.StageProgress(stream=stream)],
    )
    errors = stream.getvalue().splitlines()[1].split("|")[1].split()
    assert errors == [
        f"{100 * (1 - history.history[f'stage_{k}_fine_accuracy'][0]):.1f}"
        for k in (1, 2, 3)
    ]


def _lines(errors, epochs=300, **kwargs):
    """The lines of an epoch whose stages have these errors in %."""
    names = [f"stage_{k}" for k in range(1, len(errors) + 1)]
    stream = io.StringIO()
    progress = ka.callbacks.StageProgress(stream=stream, **kwargs)
    progress.set_model(
        types.SimpleNamespace(
            num_stages=len(errors),
            output_names=names,
            stage_operations=None,
            tasks={None: ka.tasks.Classification(10)},
        )
    )
    progress.set_params({"epochs": epochs, "steps": 1})
    logs = {"loss": 12.345, "val_loss": 12.345}
    for name, error in zip(names, errors, strict=True):
        logs[f"{name}_accuracy"] = 1 - error / 100
        logs[f"val_{name}_accuracy"] = 1 - error / 100
    progress.on_train_begin()
    progress.on_epoch_begin(epochs - 1)
    progress.on_epoch_end(epochs - 1, logs)
    return stream.getvalue().splitlines()


@pytest.mark.parametrize(
    ("num_stages", "shown"),
    [
        (9, [1, 3, 5, 7, 9]),
        (25, [1, 7, 13, 19, 25]),
        (51, [1, 13, 26, 38, 51]),
    ],
)
def test_many_stages_stay_readable(num_stages, shown):
    # Not evenly spaced: the mean of all is not that of those shown.
    errors = 99.9 * np.linspace(1, 0.3, num_stages) ** 2
    header, line = _lines(errors)
    assert " ".join(map(str, shown)) in header
    assert f"of {num_stages} (mean of all)" in header
    expected = [f"{errors[stage - 1]:.1f}" for stage in shown]
    expected.append(f"({errors.mean():.1f})")
    _, train, _, validation = line.split("|")
    assert train.split() == validation.split() == expected
    assert len(line) <= 120 and len(header) <= 120


def test_how_many_stages_are_all_shown():
    for count, settings in ((8, {}), (12, {"max_stages": 12})):
        header, line = _lines(np.arange(10.0, 10 + count), **settings)
        assert header.endswith(f"error % of stage 1 to {count}")
        assert line.split("|")[-1].split() == [
            f"{10 + k}.0" for k in range(count)
        ]
    header, line = _lines(np.arange(10.0, 18.0), max_stages=2)
    assert "stages 1 8 of 8" in header
    assert line.split("|")[-1].split() == ["10.0", "17.0", "(13.5)"]
    with pytest.raises(ValueError, match="max_stages=1$"):
        ka.callbacks.StageProgress(max_stages=1)


def test_a_terminal_shows_that_the_training_step_is_compiled():
    stream = io.StringIO()
    stream.isatty = lambda: True
    compiled(dense_net(2)).fit(
        *digits(32),
        epochs=2,
        batch_size=16,
        callbacks=[ka.callbacks.StageProgress(stream=stream)],
    )
    shown = [
        part.removesuffix("\033[K") for part in stream.getvalue().split("\r")
    ]
    assert "compiling" in shown[1]
    assert shown[2:4] == ["  1/2  step 1/2", "  1/2  step 2/2"]
    assert sum("compiling" in part for part in shown) == 1


def test_errors_that_are_not_measured_are_explained_once():
    model = dense_net(2)
    model.compile("sgd", "sparse_categorical_crossentropy", run_eagerly=True)
    stream = io.StringIO()
    model.fit(
        *digits(16),
        epochs=2,
        callbacks=[ka.callbacks.StageProgress(stream=stream)],
    )
    lines = stream.getvalue().splitlines()
    assert len(lines) == 4
    assert lines[1].split("|")[1].split() == ["-", "-"]
    assert "compile with metrics=['accuracy']" in lines[2]


def test_a_metric_that_is_no_accuracy_is_no_error_in_per_cent():
    with pytest.raises(ValueError, match="Received: metric='mae'"):
        compiled(dense_net()).fit(
            *digits(16), callbacks=[ka.callbacks.StageProgress("mae")]
        )
