import json

import pytest

from keras_anytime.experiments.run_folder import RunFolder
from keras_anytime.files import ContentError

DEFAULTS = {"seed": 0, "data": "digits", "oracle_stage": 0}
SETTINGS = {**DEFAULTS, "seed": 1}


def test_a_folder_keeps_to_its_settings(tmp_path):
    RunFolder(tmp_path / "new").check_settings(SETTINGS, DEFAULTS)
    folder = RunFolder(tmp_path)
    # It is older than the setting `oracle_stage`.
    folder.write_settings({"seed": 1, "data": "digits"})
    folder.check_settings(SETTINGS, DEFAULTS)
    for name, message in (
        ("seed", r"--seed=2 \(was 1\)"),
        ("oracle_stage", r"--oracle_stage=2 \(was 0\)"),
    ):
        with pytest.raises(ValueError, match=message):
            folder.check_settings({**SETTINGS, name: 2}, DEFAULTS)


def test_checkpoints_without_settings_are_not_gone_on_with(tmp_path):
    folder = RunFolder(tmp_path)
    (folder.checkpoints / "stage_1").mkdir(parents=True)
    folder.check_settings(SETTINGS, DEFAULTS)
    (folder.checkpoints / "stage_1" / "epoch_00001.keras").touch()
    with pytest.raises(ContentError, match="has checkpoints, but no settings"):
        folder.check_settings(SETTINGS, DEFAULTS)


def test_what_is_written_is_read(tmp_path):
    folder = RunFolder(tmp_path)
    folder.write_settings(SETTINGS)
    assert folder.read_settings() == SETTINGS
    folder.write_results({"command": "x"}, SETTINGS, 1, 0.5, {"points": []})
    assert folder.read_results() == {
        "command": "x",
        "flags": SETTINGS,
        "seed": 1,
        "minutes": 0.5,
        "curve": {"points": []},
    }
    assert json.loads((tmp_path / "settings.json").read_text()) == SETTINGS


def test_one_process_has_the_folder(tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.check_writable()
    with folder.lock():
        with pytest.raises(ValueError, match="Another process is training"):
            folder.lock()
    folder.lock().close()


def test_logs_are_those_of_all_stages(tmp_path):
    folder = RunFolder(tmp_path)
    paths = [folder.stage_history(stage) for stage in (1, 2)]
    for path in (*paths, folder.weights):
        path.touch()
    assert folder.histories() == paths
    assert folder.epoch_logs() == [*paths, folder.weights]
