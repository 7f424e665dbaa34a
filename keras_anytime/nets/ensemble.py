"""EANN: anytime networks of growing depth, run one after another."""

import keras

from keras_anytime.model import AnytimeModel
from keras_anytime.stages import graph
from keras_anytime.stages.checks import check_anytime_model
from keras_anytime.stages.cost import stage_costs
from keras_anytime.stages.subset import subset_config


@keras.saving.register_keras_serializable(package="keras_anytime")
class ExponentialEnsemble(AnytimeModel):
    """Several anytime networks that stream like one; see `ensemble`.

    Its stages are those answers of the networks that are used. Networks share
    no features: to reach a stage, everything before it has been computed, and
    costs and steps count that. `stage(k)` alone is what its answer needs, a
    part of one network.

    Reference:
        [Hu et al., 2019, Section 4](https://arxiv.org/abs/1708.06832)
    """

    def stage_operations(self, k):
        """Returns all operations that ran when stage k answers, in order.

        Args:
            k: Integer from 1 to `num_stages`.

        Returns:
            List of Keras operations, the image's input layer first.
        """
        self._check_stage(k)
        answers = self.by_stage(self.outputs)[:k]
        return graph.subnetwork_operations(self.inputs, answers)


def ensemble(networks, curves, name="ensemble"):
    """Joins trained anytime networks to an ensemble (EANN).

    The networks run in the order given, and each of their answers is used if
    it is better than all before it, on validation data. What no used answer
    needs is left out. With depths that grow exponentially, as those of ResANN
    with n = 7, 13, 25, the delay of the later networks is a constant share of
    the cost; see `ka.evaluation.ensemble_cost_inflation`.

    ```python
    curves = [ka.evaluation.anytime_curve(one, validation) for one in networks]
    model = ka.nets.ensemble(networks, curves)
    ka.export.tflite(model, "run/ensemble.tflite")
    ```

    Args:
        networks: Sequence of trained `AnytimeModel`s with the same input and
            the same classes, the smallest first. Their weights are copied.
        curves: Sequence of one `AnytimeCurve` per network, measured on the
            same validation data.
        name: String.

    Returns:
        An `ExponentialEnsemble`.

    Raises:
        ValueError: If networks and curves do not fit one another.

    Reference:
        [Hu et al., 2019, Section 4](https://arxiv.org/abs/1708.06832);
        [Hu et al., 2017, Section 3.3](https://arxiv.org/abs/1708.06832v1)
    """
    if not isinstance(networks, (list, tuple)) or not isinstance(
        curves, (list, tuple)
    ):
        raise ValueError(
            "An ensemble needs a list of networks and one of their curves. "
            f"Received: networks={networks!r}, curves={curves!r}"
        )
    _check(networks, curves)
    layers = {}
    outputs = []
    copies = []
    best = float("inf")
    for index, (network, curve) in enumerate(
        zip(networks, curves, strict=True), start=1
    ):
        used = []
        for point in curve.points:
            if point.top1_error < best:
                best = point.top1_error
                used.append(point.stage)
        if not used:
            continue
        config, names = subset_config(
            network,
            used,
            first=len(outputs) // (len(network.label_sets) or 1) + 1,
            prefix=f"net{index}_",
        )
        layers |= {layer["name"]: layer for layer in config["layers"]}
        outputs += _references(config["output_layers"])
        copies += [
            (layer, names[layer.name])
            for layer in network.layers
            if layer.name in names and layer.weights
        ]
    model = ExponentialEnsemble.from_config(
        {
            "name": name,
            "trainable": True,
            "layers": list(layers.values()),
            "input_layers": ["image", 0, 0],
            "output_layers": outputs,
        }
    )
    for layer, new in copies:
        model.get_layer(new).set_weights(layer.get_weights())
    return model


def _references(outputs):
    """The list of outputs, which Keras does not make for a single one."""
    return [outputs] if isinstance(outputs[0], str) else outputs


def _check(networks, curves):
    if not networks or len(networks) != len(curves):
        raise ValueError(
            "An ensemble needs networks, and a curve of each. Received: "
            f"{len(networks)} networks, {len(curves)} curves"
        )
    for index, network in enumerate(networks, start=1):
        check_anytime_model(network)
        if not network.interruptible:
            raise ValueError(
                "The networks of an ensemble run step by step. Received: "
                f"network {index}, {network.name!r}, which has no steps"
            )
    wanted = _interface(networks[0])
    for index, network in enumerate(networks, start=1):
        if _interface(network) != wanted:
            raise ValueError(
                "The networks of an ensemble take the same images and tell "
                f"the same classes: {wanted}. "
                f"Received: {_interface(network)} of network {index}"
            )
    for index, (network, curve) in enumerate(
        zip(networks, curves, strict=True), start=1
    ):
        if not curve.matches(
            stage_costs(network), network.outputs[0].shape[-1]
        ):
            raise ValueError(
                "Each curve must have been measured on its network, and on its "
                "first label set where it has several. Received: a curve of "
                f"{len(curve.points)} stages and {curve.classes} classes of "
                f"{curve.name!r} for network {index}, {network.name!r}"
            )
    if len({curve.examples for curve in curves}) > 1:
        raise ValueError(
            "The curves must have been measured on the same validation data. "
            f"Received: curves on {[curve.examples for curve in curves]} "
            "examples"
        )


def _interface(network):
    """What must be the same of all networks, label sets in their order."""
    counts = [output.shape[-1] for output in network.outputs]
    classes = counts[0]
    if network.label_sets:
        classes = list(zip(network.label_sets, counts, strict=False))
    return {"input_shape": network.input_shape[1:], "classes": classes}
