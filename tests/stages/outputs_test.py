import pytest

from keras_anytime.stages import outputs as outputs_lib

NAMES = ["stage_1_fine", "stage_1_coarse", "stage_2_fine", "stage_2_coarse"]


@pytest.mark.parametrize(
    ("names", "sets"),
    [
        (["stage_1", "stage_2"], ()),
        ([f"stage_{k}" for k in range(1, 13)], ()),
        (NAMES, ("fine", "coarse")),
        (["stage_1_of_20", "stage_2_of_20"], ("of_20",)),
        (["stage_1_2"], ("2",)),
        (["other"], ()),
    ],
)
def test_label_sets_are_in_the_names_of_the_first_stage(names, sets):
    assert outputs_lib.label_sets(names) == sets


@pytest.mark.parametrize(
    "names",
    [
        NAMES[:3],
        [NAMES[0], NAMES[1], NAMES[3], NAMES[2]],
        [*NAMES[:2], "stage_3_fine", "stage_3_coarse"],
        [*NAMES[:2], "stage_2_fine", "stage_2_other"],
        [*NAMES[:2], "stage_2"],
        ["stage_1", "stage_1_fine"],
        ["stage_1", "stage_3"],
        ["a", "b"],
        ["stage_1_fine "],
    ],
)
def test_names_that_do_not_fit_are_refused(names):
    with pytest.raises(ValueError, match="Name the layers .*Received: "):
        outputs_lib.check_names(names)


def test_values_are_split_by_stages():
    outputs_lib.check_names(NAMES)
    assert outputs_lib.by_stage("abcd", ("fine", "coarse")) == [
        {"fine": "a", "coarse": "b"},
        {"fine": "c", "coarse": "d"},
    ]
    assert outputs_lib.by_stage("ab", ()) == ["a", "b"]
    assert outputs_lib.finest(NAMES) == ["stage_1_fine", "stage_2_fine"]
    assert outputs_lib.finest(["stage_1", "stage_2"]) == ["stage_1", "stage_2"]


def test_logits_have_the_names_of_their_label_sets():
    assert outputs_lib.named_logits("a") == {"logits": "a"}
    assert outputs_lib.named_logits({"fine": "a", "coarse": "b"}) == {
        "logits_fine": "a",
        "logits_coarse": "b",
    }


def test_targets_are_in_the_order_of_the_label_sets():
    sets = ("fine", "coarse")
    assert outputs_lib.targets({"coarse": 1, "fine": 2}, sets) == [2, 1]
    assert outputs_lib.targets(3, ()) == [3]
    for labels in ({"fine": 1}, {"fine": 1, "coarse": 2, "other": 3}, [1, 2]):
        with pytest.raises(ValueError, match=r"dict of \['coarse', 'fine'\]"):
            outputs_lib.targets(labels, sets)
    with pytest.raises(ValueError, match="without a dict"):
        outputs_lib.targets({"fine": 1}, ())


def test_sample_weights_are_for_all_outputs_or_for_each():
    names = ["stage_1_fine", "stage_1_coarse", "stage_2_fine", "stage_2_coarse"]
    assert outputs_lib.sample_weights(None, names) == [None] * 4
    assert outputs_lib.sample_weights(2, names) == [2] * 4
    assert outputs_lib.sample_weights([1, 2, None, 4], names) == [1, 2, None, 4]
    for given, expected in (
        ({"coarse": 1, "fine": 2}, [2, 1, 2, 1]),
        ({"stage_2": 1, "stage_1": 2}, [2, 2, 1, 1]),
        (dict(zip(names, [1, 2, 3, 4], strict=True)), [1, 2, 3, 4]),
    ):
        assert outputs_lib.sample_weights(given, names) == expected
    plain = ["stage_1", "stage_2"]
    assert outputs_lib.sample_weights(
        {"stage_1": 1, "stage_2": None}, plain
    ) == [
        1,
        None,
    ]


@pytest.mark.parametrize(
    "weights", [[1], (1, 2, 3), {"stage_1": 1}, {"stage_1": 1, "stage_3": 1}]
)
def test_sample_weights_that_leave_an_output_open_are_refused(weights):
    with pytest.raises(ValueError, match=r"all of \['stage_1', 'stage_2'\]"):
        outputs_lib.sample_weights(weights, ["stage_1", "stage_2"])
