import pytest

import keras_anytime as ka
from tests.callbacks.nets import dense_net
from tests.testing import compiled


@pytest.mark.parametrize("name", ["m.h5", "m.hdf5", "m.weights.h5"])
def test_a_file_that_could_not_be_loaded_is_not_written(tmp_path, name):
    with pytest.raises(ValueError, match=r"'\.keras'.*Received: filepath=.*m"):
        compiled(dense_net()).save(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["m", "m.tf", "m.keras.old"])
def test_what_keras_refuses_leaves_nothing_and_the_old_file(tmp_path, name):
    (tmp_path / name).write_text("mine")
    with pytest.raises(ValueError, match="Invalid filepath extension"):
        compiled(dense_net()).save(tmp_path / name)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["mine"]


@pytest.mark.parametrize("form", [{}, {"format": "onnx"}])
def test_an_export_of_keras_without_steps_is_refused(tmp_path, form):
    with pytest.raises(ValueError, match="keras_anytime.export.saved_model"):
        dense_net().export(tmp_path / "export", **form)
    assert list(tmp_path.iterdir()) == []


def test_each_model_of_the_library_is_refused(tmp_path):
    ensemble = ka.nets.ExponentialEnsemble
    assert ensemble.save is ka.AnytimeModel.save
    assert ensemble.export is ka.AnytimeModel.export
