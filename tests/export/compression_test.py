import os
import zlib

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_anytime as ka
from tests.conformance import catalogue
from tests.export import inputs_nets
from tests.testing import compiled
from tests.testing import digits
from tests.testing import hierarchical_digits
from tests.testing import hierarchical_net
from tests.testing import run_script
from tests.testing import tiny_net

METHODS = {
    "quantization_aware": ka.export.quantization_aware,
    "prune": ka.export.prune,
    "cluster": ka.export.cluster,
}


@pytest.fixture(scope="module")
def trained():
    """A network that knows its images, and these."""
    model = compiled(
        tiny_net(units=(1, 1), filters=(8, 16)),
        optimizer=keras.optimizers.Adam(3e-3),
        run_eagerly=False,
    )
    x, y = digits(256)
    model.fit(x, y, epochs=25, batch_size=32, verbose=0)
    return model, x, y


def _accuracy(model, x, y):
    outputs = model(x, training=False)
    return np.array([np.mean(np.argmax(output, -1) == y) for output in outputs])


def _kernels(model):
    """The kernels of convolutions and dense layers, by their layers' names."""
    return {
        layer.name: np.asarray(layer.kernel)
        for layer in model.layers
        if hasattr(layer, "kernel")
    }


def _zeros(size, sparsity):
    """The number of zeros in a pruned kernel, rounded as tfmot does."""
    return size - max(round(size * (1 - sparsity)), 1)


def _grouped_net():
    keras.utils.set_random_seed(0)
    return ka.nets.shallow_resnext(
        (8, 8, 1),
        10,
        units=(1, 1),
        filters=(8, 16),
        branches=2,
        branch_filters=2,
    )


def _check_compressed(method, kernels, before):
    for name, kernel in kernels.items():
        if method == "prune":
            assert np.sum(kernel == 0) == _zeros(kernel.size, 0.5), name
        if method == "cluster":
            assert len(np.unique(kernel)) <= 5, name
        assert np.any(kernel != before[name]), name


@pytest.mark.slow
def test_training_for_8_bits_moves_all_stages_and_keeps_them_right(trained):
    model, x, y = trained
    before = model.get_weights()
    accuracy = _accuracy(model, x, y)
    assert accuracy[-1] > 0.8
    aware = ka.export.quantization_aware(model, (x, y))
    assert type(aware) is ka.AnytimeModel
    assert not aware.compiled
    for weight, trained_weight, now in zip(
        before, aware.get_weights(), model.get_weights(), strict=True
    ):
        # Statistics of normalization too come back.
        assert np.any(weight != trained_weight)
        np.testing.assert_array_equal(weight, now)
    assert np.all(_accuracy(aware, x, y) >= accuracy - 0.05)
    assert "TF_USE_LEGACY_KERAS" not in os.environ


@pytest.mark.slow
@pytest.mark.parametrize("sparsity", [0.5, 0.8])
def test_each_kernel_has_its_share_of_zeros(trained, sparsity):
    model, x, y = trained
    before = model.get_weights()
    pruned = ka.export.prune(model, (x, y), sparsity=sparsity, epochs=1)
    for name, kernel in _kernels(pruned).items():
        assert np.sum(kernel == 0) == _zeros(kernel.size, sparsity), name
    for weight, now in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, now)


@pytest.mark.slow
def test_smallest_weights_are_pruned(trained):
    model, x, y = trained
    pruned = ka.export.prune(
        model, (x, y), initial_sparsity=0.5, epochs=1, learning_rate=1e-9
    )
    for name, kernel in _kernels(model).items():
        left = _kernels(pruned)[name] != 0
        assert np.min(np.abs(kernel[left])) >= np.max(np.abs(kernel[~left]))
        np.testing.assert_allclose(
            _kernels(pruned)[name][left], kernel[left], atol=1e-6
        )


@pytest.mark.slow
def test_kernels_have_few_values_and_stages_stay_right(trained):
    model, x, y = trained
    clustered = ka.export.cluster(model, (x, y), clusters=16)
    for name, kernel in _kernels(clustered).items():
        assert len(np.unique(kernel)) <= 16, name
    assert min(kernel.size for kernel in _kernels(model).values()) < 64
    accuracy = _accuracy(model, x, y)
    assert np.all(_accuracy(clustered, x, y) >= accuracy - 0.1)


@pytest.mark.slow
def test_more_clusters_than_weights(trained):
    model, x, y = trained
    clustered = ka.export.cluster(model, (x[:32], y[:32]), clusters=200)
    assert any(kernel.size < 200 for kernel in _kernels(model).values())
    for kernel in _kernels(clustered).values():
        assert len(np.unique(kernel)) <= 200


@pytest.mark.slow
def test_pruned_kernels_stay_sparse_in_clustering_and_compress(
    trained, tmp_path
):
    model, x, y = trained
    pruned = ka.export.prune(model, (x, y), sparsity=0.7, epochs=1)
    both = ka.export.cluster(pruned, (x, y), clusters=6)
    sizes = {}
    for name, network in {"all": model, "some": pruned, "few": both}.items():
        # Keras works on, and exports, in the process that tfmot is in.
        ka.export.tflite(network, tmp_path / f"{name}.tflite")
        sizes[name] = ka.export.file_sizes(tmp_path / f"{name}.tflite")
    for name, kernel in _kernels(both).items():
        assert len(np.unique(kernel)) <= 6
        assert np.all(kernel[_kernels(pruned)[name] == 0] == 0)
    assert sizes["some"].compressed < 0.8 * sizes["all"].compressed
    assert sizes["few"].compressed < sizes["some"].compressed
    assert compiled(tiny_net()).fit(x, y, verbose=0).history["loss"]


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_groups_do_not_count_what_is_outside_of_them(method):
    model = _grouped_net()
    options = {"clusters": 5} if method == "cluster" else {}
    x, y = digits(64)
    result = METHODS[method](model, (x, y), **options)
    _check_compressed(method, _kernels(result), _kernels(model))


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_label_sets_and_data_sets(method):
    model = hierarchical_net()
    data = tf.data.Dataset.from_tensor_slices(hierarchical_digits())
    result = METHODS[method](model, data.batch(16), stage_weights=(1, 2, 0.5))
    assert result.label_sets == ("fine", "coarse")
    assert len(result.outputs) == len(model.outputs)


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("name", "task"),
    [
        ("table", ka.tasks.Regression()),
        ("table", ka.tasks.MultiLabel(2)),
        ("series", 3),
        ("two_inputs", ka.tasks.Binary()),
        ("segmentation", 3),
    ],
)
def test_every_task_and_several_inputs(method, name, task):
    model = inputs_nets.built(name, task)
    x = inputs_nets.examples(model, 64)
    rng = np.random.default_rng(0)
    shape = (64, *model.outputs[0].shape[1:])
    labels = {
        "regression": rng.normal(size=shape).astype("float32"),
        "classification": rng.integers(0, 3, 64),
        "segmentation": rng.integers(0, 3, shape[:-1]),
    }.get(model.tasks[None].name, rng.integers(0, 2, shape))
    options = {"clusters": 5} if method == "cluster" else {}
    if (name, method) == ("series", "quantization_aware"):
        with pytest.raises(ValueError, match="cannot round.*conv1d"):
            METHODS[method](model, (x, labels))
        return
    result = METHODS[method](model, (x, labels), **options)
    assert result.tasks == model.tasks
    assert any(
        np.any(kernel != _kernels(model)[name])
        for name, kernel in _kernels(result).items()
    )
    with pytest.raises(ValueError, match="Received"):
        METHODS[method](model, (x, labels[:5]), **options)


@pytest.mark.slow
def test_stage_weights_leave_stages_out():
    model = tiny_net()
    result = ka.export.prune(model, digits(), stage_weights=(1, 0, 0))
    before, after = (
        np.asarray(network.get_layer("stage_3").bias)
        for network in (model, result)
    )
    np.testing.assert_array_equal(before, after)
    assert np.any(np.asarray(result.get_layer("stage_1").bias) != 0)


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "family", [name for name in catalogue.NETWORKS if "inclusive_r" not in name]
)
def test_every_family_with_a_tf_keras_copy(family, method):
    model = catalogue.NETWORKS[family]()
    rng = np.random.default_rng(0)
    x = rng.standard_normal((64, *model.input_shape[1:])).astype("float32")
    y = rng.integers(0, 5, 64)
    if model.label_sets:
        y = {name: y % 2 for name in model.label_sets}
    options = {"clusters": 5} if method == "cluster" else {}
    result = METHODS[method](model, (x, y), **options)
    _check_compressed(method, _kernels(result), _kernels(model))


@pytest.mark.parametrize(
    ("method", "options", "message"),
    [
        ("prune", {"sparsity": 1.0}, "sparsity"),
        ("prune", {"initial_sparsity": 0.6}, "initial_sparsity"),
        ("prune", {"begin": 0.5, "end": 0.5}, "rising order"),
        ("prune", {"epochs": 0}, "epochs"),
        ("cluster", {"clusters": 2}, "clusters"),
        ("cluster", {"learning_rate": 0.0}, "learning_rate"),
        ("quantization_aware", {"stage_weights": (1, 1)}, "stage_weights"),
        ("quantization_aware", {"stage_weights": (0, 0, 0)}, "not all 0"),
    ],
)
def test_arguments_are_checked(method, options, message):
    with pytest.raises(ValueError, match=f"(?s){message}.*Received"):
        METHODS[method](tiny_net(), digits(), **options)


def test_data_are_checked():
    x, y = digits()
    model = tiny_net("w1")
    for data, message in [
        (x, "pair"),
        ((x[:, :4], y), "images of shape"),
        ((x, y + 10), "0 to 9"),
        ((x, {"fine": y}), "without a dict"),
        (tf.data.Dataset.from_tensor_slices((x, y)).batch(8).repeat(), "end"),
        (tf.data.Dataset.from_tensor_slices((x, y, y)).batch(8), "pairs"),
    ]:
        with pytest.raises(ValueError, match=f"(?s){message}.*Received"):
            ka.export.cluster(model, data)
    with pytest.raises(ValueError, match="2 training steps"):
        ka.export.prune(model, (x[:8], y[:8]), epochs=1)
    with pytest.raises(ValueError, match="label sets"):
        ka.export.prune(hierarchical_net(), (x, y))


def test_layers_that_tfmot_cannot_round_are_named():
    image = keras.Input((8, 8, 1), name="image")
    x = keras.layers.Flatten(name="flat")(image)
    x = keras.layers.Multiply(name="squared")([x, x])
    model = ka.AnytimeModel(image, [keras.layers.Dense(10, name="stage_1")(x)])
    with pytest.raises(ValueError, match="(?s)squared.*Received"):
        ka.export.quantization_aware(model, digits())


@pytest.mark.slow
def test_weights_that_are_not_finite_are_refused():
    with pytest.raises(FloatingPointError, match="Received"):
        ka.export.cluster(tiny_net(), digits(), learning_rate=1e38, epochs=2)


def test_file_sizes(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(bytes(1000))
    sizes = ka.export.file_sizes(path)
    assert sizes.raw == 1000
    assert sizes.compressed == len(zlib.compress(bytes(1000), 9))


@pytest.mark.slow
def test_compressing_a_saved_network(repository, tmp_path):
    tiny_net().save(tmp_path / "model.keras")
    flags = [
        "tools/compress.py",
        f"--model={tmp_path / 'model.keras'}",
        "--data=digits",
        "--method=prune",
        "--batch_size=256",
        "--sparsity=0.75",
    ]
    output = tmp_path / "pruned.keras"
    run = run_script(repository, *flags, f"--output={output}")
    assert run.returncode == 0, run.stderr
    assert str(output) in run.stdout
    assert run.stdout.count("compressed") == 2
    for kernel in _kernels(ka.load_model(output)).values():
        assert np.sum(kernel == 0) == _zeros(kernel.size, 0.75)
    run = run_script(repository, *flags, f"--output={tmp_path / 'x.h5'}")
    assert run.returncode != 0
    assert ".keras" in run.stderr
    assert "Traceback" not in run.stderr
