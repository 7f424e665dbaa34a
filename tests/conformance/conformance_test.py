"""Contracts of graphs and stages, checked for every network."""

import json

import keras
import numpy as np
import pytest

import keras_anytime as ka
from keras_anytime.stages import cost
from tests.conformance.catalogue import NETWORKS
from tests.conformance.catalogue import VARIANTS
from tests.conformance.converted import CONVERTED
from tests.conformance.networks import KINDS
from tests.conformance.networks import all_logits
from tests.conformance.networks import assert_close
from tests.conformance.networks import named_logits
from tests.conformance.users import USERS
from tests.testing import macs_by_name
from tests.testing import sampled

# Of own layers, as users have them, costs are not known.
pytestmark = pytest.mark.filterwarnings("ignore:Multiply-adds of")

every_form = pytest.mark.parametrize(
    "model", sampled([*NETWORKS, *VARIANTS], NETWORKS), indirect=True
)

# With converted models, whose layers have the names of the model.
every_graph = pytest.mark.parametrize(
    "model",
    sampled([*NETWORKS, *VARIANTS, *CONVERTED], [*NETWORKS, "converted_words"]),
    indirect=True,
)


# With networks that users might bring, whose layers have any names.
every_network = pytest.mark.parametrize(
    "model",
    sampled(
        [*NETWORKS, *VARIANTS, *USERS, *CONVERTED],
        [*NETWORKS, "attention", "flatten_heads", "converted_nested_base"],
    ),
    indirect=True,
)


def test_no_form_hides_another():
    forms = [*NETWORKS, *VARIANTS, *USERS, *CONVERTED]
    assert len(forms) == len(set(forms))


def _is_head(name):
    return name.startswith(("stage_", "final_", "pool_", "head_"))


@every_network
def test_outputs_are_named_float32_logits(model, images):
    endings = [f"_{name}" for name in model.label_sets] or [""]
    assert model.output_names == [
        f"stage_{k}{ending}"
        for k in range(1, model.num_stages + 1)
        for ending in endings
    ]
    for output, logits in zip(
        model.outputs, all_logits(model, images), strict=True
    ):
        assert logits.dtype == "float32"
        assert logits.shape == (len(images), output.shape[-1])


@every_graph
def test_stages_contain_one_another(model):
    # Heads apart: each stage has one of its own. Subnetworks that share no
    # features share their kernels only.
    variables = [
        {
            variable.path
            for operation in model.stage_operations(k)
            for variable in getattr(operation, "trainable_variables", ())
            if not _is_head(operation.name)
            and (model.interruptible or len(variable.shape) > 1)
        }
        for k in range(1, model.num_stages + 1)
    ]
    assert all(a < b for a, b in zip(variables, variables[1:], strict=False))


@every_network
def test_no_weight_outside_a_stage_changes_it(model, images):
    before = named_logits(model, images)
    for k in range(1, model.num_stages):
        inside = {v.path for v in model.stage(k).variables}
        for variable in model.variables:
            if variable.path not in inside:
                variable.assign(1.05 * variable)
        after = named_logits(model, images)
        for name, logits in before[k - 1].items():
            assert_close(after[k - 1][name], logits)
            assert not np.allclose(after[-1][name], before[-1][name])
        before = after


@every_network
def test_a_stage_alone_equals_the_output(model, images):
    wanted = model.by_stage(all_logits(model, images))
    for k, answer in enumerate(wanted, start=1):
        alone = model.stage(k)(images)
        keras.tree.map_structure(assert_close, alone, answer)


@every_graph
def test_chained_steps_equal_the_outputs(model, images):
    if not model.interruptible:
        with pytest.raises(ValueError, match=r"Call `stage\(k\)`"):
            model.step(1)
        return
    features = {"image": images}
    for k, wanted in enumerate(named_logits(model, images), start=1):
        features |= model.step(k)(features)
        for name, logits in wanted.items():
            assert_close(features[name], logits)


@every_form
def test_steps_add_up_to_the_whole_network(model):
    if not model.interruptible:
        pytest.skip("it has no steps")
    total = 0
    ran = {}
    macs = macs_by_name(model)
    for stage_cost in ka.evaluation.stage_costs(model):
        total += stage_cost.step_macs
        needed = {op.name for op in model.stage_operations(stage_cost.stage)}
        ran |= {op.name: op for op in model.stage_operations(stage_cost.stage)}
        # What ran before and is not of this stage: earlier heads, all of them.
        others = [op for name, op in ran.items() if name not in needed]
        assert all(_is_head(op.name) for op in others)
        assert stage_cost.macs == total - sum(macs[op.name] for op in others)
        assert stage_cost.parameters == sum(
            int(np.prod(v.shape))
            for v in model.trainable_variables
            if v.path.split("/")[0] in needed
        )


@pytest.mark.parametrize(
    "model",
    sampled(
        [*NETWORKS, *USERS, *CONVERTED],
        ["sparse_resnet", "inclusive_resnext", "ensemble", "attention"],
    ),
    indirect=True,
)
def test_it_is_made_again_from_its_config(model, images):
    again = type(model).from_config(json.loads(json.dumps(model.get_config())))
    again.set_weights(model.get_weights())
    for got, want in zip(
        all_logits(again, images), all_logits(model, images), strict=True
    ):
        assert_close(got, want)


@pytest.mark.parametrize(
    "model",
    sampled([*NETWORKS, *USERS, *CONVERTED], [*KINDS[::2], "flatten_heads"]),
    indirect=True,
)
def test_a_saved_model_is_the_same(model, images, tmp_path):
    model.save(tmp_path / "model.keras")
    again = ka.load_model(tmp_path / "model.keras")
    assert type(again) is type(model)
    assert cost.stage_costs(again) == cost.stage_costs(model)
    for got, want in zip(
        all_logits(again, images), all_logits(model, images), strict=True
    ):
        assert_close(got, want)


@every_form
def test_kernels_are_named_after_the_stage_that_adds_them(model):
    # In an ensemble, names say the stage of the network that they are from.
    if isinstance(model, ka.nets.ExponentialEnsemble):
        pytest.skip("its stages are those of several networks")
    seen = set()
    for k in range(1, model.num_stages + 1):
        for operation in model.stage_operations(k):
            if operation.name in seen or _is_head(operation.name):
                continue
            seen.add(operation.name)
            if any(
                len(v.shape) > 1 for v in getattr(operation, "variables", ())
            ):
                assert f"_stage{k}" in operation.name
