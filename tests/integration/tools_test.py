"""The tools, as a user runs them."""

import csv

import numpy as np
import pytest

import keras_anytime as ka
from keras_anytime import manifest as manifest_lib
from keras_anytime.training.data_info import remember
from tests.testing import digits
from tests.testing import rows_of
from tests.testing import run_script
from tests.testing import sampled
from tests.testing import scramble
from tests.testing import tiny_net


@pytest.mark.parametrize(
    ("tool", "output"),
    sampled(
        [
            ("export_saved_model", "saved_model"),
            ("export_tflite", "anytime.tflite"),
        ],
        [("export_tflite", "anytime.tflite")],
    ),
)
def test_exporting_a_saved_network(repository, tmp_path, tool, output):
    model = scramble(tiny_net())
    model.save(tmp_path / "model.keras")
    run = run_script(
        repository,
        f"tools/{tool}.py",
        f"--model={tmp_path / 'model.keras'}",
        f"--output={tmp_path / output}",
        "--data=digits",
        "--thresholds=0.9,0.9",
        "--temperatures=2,1,0.5",
        "--product_answers",
        "--risk=0.01,0.9,2500",
    )
    assert run.returncode == 0, run.stderr
    assert str(tmp_path / output) in run.stdout
    manifest = manifest_lib.read_manifest(tmp_path / output)
    assert manifest.thresholds == (0.9, 0.9)
    assert manifest.temperatures == (2, 1, 0.5)
    assert manifest.product_answers
    assert manifest.risk == {"risk": 0.01, "level": 0.9, "examples": 2500}
    assert manifest.class_names == tuple("0123456789")
    x, _ = digits(2)
    with ka.runtime.AnytimePredictor(tmp_path / output) as predictor:
        want = model.stage(3)(x)[0]
        np.testing.assert_allclose(
            predictor.predict(x[0]).logits, want, rtol=1e-4, atol=1e-4
        )
    for flags in (
        [
            f"--model={tmp_path / 'none.keras'}",
            f"--output={tmp_path / 'x.tflite'}",
        ],
        [f"--model={tmp_path / 'model.keras'}"],
        [
            f"--model={tmp_path / 'model.keras'}",
            f"--output={tmp_path / 'x.tflite'}",
            "--risk=0.01,0.9",
        ],
    ):
        run = run_script(repository, f"tools/{tool}.py", *flags)
        assert run.returncode != 0
        assert run.stderr
        assert "Traceback" not in run.stderr


@pytest.mark.parametrize(
    "tool",
    sampled(["export_saved_model", "export_tflite"], ["export_saved_model"]),
)
def test_exports_need_no_data_set_that_the_model_remembers(
    repository, tmp_path, tool
):
    model = tiny_net("w1")
    remember(model, ka.data.info("digits"))
    model.save(tmp_path / "model.keras")
    output = tmp_path / "net.tflite"
    flags = [f"--model={tmp_path / 'model.keras'}", f"--output={output}"]
    run = run_script(repository, f"tools/{tool}.py", *flags)
    assert run.returncode == 0 and "--data" not in run.stderr
    manifest = manifest_lib.read_manifest(output)
    assert manifest.class_names == tuple("0123456789")
    assert manifest.preprocessing == ka.data.info("digits").preprocessing


def test_a_file_that_no_tool_can_prepare_images_for_is_not_silent(
    repository, tmp_path
):
    tiny_net("w1").save(tmp_path / "model.keras")
    output = tmp_path / "net.tflite"
    flags = [f"--model={tmp_path / 'model.keras'}", f"--output={output}"]
    run = run_script(repository, "tools/export_tflite.py", *flags)
    assert run.returncode == 0 and output.exists()
    assert "keras-anytime-run" in run.stderr and "--data" in run.stderr
    for more in (["--pixels=true"], ["--quantization=int8"], ["--verify"]):
        output.unlink(missing_ok=True)
        run = run_script(repository, "tools/export_tflite.py", *flags, *more)
        assert run.returncode == 1 and not output.exists()


@pytest.mark.parametrize(
    "tool", ["export_saved_model", "export_tflite", "compress"]
)
def test_a_data_set_of_another_image_size_is_refused(
    repository, tmp_path, tool
):
    tiny_net("w1", input_shape=(16, 16, 1)).save(tmp_path / "model.keras")
    output = tmp_path / ("net.keras" if tool == "compress" else "net.tflite")
    run = run_script(
        repository,
        f"tools/{tool}.py",
        f"--model={tmp_path / 'model.keras'}",
        f"--output={output}",
        "--data=digits",
        *(["--method=prune"] if tool == "compress" else []),
    )
    assert run.returncode == 1 and not output.exists()
    assert "(16, 16, 1)" in run.stderr and "(8, 8, 1)" in run.stderr


@pytest.mark.slow
def test_the_training_benchmark_measures_time_and_memory(repository, tmp_path):
    run = run_script(
        repository,
        "tools/benchmark_training.py",
        "--image_size=8",
        "--batch_size=8",
        "--nesting=w1-w2",
        "--units=1",
        "--filters=8",
        "--repetitions=1",
        "--steps=1",
        "--refresh_every=2",
        "--all",
        f"--csv={tmp_path / 'new' / 'cost.csv'}",
    )
    assert run.returncode == 0, run.stderr
    with open(tmp_path / "new" / "cost.csv") as file:
        rows = {row["row"]: row for row in csv.DictReader(file)}
    trained = [
        "single",
        "sum",
        "normalized",
        "orthogonal",
        "orthogonal, normalized",
        "orthogonal, refreshed every 2",
        "orthogonal, masked",
        "orthogonal, Keras' norm",
    ]
    compared = [
        "orthogonal / bound",
        "orthogonal, masked / orthogonal",
        "orthogonal / orthogonal, Keras' norm",
        "gram / orthogonal",
    ]
    assert list(rows) == [*trained, "gram", "bound", *compared]
    for name in (*trained, "gram"):
        assert float(rows[name]["ms_per_step"]) > 0
    for row in rows.values():
        lowest, ratio, highest = (
            float(row[column]) for column in ("lowest", "ratio", "highest")
        )
        assert lowest <= ratio <= highest
    assert rows["sum"]["ratio"] == rows["sum"]["peak_ratio"] == "1.000"
    for name in trained:
        assert float(rows[name]["peak_mib"]) > 0
        assert float(rows[name]["peak_ratio"]) > 0
    header, *lines = run.stdout.splitlines()
    titles = ["ms/step", "images/s", "ratio", "lowest", "highest"]
    assert header.split()[:5] == titles
    for line, row in zip(lines, rows.values(), strict=True):
        shown = line.removeprefix(row.pop("row")).split()
        assert shown == [value or "-" for value in row.values()]


@pytest.mark.slow
def test_the_training_benchmark_takes_any_network(repository):
    run = run_script(
        repository,
        "tools/benchmark_training.py",
        "--net=cascade_sparse_resnet",
        '--net_arguments={"num_stages": 2}',
        "--image_size=8",
        "--batch_size=2",
        "--units=2",
        "--filters=4",
        "--repetitions=1",
        "--refresh_every=1",
    )
    assert run.returncode == 0, run.stderr
    assert len(run.stdout.splitlines()) == 7


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (["--net=resnet"], "sparse_resnet"),
        (["--net=resnet", "--against=jax"], "sparse_resnet"),
        (["--net=sparse_resnet", "--masked"], "--masked"),
        (["--units=3,x"], "--units"),
        (["--net_arguments=3"], "--net_arguments"),
    ],
)
def test_the_training_benchmark_explains_wrong_flags(repository, flags, named):
    run = run_script(repository, "tools/benchmark_training.py", *flags)
    assert run.returncode == 1
    assert not run.stdout
    last = run.stderr.splitlines()[-1]
    assert last.startswith("benchmark_training.py: ") and named in last
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize(
    "first_step", [False, pytest.param(True, marks=pytest.mark.slow)]
)
def test_networks_are_listed_with_what_they_cost(
    repository, tmp_path, first_step
):
    run = run_script(
        repository,
        "tools/list_networks.py",
        "--names=shallow_resnext29",
        f"--first_step={first_step}",
        "--batch_size=2",
        f"--csv={tmp_path / 'networks.csv'}",
    )
    assert run.returncode == 0, run.stderr
    header, row = (line.split() for line in run.stdout.splitlines())
    (first, *_, last) = ka.evaluation.stage_costs(
        ka.nets.get("shallow_resnext29")
    )
    shown = dict(zip(header, row, strict=True))
    assert shown["stages"] == "8"
    assert shown["first_mmacs"] == f"{first.macs / 1e6:.2f}"
    assert shown["last_parameters"] == str(last.parameters)
    assert ("first_step_s" in shown) == first_step
    assert float(shown.get("first_step_s", 1)) > 0
    text = (tmp_path / "networks.csv").read_text().splitlines()
    assert text == [",".join(header), ",".join(row)]


def test_listing_an_unknown_network_says_which_there_are(repository):
    run = run_script(repository, "tools/list_networks.py", "--names=resnet")
    assert run.returncode != 0
    assert "'resnet'" in run.stderr and "width_resnet42" in run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.slow
def test_a_network_is_benchmarked_beside_separate_ones(repository, tmp_path):
    run = run_script(
        repository,
        "tools/benchmark_tflite.py",
        "--net=width_nested_resnet",
        '--net_arguments={"input_shape": [8, 8, 1], "units": [1], '
        '"filters": [8], "nesting": "w1-w2"}',
        "--threads=1",
        "--repetitions=2",
        f"--csv={tmp_path / 'times.csv'}",
    )
    assert run.returncode == 0, run.stderr
    rows = rows_of(tmp_path / "times.csv")
    forms = ["nested", "dense", "steps only", "separate 1", "separate 2"]
    assert list(dict.fromkeys(row["network"] for row in rows)) == forms
    sizes = {
        row["network"]: int(row["file_kb"]) for row in rows if row["file_kb"]
    }
    assert sizes["dense"] > sizes["nested"] > sizes["steps only"]
    named = {(row["network"], row["program"]): row for row in rows}
    assert ("steps only", "subnet 2") not in named
    # A first stage alone is the first separate network.
    first = named["separate 1", "subnet 1"]
    assert first["macs"] == named["nested", "subnet 1"]["macs"]


@pytest.mark.slow
def test_errors_of_a_verified_file_are_drawn_against_time(repository, tmp_path):
    model = scramble(tiny_net("w1-w2"))
    path = tmp_path / "net.tflite"
    ka.export.tflite(model, path)
    tool = ["tools/benchmark_tflite.py", f"--files={path}", "--repetitions=2"]
    picture = tmp_path / "latency.png"
    run = run_script(repository, *tool, f"--plot={picture}")
    assert run.returncode == 1
    assert "no error to draw" in run.stderr
    found = ka.export.verify(path, model, digits(16))
    run = run_script(repository, *tool, f"--plot={picture}")
    assert run.returncode == 0, run.stderr
    assert picture.read_bytes().startswith(b"\x89PNG")
    for error in found.errors:
        assert f"  {error:.4f}" in run.stdout
    for flags, message in (
        (["--net=resnet"], "Did you mean 'width_resnet42'"),
        (["--net=msdnet", "--net_arguments={"], "--net_arguments"),
        (["--net=width_resnet42", "--net_arguments=[]"], "JSON object"),
    ):
        run = run_script(repository, "tools/benchmark_tflite.py", *flags)
        assert run.returncode != 0
        assert message in run.stderr and "Traceback" not in run.stderr
