import os

import pytest
from absl import app
from absl import flags
from absl import logging

from keras_anytime.experiments import command_line
from keras_anytime.experiments.evaluate_settings import EvaluateSettings
from keras_anytime.experiments.export_settings import ExportSettings
from keras_anytime.experiments.learning_rate import check_learning_rate
from keras_anytime.experiments.queue_settings import QueueSettings
from keras_anytime.experiments.train_settings import TrainSettings
from keras_anytime.experiments.training_data import load_arguments
from keras_anytime.experiments.training_data import parse_labels


def _read(settings_class, *arguments, **defaults):
    flag_values = flags.FlagValues()
    command_line.define_flags(settings_class, flag_values, **defaults)
    rest = flag_values(["program", *arguments])
    return command_line.read_settings(settings_class, rest[1:], flag_values)


@pytest.mark.parametrize(("before", "after"), [(None, "3"), ("0", "0")])
def test_scripts_turn_notices_off_unless_the_user_asks(
    monkeypatch, before, after
):
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
    if before is not None:
        monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", before)
    verbosity = logging.get_verbosity()
    try:
        _read(TrainSettings, "--workdir=run")
        assert logging.get_verbosity() == logging.WARNING
    finally:
        logging.set_verbosity(verbosity)
    assert os.environ["TF_CPP_MIN_LOG_LEVEL"] == after


def test_flags_have_the_defaults_of_the_settings():
    settings = _read(TrainSettings, "--workdir=run")
    assert settings.given == {"workdir"}
    assert settings.to_dict() == TrainSettings(workdir="run").to_dict()
    settings = _read(
        QueueSettings,
        "--experiment=wan2020_table1",
        "--workdir=run",
        "--minutes=1",
        results="tables.json",
    )
    assert settings.results == "tables.json" and settings.minutes == 1.0


def test_wrong_flags_are_refused():
    for wrong in ("--epochs=0", "--schedule=fast", "--color=red", "--seed=x"):
        with pytest.raises(flags.Error):
            _read(TrainSettings, "--workdir=run", wrong)
    with pytest.raises(flags.Error, match="workdir"):
        _read(TrainSettings)
    with pytest.raises(app.UsageError, match="surplus"):
        _read(TrainSettings, "--workdir=run", "surplus")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"epochs": 0}, "--epochs must be 1 or more"),
        ({"momentum": 1.5}, "--momentum must be 1 or less"),
        ({"schedule": "fast"}, "--schedule must be one of constant, cosine"),
    ],
)
def test_settings_have_the_bounds_of_flags(wrong, message):
    with pytest.raises(ValueError, match=message):
        TrainSettings(workdir="run", **wrong)


def test_what_is_kept_of_settings_decides_on_results():
    kept = TrainSettings(workdir="run", units=["1"]).to_dict()
    assert kept["units"] == ["1"] and kept["gradients"] == "orthogonal"
    assert not {"workdir", "data_dir", "download", "given"} & set(kept)
    assert "gradients" not in TrainSettings(workdir="r", greedy=True).to_dict()
    compared = TrainSettings(workdir="r").compared()
    # Of a model's file, the checksum is compared.
    may_differ = {"devices", "give_up_after", "model"}
    assert set(kept) - set(compared) == may_differ


def test_greedy_training_ignores_no_setting():
    _read(TrainSettings, "--workdir=run", "--greedy").check_strategy()
    for settings in (
        _read(
            TrainSettings, "--workdir=r", "--greedy", "--gradients=orthogonal"
        ),
        TrainSettings(workdir="r", greedy=True, gradients="sum"),
    ):
        with pytest.raises(ValueError, match="loss alone.*--gradients="):
            settings.check_strategy()


def test_settings_that_contradict_are_refused():
    for check, wrong, message in (
        ("strategy", {"greedy": True, "midfeat": True}, "choose one"),
        ("strategy", {"midfeat": True, "oracle_stage": 1}, "oracle_stage=1"),
        ("strategy", {"midfeat": True, "gradients": "sum"}, "--midfeat trains"),
        ("data", {"train_split": "train"}, "both --train_split and"),
        ("data", {"test_split": "test"}, "give --train_split and"),
        (
            "data",
            {"augment": False, "augmentation": ["flip"]},
            "--augmentation=flip",
        ),
    ):
        settings = TrainSettings(workdir="run", **wrong)
        with pytest.raises(ValueError, match=message):
            getattr(settings, f"check_{check}")()
    settings = _read(
        TrainSettings, "--workdir=run", "--momentum=0", "--nesterov"
    )
    with pytest.raises(ValueError, match="needs a momentum above 0"):
        settings.check_strategy()
    _read(TrainSettings, "--workdir=run", "--momentum=0").check_strategy()


def test_learning_rates_of_settings():
    def check(*flags):
        check_learning_rate(_read(TrainSettings, "--workdir=run", *flags))

    falling = "--schedule=epochs"
    check(falling, "--epochs=90", "--drop_epochs=30,60", "--warmup_epochs=5")
    for wrong in ("", "0", "60,30", "30,30", "1.5", "-1", "30,90"):
        with pytest.raises(ValueError, match=f"--drop_epochs={wrong}$"):
            check(falling, "--epochs=90", f"--drop_epochs={wrong}")
    with pytest.raises(ValueError, match="needs --drop_epochs"):
        check(falling)
    with pytest.raises(ValueError, match="--drop_factor must be above 1"):
        check(falling, "--drop_epochs=9", "--drop_factor=1")
    for flag in ("--drop_epochs=9", "--drop_factor=5"):
        with pytest.raises(ValueError, match="go with --schedule=epochs"):
            check("--schedule=steps", flag)
    with pytest.raises(ValueError, match="--warmup_epochs goes with"):
        check("--warmup_epochs=2")


def test_labels_are_an_object_or_a_table():
    assert parse_labels("{}") is parse_labels(None) is parse_labels("") is None
    assert parse_labels('{"fine": "label"}') == {"fine": "label"}
    assert parse_labels("tables/cub.csv") == "tables/cub.csv"
    with pytest.raises(ValueError, match="--labels must be a JSON object"):
        parse_labels("{fine}")


def test_new_arguments_of_data_are_passed_on_if_they_are_set():
    assert load_arguments({"data": "digits"}) == {"labels": None}
    settings = TrainSettings(workdir="run", image_size=32, labels="a.csv")
    assert load_arguments(settings.to_dict()) == {
        "labels": "a.csv",
        "image_size": 32,
    }


def test_arguments_of_the_network():
    settings = TrainSettings(
        workdir="run",
        nesting="w1-w2",
        units=["1", "2"],
        net_arguments='{"stem": "cifar"}',
    )
    assert settings.network_arguments() == {
        "l2": 5e-5,
        "stem": "cifar",
        "nesting": "w1-w2",
        "units": [1, 2],
    }
    for wrong, message in (
        ({"units": ["x"]}, "--units must be whole numbers. Received: x"),
        ({"net_arguments": "[1]"}, "--net_arguments must be a JSON object"),
        ({"net_arguments": '{"classes": 3}'}, "cannot set classes"),
    ):
        with pytest.raises(ValueError, match=message):
            TrainSettings(workdir="run", **wrong).network_arguments()


def test_lists_of_numbers():
    settings = EvaluateSettings(deadlines_ms=["1", "inf"])
    assert settings.numbers("deadlines_ms") == [1.0, float("inf")]
    assert settings.numbers("probabilities") is None
    with pytest.raises(ValueError, match="--probabilities must be numbers"):
        EvaluateSettings(probabilities=["x"]).numbers("probabilities")


def test_an_export_without_variants_is_refused():
    arguments = ("--model=m.keras", "--output=m.tflite")
    settings = _read(ExportSettings, *arguments)
    assert settings.paths() == {"float32": "m.tflite"}
    assert settings.numbers("thresholds") is None
    settings = _read(ExportSettings, *arguments, "--quantization=")
    with pytest.raises(ValueError, match="--quantization must name a variant"):
        settings.paths()
