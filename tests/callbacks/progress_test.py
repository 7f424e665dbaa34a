import io

import keras_anytime as ka
from tests.testing import compiled
from tests.testing import digits
from tests.testing import hierarchical_digits
from tests.testing import hierarchical_net
from tests.testing import tiny_net


def _train(capsys, validate=True, **kwargs):
    stream = io.StringIO()
    x, y = digits(32)
    history = compiled(tiny_net()).fit(
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
