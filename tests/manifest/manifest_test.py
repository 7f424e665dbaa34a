import copy
import dataclasses
import json
import os
import shutil

import pytest

from keras_anytime import manifest as manifest_lib
from keras_anytime.manifest import manifest as manifest_module
from keras_anytime.manifest import reading
from keras_anytime.manifest.paths import pending_manifest_path
from tests.mutations import nested
from tests.testing import sampled

MANIFEST = manifest_lib.Manifest(
    kind="tflite",
    name="net",
    stages=(
        manifest_lib.StageRecord(1, 10, 20, 10, 20, 0.5),
        manifest_lib.StageRecord(2, 30, 60, 25, 50),
    ),
    signatures={
        f"{kind}_{k}": manifest_lib.Signature(
            inputs=(
                manifest_lib.TensorSpec("image", (None, 8, 8, 1), "float32"),
            ),
            outputs=(manifest_lib.TensorSpec("logits", (None, 10), "float32"),),
        )
        for kind in ("step", "subnet")
        for k in (1, 2)
    },
    sha256="0" * 64,
    class_names=("cat", "dog"),
    preprocessing={"scale": 255.0, "mean": [0.5], "std": [0.25]},
    versions={"keras": "3"},
    thresholds=(0.75,),
    temperatures=(1.5, 0.5),
)


# The same network with two label sets, in passes.
HIERARCHICAL = dataclasses.replace(
    MANIFEST,
    signatures={
        f"subnet_{k}": manifest_lib.Signature(
            inputs=MANIFEST.signatures["step_1"].inputs,
            outputs=(
                manifest_lib.TensorSpec("logits_fine", (1, 10), "float32"),
                manifest_lib.TensorSpec("logits_coarse", (1, 2), "float32"),
            ),
        )
        for k in (1, 2)
    },
    class_names={"fine": ("cat", "dog"), "coarse": ("animal",)},
    label_sets=("fine", "coarse"),
)


def _two_inputs():
    """The same network, of which stage 2 reads a table too."""
    table = manifest_lib.TensorSpec("table", (None, 3), "float32")
    photo = manifest_lib.TensorSpec("photo", (None, 8, 8, 1), "float32")
    return dataclasses.replace(
        MANIFEST,
        signatures={
            name: dataclasses.replace(
                signature,
                inputs=(photo, table) if name.endswith("2") else (photo,),
            )
            for name, signature in MANIFEST.signatures.items()
        },
        inputs=("photo", "table"),
        task="segmentation",
        stages=(
            dataclasses.replace(
                MANIFEST.stages[0], top1_error=None, error=1.5, miou=0.5
            ),
            MANIFEST.stages[1],
        ),
    )


def _write(folder, content):
    path = folder / "net.tflite"
    path.write_bytes(b"file")
    (folder / "net.tflite.json").write_text(
        content if isinstance(content, str) else json.dumps(content),
        errors="surrogateescape",
    )
    return path


def test_what_is_written_is_read(tmp_path):
    path = _write(tmp_path, MANIFEST.to_json())
    assert manifest_lib.read_manifest(path) == MANIFEST
    bare = dataclasses.replace(
        MANIFEST,
        class_names=None,
        preprocessing=None,
        thresholds=None,
        temperatures=None,
    )
    path = _write(tmp_path, bare.to_json())
    assert manifest_lib.read_manifest(path) == bare


def test_what_answers_are_trusted_for_is_read(tmp_path):
    manifest = dataclasses.replace(
        MANIFEST,
        product_answers=True,
        risk={"risk": 0.01, "level": 0.9, "examples": 2500},
    )
    path = _write(tmp_path, manifest.to_json())
    assert manifest_lib.read_manifest(path) == manifest


def test_networks_without_steps_and_with_label_sets(tmp_path):
    path = _write(tmp_path, HIERARCHICAL.to_json())
    assert manifest_lib.read_manifest(path) == HIERARCHICAL
    assert not HIERARCHICAL.interruptible
    assert MANIFEST.interruptible
    assert MANIFEST.logits_names == {None: "logits"}
    assert HIERARCHICAL.logits_names == {
        "fine": "logits_fine",
        "coarse": "logits_coarse",
    }


def test_several_inputs_and_errors_of_tasks(tmp_path):
    manifest = _two_inputs()
    path = _write(tmp_path, manifest.to_json())
    assert manifest_lib.read_manifest(path) == manifest
    assert manifest.input_names == ("photo", "table")
    assert manifest.image_input == "photo"
    assert MANIFEST.input_names == ("image",)
    assert MANIFEST.tasks == {None: None}
    tasks = {"fine": None, "coarse": "regression"}
    both = dataclasses.replace(HIERARCHICAL, task=tasks)
    path = _write(tmp_path, both.to_json())
    assert manifest_lib.read_manifest(path).tasks == tasks
    # As earlier versions wrote it.
    first = dataclasses.replace(HIERARCHICAL, task="binary")
    assert first.tasks == {"fine": "binary", "coarse": None}


@pytest.mark.parametrize(
    "change",
    [
        {"inputs": None},
        {"inputs": []},
        {"inputs": "photo"},
        {"inputs": ["photo"]},
        {"inputs": ["photo", "photo"]},
        {"inputs": ["photo", "table", "other"]},
        {"inputs": ["photo", 1]},
        {"inputs": ["photo", "logits"]},
        {"task": "pose"},
        {"task": 1},
        {"task": {}},
        {"task": {"fine": "binary"}},
        {"preprocessing": {"scale": 1.0, "mean": [0.0] * 3, "std": [1.0] * 3}},
        {"tokens": {"other": 5}},
        {"tokens": {"image": 0}},
    ],
)
def test_damaged_inputs_and_tasks_are_refused(tmp_path, change):
    content = {**json.loads(_two_inputs().to_json()), **change}
    del content["checksum"]
    with pytest.raises(manifest_lib.ManifestError, match="damaged"):
        manifest_lib.read_manifest(_write(tmp_path, content))


def test_programs_agree_on_an_input(tmp_path):
    content = json.loads(_two_inputs().to_json())
    del content["checksum"]
    content["signatures"]["step_2"]["inputs"][0]["shape"] = [None, 4, 4, 1]
    with pytest.raises(manifest_lib.ManifestError, match="step_2.*another"):
        manifest_lib.read_manifest(_write(tmp_path, content))


def test_pixels_need_an_image(tmp_path):
    content = json.loads(MANIFEST.to_json())
    del content["checksum"]
    for signature in content["signatures"].values():
        signature["inputs"][0]["shape"] = [None, 8]
    numbers = {"scale": 255.0, "mean": [0.5], "std": [0.25]}
    content["pixels"] = {"size": [8, 8], **numbers}
    with pytest.raises(manifest_lib.ManifestError, match="no input takes"):
        manifest_lib.read_manifest(_write(tmp_path, content))


def test_manifests_from_before_label_sets_and_thresholds_are_read(tmp_path):
    content = json.loads(MANIFEST.to_json())
    # Nor had they a checksum of their own.
    for name in (
        *("label_sets", "thresholds", "temperatures", "checksum"),
        *("product_answers", "risk"),
    ):
        del content[name]
    path = _write(tmp_path, content)
    assert manifest_lib.read_manifest(path) == dataclasses.replace(
        MANIFEST, thresholds=None, temperatures=None
    )


@pytest.mark.parametrize(
    "change",
    [
        {"label_sets": None},
        {"label_sets": "fine"},
        {"label_sets": [1]},
        {"label_sets": ["fine", "coarse", "other"]},
        {"class_names": ["cat", "dog"]},
        {"class_names": {"fine": ["cat"]}},
        {"class_names": {"fine": ["a"], "coarse": ["b"], "other": ["c"]}},
        {"class_names": {"fine": ["a"], "coarse": "b"}},
    ],
)
def test_damaged_label_sets_are_refused(tmp_path, change):
    content = {**json.loads(HIERARCHICAL.to_json()), **change}
    with pytest.raises(manifest_lib.ManifestError, match="damaged"):
        manifest_lib.read_manifest(_write(tmp_path, content))


@pytest.mark.parametrize("lost", ["step_1", "step_2", "subnet_1", "subnet_2"])
def test_signatures_are_there_for_all_stages(tmp_path, lost):
    content = json.loads(MANIFEST.to_json())
    del content["signatures"][lost]
    with pytest.raises(manifest_lib.ManifestError, match=f"damaged.*{lost}"):
        manifest_lib.read_manifest(_write(tmp_path, content))


@pytest.mark.parametrize("name", ["net.tflite", "folder"])
def test_missing_files_missing_manifests_and_foreign_files_differ(
    tmp_path, name
):
    def error():
        with pytest.raises(manifest_lib.ManifestError) as caught:
            manifest_lib.read_manifest(path)
        return str(caught.value)

    path = tmp_path / name
    assert error() == f"There is no exported network {str(path)!r}."
    file = path
    if name == "folder":
        path.mkdir()
        assert "was not exported by keras_anytime" in error()
        file = path / "saved_model.pb"
    for foreign in (b"", b"other signatures"):
        file.write_bytes(foreign)
        assert "was not exported by keras_anytime" in error()
    file.write_bytes(b"\0subnet_1\0")
    where = manifest_lib.manifest_path(path)
    assert f"copy that along, to {str(where)!r}" in error()
    where.mkdir()
    assert "cannot be read" in error()


@pytest.mark.parametrize(
    ("name", "message"),
    [("net.keras", "keras_anytime.load_model"), ("net.tflite.json", "'.json'")],
)
def test_what_is_no_export_says_what_to_open(tmp_path, name, message):
    path = tmp_path / name
    path.write_bytes(b"names step_1")
    with pytest.raises(manifest_lib.ManifestError, match=message):
        manifest_lib.read_manifest(path)


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "{}", '"format"', "3", "\udcff"]
)
def test_what_is_no_manifest_is_refused(tmp_path, content):
    with pytest.raises(manifest_lib.ManifestError, match="not a manifest"):
        manifest_lib.read_manifest(_write(tmp_path, content))


def test_an_unknown_version_is_refused(tmp_path):
    content = json.loads(MANIFEST.to_json())
    path = _write(tmp_path, {**content, "format_version": 2})
    with pytest.raises(manifest_lib.ManifestError, match="version 2"):
        manifest_lib.read_manifest(path)
    path = _write(tmp_path, {**content, "format": "other"})
    with pytest.raises(manifest_lib.ManifestError, match="'other' version 1"):
        manifest_lib.read_manifest(path)


@pytest.mark.parametrize(
    "change",
    [
        {"stages": []},
        {"stages": [{"stage": 1}]},
        {"stages": [{**dataclasses.asdict(MANIFEST.stages[1])}]},
        {"signatures": {"step_1": {"inputs": [{}], "outputs": []}}},
        {"signatures": None},
        {"signatures": {}},
        {"class_names": "cat"},
        {"sha256": 3},
        {"thresholds": 0.75},
        {"thresholds": [0.75, 0.5]},
        {"thresholds": [1.5]},
        {"thresholds": ["high"]},
        {"temperatures": 1.5},
        {"temperatures": [1.5]},
        {"temperatures": [1.5, 0.0]},
        {"temperatures": [1.5, -1.0]},
        {"temperatures": [1.5, 1e31]},
        {"temperatures": [1.5, "hot"]},
        {"kind": None},
        {
            "stages": [
                {**dataclasses.asdict(MANIFEST.stages[0]), "macs": "many"}
            ]
        },
    ],
)
def test_a_damaged_manifest_is_refused(tmp_path, change):
    content = {**json.loads(MANIFEST.to_json()), **change}
    with pytest.raises(manifest_lib.ManifestError, match="damaged"):
        manifest_lib.read_manifest(_write(tmp_path, content))


def _other_texts(text, step):
    """The text with a visible character changed, at each or every nth place."""
    for index in range(0, len(text), step):
        letter = text[index]
        if not letter.isspace():
            other = "1" if letter != "1" else "2"
            yield text[:index] + other + text[index + 1 :]


@pytest.mark.parametrize("step", sampled([1, 7], [7]))
def test_no_character_can_change_unnoticed(tmp_path, step):
    text = MANIFEST.to_json()
    for other in _other_texts(text, step):
        with pytest.raises(manifest_lib.ManifestError):
            manifest_lib.read_manifest(_write(tmp_path, other))


@pytest.mark.parametrize("kept", range(0, 2500, 13))
def test_a_manifest_cut_short_is_refused(tmp_path, kept):
    text = MANIFEST.to_json().rstrip()
    assert kept < len(text)
    with pytest.raises(manifest_lib.ManifestError):
        manifest_lib.read_manifest(_write(tmp_path, text[:kept]))


def test_hostile_manifests_are_refused(tmp_path):
    content = json.loads(MANIFEST.to_json())
    text = MANIFEST.to_json()
    for hostile in (
        "[" * 100_000,
        # There is a depth that can be read, but no more.
        *(nested(depth) for depth in range(900, 1000, 4)),
        *(
            text.replace(
                '"class_names": [', f'"class_names": [{nested(depth)},'
            )
            for depth in range(900, 1000, 4)
        ),
        '{"format": "keras_anytime", "format_version": 1, "stages": '
        + "9" * 5000
        + "}",
        json.dumps({**content, "extra": 1}),
        json.dumps({**content, "kind": "../../etc"}),
        json.dumps({**content, "format_version": "1"}),
    ):
        with pytest.raises(manifest_lib.ManifestError):
            manifest_lib.read_manifest(_write(tmp_path, hostile))


def _image(**change):
    """Signatures of which each takes another image."""
    found = copy.deepcopy(json.loads(MANIFEST.to_json())["signatures"])
    for signature in found.values():
        signature["inputs"][0].update(change)
    return {"signatures": found}


def _stage(**change):
    first, second = json.loads(MANIFEST.to_json())["stages"]
    return {"stages": [{**first, **change}, second]}


def _preprocessing(**change):
    return {"preprocessing": {**MANIFEST.preprocessing, **change}}


_NAN, _INF, _HUGE = float("nan"), float("inf"), 10**400
_SPEC = {"dtype": "int8", "quantization": {"scale": 1.0, "zero_point": 0}}


@pytest.mark.parametrize(
    "change",
    [
        *(
            _image(shape=shape)
            for shape in (
                *([-5, 8, 8, 1], [0, 8, 8, 1], [True, 8, 8, 1], [1.5, 8]),
                *([2**31, 8, 8, 1], [2**16, 2**16, 1, 1], [1] * 9, [], 8, None),
            )
        ),
        *(_image(dtype=dtype) for dtype in ("object", "string", "<f4", 1)),
        *(
            _image(
                **_SPEC | {"quantization": {"scale": scale, "zero_point": 0}}
            )
            for scale in (_NAN, _INF, 0, -1.0, _HUGE, "1", None, True, 1e-300)
        ),
        *(
            _image(
                **_SPEC | {"quantization": {"scale": 1.0, "zero_point": zero}}
            )
            for zero in (0.5, _HUGE, None, True)
        ),
        _image(quantization=_SPEC["quantization"]),  # Of floats.
        _image(**_SPEC | {"quantization": {"scale": 1.0}}),
        _image(name="other"),
        _image(other=1),
        *(
            _preprocessing(**{name: value})
            for name in ("scale", "mean", "std")
            for value in (
                *("1", None, True, _NAN, _INF, _HUGE, {}, {"a": 1}, [[]]),
                *([[1.0]], [1.0, 1.0, 1.0], ["1"], [None], [_NAN]),
            )
        ),
        *(_preprocessing(**{name: 0}) for name in ("scale", "mean", "std")),
        _preprocessing(std=[0.0]),
        _preprocessing(other=1),
        *(
            {"preprocessing": value}
            for value in ([], "scale", {}, {"scale": 1})
        ),
        *(
            {"pixels": {**MANIFEST.preprocessing, "size": size}}
            for size in ([8], [8, 8, 8], [8, -8], [8, 8.5], 8, None, "88")
        ),
        *({"verified": {"a": value}} for value in (_NAN, "1", {}, [[1]], True)),
        *({"versions": value} for value in (None, [], {"a": 1}, {"a": {}})),
        *(_stage(macs=value) for value in (-1, 1.5, True, 2**63, None)),
        *(_stage(top1_error=value) for value in (-0.1, 1.1, _NAN, True, "0")),
        *(_stage(error=value) for value in (-0.1, _NAN, _INF, True, "0")),
        *(_stage(miou=value) for value in (-0.1, 1.1, _NAN, True, "0")),
        _stage(stage=0),
        _stage(other=1),
        *({"thresholds": [value]} for value in ("0.5", True, _NAN, None)),
        *({"temperatures": [1.0, value]} for value in (True, _NAN, None)),
        *({"resizable": value} for value in (1, None, "yes")),
        *({"product_answers": value} for value in (1, None, "yes")),
        {"product_answers": True, "task": "binary"},
        *(
            {"risk": {"risk": 0.1, "level": 0.9, "examples": 5} | change}
            for change in (
                *({"risk": 1.5}, {"level": True}, {"examples": 0}),
                *({"examples": 1.5}, {"other": 1}),
            )
        ),
        *({"risk": value} for value in ({}, 0.1, {"risk": 0.1})),
        {
            "risk": {"risk": 0.1, "level": 0.9, "examples": 5},
            "thresholds": None,
        },
        *({name: 1} for name in ("name", "quantization", "extra")),
        {"class_names": {"fine": ["a"]}},
        {"label_sets": []},
        {"label_sets": ["logits", "logits"]},
        {"versions": json.loads(nested(900, "{}"))},
    ],
    ids=lambda change: str(next(iter(change))),
)
def test_values_that_no_export_writes_are_refused(tmp_path, change):
    content = {**json.loads(MANIFEST.to_json()), **change}
    # Whoever wrote them can have written the checksum, too.
    del content["checksum"]
    with pytest.raises(manifest_lib.ManifestError, match="damaged") as caught:
        manifest_lib.read_manifest(_write(tmp_path, content))
    assert len(str(caught.value)) < 1000


def _moved(content, signature, end, name):
    """Gives a signature one more input or output."""
    tensors = content["signatures"][signature][end]
    tensors.append({**tensors[0], "name": name})


@pytest.mark.parametrize(
    ("signature", "name"),
    [
        ("step_1", "image2"),  # Two images,
        ("step_1", "image"),  # or one twice.
        ("subnet_2", "image2"),
        ("step_2", "later"),  # A feature that no earlier step leaves.
    ],
)
def test_programs_read_one_image_and_what_earlier_ones_leave(
    tmp_path, signature, name
):
    content = json.loads(MANIFEST.to_json())
    del content["checksum"]
    # It is left by a step, but by a later one.
    _moved(content, "step_2", "outputs", "later")
    assert manifest_lib.read_manifest(_write(tmp_path, content))
    _moved(content, signature, "inputs", name)
    with pytest.raises(manifest_lib.ManifestError, match="damaged"):
        manifest_lib.read_manifest(_write(tmp_path, content))


@pytest.mark.parametrize("kind", ["device", "pipe", "folder", "link"])
def test_a_manifest_is_a_regular_file(tmp_path, kind):
    path = _write(tmp_path, MANIFEST.to_json())
    where = manifest_lib.manifest_path(path)
    where.rename(tmp_path / "other.json")
    if kind == "pipe":
        os.mkfifo(where)
    elif kind == "folder":
        where.mkdir()
    else:
        where.symlink_to("/dev/zero" if kind == "device" else "other.json")
    if kind == "link":
        assert manifest_lib.read_manifest(path) == MANIFEST
        return
    with pytest.raises(manifest_lib.ManifestError, match="cannot be read"):
        manifest_lib.read_manifest(path)
    # So is what it belongs to, where nothing is known of it.
    where.rmdir() if kind == "folder" else where.unlink()
    path.unlink()
    if kind == "pipe":
        os.mkfifo(path)
        with pytest.raises(manifest_lib.ManifestError, match="not exported"):
            manifest_lib.read_manifest(path)


@pytest.mark.parametrize(
    "change",
    [
        {"thresholds": (float("nan"),)},
        {"verified": {"agreement": [float("inf")]}},
        {"preprocessing": {"scale": "255"}},
        {"name": "a" * 5 * 2**20},
    ],
)
def test_what_could_not_be_read_is_not_written(change):
    with pytest.raises(manifest_lib.ManifestError, match="no manifest that"):
        dataclasses.replace(MANIFEST, **change).to_json()


def test_a_manifest_too_large_is_not_even_read(tmp_path, monkeypatch):
    path = _write(tmp_path, MANIFEST.to_json())
    monkeypatch.setattr(manifest_module, "MAX_BYTES", 100)
    with pytest.raises(manifest_lib.ManifestError, match="larger than 100"):
        manifest_lib.read_manifest(path)


def test_a_sparse_file_of_a_terabyte_is_no_manifest(tmp_path):
    path = _write(tmp_path, MANIFEST.to_json())
    os.truncate(manifest_lib.manifest_path(path), 2**40)
    with pytest.raises(manifest_lib.ManifestError, match="larger than"):
        manifest_lib.read_manifest(path)


def test_the_manifest_that_waits_is_found(tmp_path):
    path = _write(tmp_path, MANIFEST.to_json())
    assert manifest_lib.matching_manifest(path) is None
    mine = dataclasses.replace(MANIFEST, sha256=manifest_lib.checksum(path))
    pending = pending_manifest_path(path)
    for other in ("{", MANIFEST.to_json()):
        pending.write_text(other)
        assert manifest_lib.matching_manifest(path) is None
    pending.write_text(mine.to_json())
    assert manifest_lib.matching_manifest(path) == mine
    # So it is after a first export, which had none to replace.
    manifest_lib.manifest_path(path).unlink()
    assert manifest_lib.matching_manifest(path) == mine
    _write(tmp_path, mine.to_json())
    pending.unlink()
    assert manifest_lib.matching_manifest(path) == mine


def test_what_is_verified_is_what_is_read(tmp_path, monkeypatch):
    path = _write(tmp_path, MANIFEST.to_json())

    def export(content):
        path.write_bytes(content)
        mine = dataclasses.replace(MANIFEST, sha256=manifest_lib.checksum(path))
        manifest_lib.manifest_path(path).write_text(mine.to_json())
        return mine

    first = export(b"first")
    assert reading.read_verified(path) == (first, b"first")
    # Another export comes between the reading of the two, three times.
    find, contents = reading._candidates, [b"second", b"third", b"fourth"]

    def found_late(path):
        if contents:
            export(contents.pop(0))
        return find(path)

    monkeypatch.setattr(reading, "_candidates", found_late)
    manifest, content = reading.read_verified(path)
    assert content == b"fourth"
    assert manifest == export(b"fourth")
    path.write_bytes(b"damaged")
    assert reading.read_verified(path) == (None, b"damaged")
    shutil.rmtree(tmp_path)
    with pytest.raises(manifest_lib.ManifestError, match="There is no"):
        reading.read_verified(path)


def test_a_manifest_that_waits_is_settled(tmp_path):
    path = _write(tmp_path, MANIFEST.to_json())
    mine = dataclasses.replace(MANIFEST, sha256=manifest_lib.checksum(path))
    pending = pending_manifest_path(path)
    reading.settle_pending_manifest(path)
    for other in ("{", MANIFEST.to_json()):
        pending.write_text(other)
        reading.settle_pending_manifest(path)
        assert pending.exists()
        assert manifest_lib.read_manifest(path) == MANIFEST
    pending.write_text(mine.to_json())
    reading.settle_pending_manifest(path)
    assert not pending.exists()
    assert manifest_lib.read_manifest(path) == mine


def test_temperatures_are_found_by_the_numbers_of_stages():
    assert [MANIFEST.temperature(stage) for stage in (1, 2)] == [1.5, 0.5]
    second = dataclasses.replace(
        MANIFEST, stages=MANIFEST.stages[1:], temperatures=(0.5,)
    )
    assert second.temperature(2) == 0.5
    without = dataclasses.replace(MANIFEST, temperatures=None)
    assert without.temperature(2) == 1


def test_chosen_stages_keep_their_numbers(tmp_path):
    chosen = dataclasses.replace(
        MANIFEST,
        stages=MANIFEST.stages[1:],
        signatures={
            name: signature
            for name, signature in MANIFEST.signatures.items()
            if name.endswith("2")
        },
        thresholds=None,
        temperatures=(0.5,),
        quantization="int8",
    )
    assert manifest_lib.read_manifest(_write(tmp_path, chosen.to_json())) == (
        chosen
    )
    assert chosen.interruptible
    assert chosen.program_names == ("step_2",)
    assert HIERARCHICAL.program_names == ("subnet_1", "subnet_2")


def test_a_checksum_depends_on_names_and_contents_but_no_manifest(tmp_path):
    folder = tmp_path / "export"
    (folder / "variables").mkdir(parents=True)
    (folder / "a").write_text("1")
    (folder / "variables" / "b").write_text("2")
    first = manifest_lib.checksum(folder)
    (folder / "manifest.json").write_text("{}")
    assert manifest_lib.checksum(folder) == first
    (folder / "a").rename(folder / "c")
    assert manifest_lib.checksum(folder) != first
