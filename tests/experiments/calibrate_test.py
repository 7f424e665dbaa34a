import json

import pytest
from absl import flags

from keras_anytime.experiments import command_line
from keras_anytime.experiments.calibrate import calibrate
from keras_anytime.experiments.calibrate import calibration_table
from keras_anytime.experiments.calibrate import choose
from keras_anytime.experiments.queue_settings import CalibrationSettings
from keras_anytime.experiments.train_settings import TrainSettings
from tests.evaluation.examples import curve

ROW = (
    "--data=digits",
    "--train_split=train[:256]",
    "--eval_split=train[256:512]",
    "--units=1",
    "--filters=4",
    '--net_arguments={"nesting": "w1-w2"}',
    "--batch_size=32",
)


def _run(combiner, scale, seed, errors):
    return {
        "combiner": combiner,
        "scale": scale,
        "seed": seed,
        "failure": None if errors else "The loss of stage 1 is not finite",
        "losses": [1.5] * len(errors) if errors else None,
        "curve": curve((1, 2), errors, examples=1000).to_dict()
        if errors
        else None,
    }


def test_the_scale_of_the_lowest_mean_error_is_chosen():
    runs = [
        _run("normalized", 0.01, 1, [0.5, 0.4]),
        _run("normalized", 0.01, 2, [0.5, 0.4]),
        # Better at the last stage, and once better in the mean.
        _run("normalized", 0.1, 1, [0.6, 0.2]),
        _run("normalized", 0.1, 2, [0.7, 0.5]),
        # The best with one seed, and diverged with the other.
        _run("normalized", 0.3, 1, [0.1, 0.1]),
        _run("normalized", 0.3, 2, None),
        _run("orthogonal", 0.5, 1, [0.7, 0.89]),
        _run("orthogonal", 1.0, 1, None),
    ]
    assert choose(runs) == {"normalized": 0.01}
    table = calibration_table(runs)
    assert table.count("failed") == 2 and table.count("(chance)") == 1
    assert "60.0 20.0" in table


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"scales": ["0"]}, "--scales must be"),
        ({"scales": ["x"]}, "--scales must be"),
        ({"combiners": ["sum"]}, "--combiners must be"),
        ({"seeds": ["-1"]}, "--seeds must be"),
        ({"workdir": ""}, "--workdir must name"),
    ],
)
def test_settings_are_checked(tmp_path, wrong, message):
    settings = {"workdir": str(tmp_path), **wrong}
    with pytest.raises(ValueError, match=message):
        CalibrationSettings(**settings).check()


@pytest.mark.parametrize(
    ("row", "message"),
    [("--greedy", "have no scale"), ("--color=red", "flags of train.py")],
)
def test_flags_of_the_row_are_checked_before_there_is_work(
    tmp_path, row, message
):
    with pytest.raises(ValueError, match=message):
        calibrate(CalibrationSettings(workdir=str(tmp_path)), [row])
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_choice_is_kept_and_finished_runs_are_not_repeated(tmp_path, capsys):
    settings = CalibrationSettings(
        workdir=str(tmp_path), scales=["0.02", "0.05"], combiners=["orthogonal"]
    )
    row = [*ROW, "--epochs=6", "--augmentation="]
    chosen = calibrate(settings, row)
    assert capsys.readouterr().out.count("Training on") == 2
    kept = json.loads((tmp_path / "calibration.json").read_text())
    assert kept["chosen"] == chosen and set(chosen) == {"orthogonal"}
    assert [run["scale"] for run in kept["runs"]] == [0.02, 0.05]
    assert {"command", "commit", "arguments", "versions"} <= set(kept)
    for run in kept["runs"]:
        assert len(run["losses"]) == len(run["curve"]["points"]) == 2
        assert run["flags"]["gradients"] == "orthogonal"

    assert calibrate(settings, [*row, "--give_up_after=0.5"]) == chosen
    assert "Training on" not in capsys.readouterr().out
    with pytest.raises(ValueError, match="other flags: --epochs=7"):
        calibrate(settings, [*row, "--epochs=7"])

    # A flag file sets the choice for train.py.
    values = flags.FlagValues()
    command_line.define_flags(TrainSettings, values)
    values(["train", "--workdir=w", f"--flagfile={tmp_path}/orthogonal.flags"])
    read = command_line.read_settings(TrainSettings, (), values)
    assert read.gradients == "orthogonal"
    assert read.json_object("gradients_arguments") == {
        "normalize": True,
        "scale": chosen["orthogonal"],
    }
