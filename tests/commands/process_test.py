import sys

import pytest

from keras_anytime.commands import process


@pytest.fixture(autouse=True)
def _named(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/usr/bin/keras-anytime-x", "--flag"])


def _missing(package):
    return ModuleNotFoundError(f"No module named {package!r}", name=package)


def test_a_package_of_an_extra_ends_the_command_with_one_line():
    with pytest.raises(SystemExit) as end, process.started():
        raise _missing("keras.layers")
    line = end.value.code
    assert line.startswith("keras-anytime-x: No module named 'keras.layers'. ")
    assert "\n" not in line and "keras-anytime[jax]" in line


@pytest.mark.parametrize("error", [_missing("keras_anytime.x"), KeyError(1)])
def test_other_errors_are_bugs(error):
    with pytest.raises(type(error)) as raised, process.started():
        raise error
    assert raised.value is error


def test_errors_of_users_have_one_line_and_others_do_not():
    with pytest.raises(SystemExit, match="^keras-anytime-x: wrong$"):
        with process.errors_in_one_line(ValueError):
            raise ValueError("wrong")
    with pytest.raises(TypeError), process.errors_in_one_line(ValueError):
        raise TypeError("bug")


def test_ctrl_c_ends_with_advice(capsys):
    with pytest.raises(SystemExit) as end:
        with process.stopped_by_user("Start again."):
            raise KeyboardInterrupt
    assert end.value.code == 130
    assert capsys.readouterr().err == (
        "\nkeras-anytime-x: stopped. Start again.\n"
    )
