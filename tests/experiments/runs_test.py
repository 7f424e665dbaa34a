import json

import pytest

from keras_anytime.evaluation import predict_stages
from keras_anytime.experiments.run_folder import RunFolder
from keras_anytime.experiments.runs import Run
from keras_anytime.experiments.runs import check_pairs
from keras_anytime.experiments.runs import check_same_data
from keras_anytime.experiments.runs import check_seeds
from tests.testing import hierarchical_net
from tests.testing import scramble
from tests.testing import tiny_net


def _write(folder, model=None, **settings):
    folder.mkdir(parents=True, exist_ok=True)
    settings = {"data": "digits", "eval_split": None, **settings}
    (folder / "settings.json").write_text(json.dumps(settings))
    if model is not None:
        model.save(folder / "model.keras")
    return folder


def test_a_run_brings_its_network_and_the_data_it_is_measured_on(tmp_path):
    model = scramble(tiny_net())
    run = Run(_write(tmp_path / "osgd", model))
    assert run.name == "osgd"
    assert run.info().classes == 10
    found = predict_stages(run.model, run.evaluation_data())
    assert (found.examples, found.num_stages) == (359, 3)
    found = run.evaluation_data(split="train[:30]", batch_size=20)
    assert [len(images) for images, _ in found] == [20, 10]
    # Its own split, in order, neither shuffled nor augmented.
    named = Run(_write(tmp_path / "osgd", eval_split="train[:30]"))
    for (x, y), (a, b) in zip(found, named.evaluation_data(), strict=False):
        assert (x.numpy() == a.numpy()[: len(x)]).all()
        assert (y.numpy() == b.numpy()[: len(y)]).all()


def test_label_sets_are_those_of_the_run(tmp_path, cifar100_dir):
    labels = {"fine": "label", "coarse": "coarse_label"}
    run = Run(
        _write(
            tmp_path,
            hierarchical_net(),
            data="cifar100",
            eval_split="test[:8]",
            labels=json.dumps(labels),
        ),
        cifar100_dir,
    )
    assert run.info().classes == {"fine": 100, "coarse": 20}
    ((images, found),) = run.evaluation_data()
    assert images.shape == (8, 32, 32, 3)
    assert set(found) == {"fine", "coarse"}


def test_what_is_no_finished_run_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="no settings.json"):
        Run(tmp_path / "nothing")
    with pytest.raises(FileNotFoundError, match="no model.keras"):
        Run(_write(tmp_path / "running"))
    folder = _write(tmp_path / "damaged", tiny_net())
    for content in ("", "[1]", "{", "null", 100_000 * "[", "[[1, 2]]"):
        (folder / "settings.json").write_text(content)
        with pytest.raises(ValueError, match="settings.json is damaged"):
            Run(folder)
        with pytest.raises(ValueError, match="settings.json is damaged"):
            RunFolder(folder).check_settings({"seed": 1}, {"seed": 0})


def _runs(tmp_path, *settings):
    return [
        Run(_write(tmp_path / str(index), tiny_net(), **one))
        for index, one in enumerate(settings)
    ]


def test_runs_of_one_training_differ_by_their_seeds_only(tmp_path):
    one, two, other = _runs(
        tmp_path,
        {"seed": 1, "epochs": 2},
        {"seed": 2, "epochs": 2},
        {"seed": 3, "epochs": 9},
    )
    check_seeds([one, two])
    with pytest.raises(ValueError, match="'2' with {'epochs': 9}, unlike '0'"):
        check_seeds([one, two, other])
    check_pairs([one, two], [one, two])
    for others in ([two, one], [one]):
        with pytest.raises(ValueError, match=r"seed by seed.*\[1, 2\] and"):
            check_pairs([one, two], others)
    with pytest.raises(ValueError, match="two seeds or more"):
        check_pairs([one], [one])


def test_runs_are_measured_on_the_same_data(tmp_path):
    one, other = _runs(tmp_path, {}, {"eval_split": "train[:9]"})
    check_same_data([one, one])
    check_same_data([one, other], "train[:20]")
    with pytest.raises(ValueError, match="digits None.*digits train"):
        check_same_data([one, other])


def test_only_osgd_has_a_priority(tmp_path):
    plain, late, sgd = _runs(
        tmp_path,
        {"gradients": "orthogonal", "gradients_arguments": "{}"},
        {
            "gradients": "OSGD",
            "gradients_arguments": '{"priority": [3, 1, 2]}',
        },
        {"gradients": "sum", "gradients_arguments": "{}"},
    )
    assert plain.priority == (1, 2, 3)
    assert late.priority == (3, 1, 2)
    assert sgd.priority == "2"
