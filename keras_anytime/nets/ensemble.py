"""EANN: an ensemble of anytime networks of growing depth, run in sequence."""

from collections.abc import Sequence
from typing import Any

import keras

from keras_anytime.model import AnytimeModel
from keras_anytime.stages import graph
from keras_anytime.stages.checks import check_anytime_model
from keras_anytime.stages.cost import StageCost
from keras_anytime.stages.cost import stage_costs
from keras_anytime.stages.sequence import check_rule
from keras_anytime.stages.sequence import used_stages
from keras_anytime.stages.subset import subset_config


@keras.saving.register_keras_serializable(package="keras_anytime")
class ExponentialEnsemble(AnytimeModel):
    """Anytime model made of several networks that run in sequence.

    `ka.nets.ensemble` makes it. Its stages are the networks' useful answers.
    The networks share no features, so a stage is reached only after all stages
    before it were computed; costs, steps and the manifest of an export count
    that. The model `stage(k)` alone holds only what its own answer needs, which
    is part of one network.

    Reference:
        [Hu et al., 2019, Section 4](https://arxiv.org/abs/1708.06832)
    """

    def stage_operations(self, k: int) -> list[keras.Operation]:
        """Returns all operations that have run when stage k answers.

        Args:
            k: Integer from 1 to `num_stages`.

        Returns:
            List of Keras operations in order of execution. The image's input
            layer is first.
        """
        self._check_stage(k)
        answers = self.by_stage(self.outputs)[:k]
        return graph.subnetwork_operations(self.inputs, answers)


def ensemble(
    networks: Sequence[AnytimeModel],
    curves: Sequence[Any],
    name: str = "ensemble",
    rule: str = "validation",
) -> ExponentialEnsemble:
    """Joins trained anytime networks into one model that runs them in sequence.

    `rule` says which answers become stages of the ensemble. Layers that only
    other answers need are left out: a device does not compute what no answer
    reads. So a network starts after the last used answer of the network before
    it, where Hu 2019 finishes each network; see
    `ka.evaluation.ensemble_curve`, which counts the same costs. If depths grow
    exponentially, as those of ResANN with 7, 13 and 25 units per block, the
    delay of the later networks is a constant share of the cost; see
    `ka.evaluation.ensemble_cost_inflation`.

    ```python
    networks = [
        ka.nets.res_ann((8, 8, 1), 10, units=(depth,), filters=(8,))
        for depth in (1, 2)
    ]  # Train them here.
    curves = [ka.evaluation.anytime_curve(net, val) for net in networks]
    net = ka.nets.ensemble(networks, curves)
    ```

    Args:
        networks: Sequence of trained `AnytimeModel`s with the same input and
            the same classes, the smallest first. Their weights are copied.
        curves: Sequence of one `AnytimeCurve` per network, all measured on the
            same validation data.
        name: String.
        rule: `"validation"` uses an answer if its error on the validation data
            is below that of every answer before it (Hu 2019). `"depth"` uses it
            if it is deeper than the whole network before its own (Hu 2017),
            without a look at errors. Depth is measured in multiply-adds of the
            subnetwork.

    Returns:
        An `ExponentialEnsemble`.

    Raises:
        ValueError: If the networks differ in input or classes, if a curve was
            not measured on its network, if there is no such rule, or if by
            depth a network does not cost more than the network before it.

    Reference:
        [Hu et al., 2019, Section 4](https://arxiv.org/abs/1708.06832);
        [Hu et al., 2017, Section 3.3](https://arxiv.org/abs/1708.06832v1)
    """
    if not isinstance(networks, (list, tuple)) or not isinstance(
        curves, (list, tuple)
    ):
        raise ValueError(
            "An ensemble needs a list of networks and a list of their curves. "
            f"Received: networks={networks!r}, curves={curves!r}"
        )
    check_rule(rule)
    costs = _check(networks, curves)
    errors = [[point.error for point in curve.points] for curve in curves]
    used = used_stages(errors, costs, rule)
    layers: dict[str, dict] = {}
    outputs: list[list] = []
    copies = []
    for index, (network, stages) in enumerate(
        zip(networks, used, strict=True), start=1
    ):
        if not stages:
            continue
        config, names = subset_config(
            network,
            stages,
            first=len(outputs) // (len(network.label_sets) or 1) + 1,
            prefix=f"net{index}_",
        )
        layers |= {layer["name"]: layer for layer in config["layers"]}
        outputs += _output_list(config["output_layers"])
        copies += [
            (layer, names[layer.name])
            for layer in network.layers
            if layer.name in names and layer.weights
        ]
    # All networks have the same inputs and tasks, so the last one's serve.
    model = ExponentialEnsemble.from_config(
        {
            **config,
            "name": name,
            "layers": list(layers.values()),
            "output_layers": outputs,
        }
    )
    for layer, copied_name in copies:
        model.get_layer(copied_name).set_weights(layer.get_weights())
    return model


def _output_list(outputs: list) -> list[list]:
    """Returns a list of outputs; Keras does not wrap a single output."""
    return [outputs] if isinstance(outputs[0], str) else outputs


def check_networks(networks: Sequence[AnytimeModel]) -> None:
    """Raises an error if networks cannot be joined into an ensemble.

    Args:
        networks: Sequence of `AnytimeModel`s.

    Raises:
        ValueError: If one is no such model or has no steps, or if they differ
            in input or tasks.
    """
    for index, network in enumerate(networks, start=1):
        check_anytime_model(network)
        if not network.interruptible:
            raise ValueError(
                "The networks of an ensemble must run step by step. Received: "
                f"network {index}, {network.name!r}, which has no steps"
            )
    expected = _interface(networks[0])
    for index, network in enumerate(networks, start=1):
        if _interface(network) != expected:
            raise ValueError(
                "The networks of an ensemble must have the same input shape "
                f"and the same tasks: {expected}. "
                f"Received: {_interface(network)} of network {index}"
            )


def _check(
    networks: Sequence[AnytimeModel], curves: Sequence[Any]
) -> list[list[StageCost]]:
    """Checks that networks and curves fit, and returns the networks' costs."""
    if not networks or len(networks) != len(curves):
        raise ValueError(
            "An ensemble needs one curve for each network. Received: "
            f"{len(networks)} networks, {len(curves)} curves"
        )
    check_networks(networks)
    costs = [stage_costs(network) for network in networks]
    for index, (network, curve) in enumerate(
        zip(networks, curves, strict=True), start=1
    ):
        if not curve.matches(costs[index - 1], network.outputs[0].shape[-1]):
            raise ValueError(
                "Each curve must be measured on its own network, and on the "
                "first label set of a network with several. "
                f"Received: a curve of {len(curve.points)} stages and "
                f"{curve.classes} classes of {curve.name!r} for network "
                f"{index}, {network.name!r}"
            )
    if len({curve.examples for curve in curves}) > 1:
        raise ValueError(
            "The curves must be measured on the same validation data. "
            f"Received: curves on {[curve.examples for curve in curves]} "
            "examples"
        )
    return costs


def _interface(network: AnytimeModel) -> dict[str, Any]:
    """Returns the shapes of the inputs and the tasks, both in order."""
    shapes = {
        name: tensor.shape[1:]
        for name, tensor in network.feature_inputs.items()
    }
    return {"input_shape": shapes, "tasks": list(network.tasks.items())}
