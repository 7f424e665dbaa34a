import keras
import numpy as np
import pytest

import keras_anytime as ka
from tests.callbacks.nets import dense_net
from tests.testing import compiled
from tests.testing import digits
from tests.testing import sampled


@pytest.mark.parametrize(
    "arguments",
    [
        {"temperature": value}
        for value in (0, -1, float("nan"), float("inf"), "3", True, None)
    ]
    + [{"weight": value} for value in (-0.1, 1.1, float("nan"), "1", None)],
)
def test_an_argument_outside_its_range_is_named(arguments):
    ((name, value),) = arguments.items()
    with pytest.raises(ValueError, match=f"Received: {name}={value!r}"):
        ka.distillation.FromLastStage(**arguments)


def test_names_and_instances():
    taught = ka.distillation.FromLastStage(4.0)
    assert ka.distillation.names() == ["from_last_stage"]
    assert ka.distillation.get(None) is None
    assert ka.distillation.get(taught) is taught
    named = ka.distillation.get("FromLastStage", weight=0.2)
    assert named.get_config() == {"temperature": 3.0, "weight": 0.2}
    for wrong, arguments, message in (
        ("from_last", {}, "Did you mean 'from_last_stage'"),
        (0.5, {}, "must be a `Distillation`"),
        (taught, {"weight": 1}, "only if it is given by its name"),
        ("from_last_stage", {"size": 1}, "FromLastStage takes"),
    ):
        with pytest.raises(ValueError, match=message):
            ka.distillation.get(wrong, **arguments)


def test_a_network_of_one_stage_has_no_teacher():
    with pytest.raises(ValueError, match="no other stage to learn from"):
        compiled(dense_net(1), distillation="from_last_stage")


@pytest.mark.parametrize(
    ("classes", "loss"),
    sampled(
        [
            (1, "mse"),
            (2, "mse"),
            (2, keras.losses.Huber()),
            (2, lambda y, z: keras.ops.mean(abs(y - z), -1)),
        ],
        lambda case: case[1] == "mse",
    ),
)
def test_the_outputs_meaning_must_be_known(classes, loss):
    model = dense_net(2, classes)
    if classes > 1:
        with pytest.raises(ValueError, match="does not tell the task"):
            model.compile("sgd", loss, distillation="from_last_stage")
    declared = ka.AnytimeModel(
        model.input, model.outputs, task=ka.tasks.Regression(classes)
    )
    for network in (declared, *([model] if classes == 1 else [])):
        network.compile(
            "sgd",
            loss,
            distillation="from_last_stage",
            run_eagerly=keras.backend.backend() == "tensorflow",
        )
        x, _ = digits(8)
        y = np.zeros((8, classes))
        logs = network.fit(x, y, verbose=0).history
        assert np.all(np.isfinite(logs["loss"]))


def test_greedy_training_has_no_teacher():
    model = compiled(dense_net(2), distillation="from_last_stage")
    x, y = digits(8)
    with pytest.raises(ValueError, match="cannot teach it"):
        ka.training.fit_greedy(model, x, y, epochs=1)


def test_a_checkpoint_of_another_distillation_is_refused(tmp_path):
    x, y = digits(16)

    def fit(distillation):
        model = compiled(dense_net(2), distillation=distillation)
        model.fit(
            x,
            y,
            epochs=1,
            verbose=0,
            callbacks=[ka.callbacks.Resume(tmp_path)],
        )

    fit(None)
    with pytest.raises(ValueError, match="its distillation differs"):
        fit("from_last_stage")


def test_a_configuration_that_loses_an_argument_is_told():
    @keras.saving.register_keras_serializable("tests")
    class Forgetful(ka.distillation.FromLastStage):
        def __init__(self, temperature=1.0, weight=0.5, margin=0.1):
            super().__init__(temperature, weight)
            self.margin = margin

    with pytest.warns(UserWarning, match="loses .'margin'."):
        compiled(dense_net(2), distillation=Forgetful(margin=0.3))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"distillation": "last", "greedy": True}, "which cannot teach it"),
        ({"distillation_weight": 0.2}, "needs --distillation=last"),
        ({"distillation": "last", "midfeat": True}, None),
        ({"distillation": "last", "distillation_temperature": 4.0}, None),
    ],
)
def test_settings_of_the_command_line(settings, message):
    pytest.importorskip("tensorflow")
    from keras_anytime.experiments.train_settings import TrainSettings

    settings = TrainSettings(workdir="run", **settings)
    if message is None:
        settings.check_strategy()
    else:
        with pytest.raises(ValueError, match=message):
            settings.check_strategy()
    # A run that is older than the flag was trained without distillation.
    assert settings.defaults()["distillation"] == "none"
