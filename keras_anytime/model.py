"""AnytimeModel: a Keras model whose outputs are the stages' answers."""

import inspect
import os

import keras

from keras_anytime import gradients as gradients_lib
from keras_anytime import graph
from keras_anytime import layers  # noqa: F401  (saved networks need them)
from keras_anytime import training
from keras_anytime import weighting as weighting_lib
from keras_anytime.files import write_beside
from keras_anytime.losses import stage_loss
from keras_anytime.metrics import stage_metrics
from keras_anytime.step import Step


@keras.saving.register_keras_serializable(package="keras_anytime")
class AnytimeModel(keras.Model):
    """A functional Keras model with one output of logits per stage.

    Stage k is the subgraph that output k needs, and nothing else says what
    belongs to it. Outputs are ordered from the smallest subnetwork to the
    whole network; heads apart, each contains the one before it. Builders in
    `keras_anytime.nets` make such models; so does `AnytimeModel(inputs,
    outputs)` on any Keras graph of this kind.

    ```python
    model = ka.nets.width_nested_resnet((32, 32, 3), classes=10)
    model.compile(
        optimizer=keras.optimizers.SGD(0.1, momentum=0.9),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        weighting=ka.weighting.AdaLoss(),
        gradients=ka.gradients.Orthogonal(),
    )
    model.fit(images, labels)       # one target for all stages
    logits = model.stage(1)(images)  # the first answer alone
    ```

    Training and evaluation log `stage_k_loss` and `stage_k_<metric>` for each
    stage k, and `loss`: the plain mean of the stages' losses plus the
    regularisers' penalty. It does not depend on the weighting, so that it can
    be compared over epochs and runs.

    Args:
        inputs: The symbolic image tensor `(batch, height, width, channels)`.
        outputs: List of K symbolic tensors `(batch, classes)`, made by layers
            named `stage_1` to `stage_K`.
        name: Optional string.
    """

    @property
    def num_stages(self):
        """Number of stages K."""
        return len(self.outputs)

    def stage(self, k):
        """Returns stage k alone, sharing this model's variables.

        Args:
            k: Integer from 1 to `num_stages`.

        Returns:
            A `keras.Model` from the image to the logits of stage k, that holds
            no variable of later stages.

        Raises:
            ValueError: If there is no such stage.
        """
        self._check_stage(k)
        return keras.Model(
            self.input, self.outputs[k - 1], name=f"{self.name}_stage_{k}"
        )

    def step(self, k):
        """Returns what stage k adds to stage k - 1, sharing variables.

        Chaining the steps gives every stage's answer once:

        ```python
        features = {"image": images}
        for k in range(1, model.num_stages + 1):
            features |= model.step(k)(features)
            print(features["logits"])
        ```

        Args:
            k: Integer from 1 to `num_stages`.

        Returns:
            A `Step`: a `keras.Model` from a dict of tensors, the image and the
            features that it needs of earlier steps, to a dict of tensors:
            `"logits"`, and each feature that a later step needs.

        Raises:
            ValueError: If there is no such stage.
        """
        self._check_stage(k)
        earlier = {id(self.image_layer): self.image_layer}
        for before in range(1, k):
            earlier |= {id(op): op for op in self.stage_operations(before)}
        added = [op for op in self.stage_operations(k) if id(op) not in earlier]
        reads, leaves = graph.boundary(
            list(earlier.values()), added, self.operations
        )
        names = self.feature_names()
        tensors = {
            id(tensor): keras.Input(
                batch_shape=tensor.shape,
                dtype=tensor.dtype,
                name=names[id(tensor)],
            )
            for tensor in reads
        }
        inputs = {names[id(tensor)]: tensors[id(tensor)] for tensor in reads}
        graph.call_again(self, added, tensors)
        outputs = {names[id(tensor)]: tensors[id(tensor)] for tensor in leaves}
        outputs["logits"] = tensors[id(self.outputs[k - 1])]
        return Step(inputs, outputs, name=f"{self.name}_step_{k}")

    def feature_names(self):
        """Returns the names by which steps pass tensors on.

        Returns:
            Dict from the `id` of each symbolic tensor in the graph to the name
            of the operation that makes it; the image is `"image"`.

        Raises:
            ValueError: If an operation has the name of the image or of the
                logits.
        """
        names = graph.tensor_names(self.operations)
        image = id(self.image_layer.output)
        del names[image]
        for taken in {"image", "logits"} & set(names.values()):
            raise ValueError(
                "Steps call their image 'image' and their answer 'logits': no "
                f"other layer can be named so. Received: a layer {taken!r}"
            )
        return {**names, image: "image"}

    def stage_operations(self, k):
        """Returns the Keras operations that stage k needs, in order.

        Args:
            k: Integer from 1 to `num_stages`.

        Returns:
            List of Keras operations, the image's input layer first.
        """
        self._check_stage(k)
        return graph.subnetwork_operations(self.inputs, self.outputs[k - 1])

    def stage_variables(self, k):
        """Returns the trainable variables of the subnetwork of stage k.

        Args:
            k: Integer from 1 to `num_stages`.

        Returns:
            List of `keras.Variable`, in the order of the graph.
        """
        return self.stage(k).trainable_variables

    @property
    def image_layer(self):
        """The input layer of the image."""
        return self.stage_operations(1)[0]

    def compile(
        self,
        optimizer="sgd",
        loss=None,
        metrics=None,
        weighting=None,
        gradients=None,
        weighted_metrics=None,
        run_eagerly=False,
        steps_per_execution=1,
        jit_compile="auto",
        auto_scale_loss=True,
    ):
        """Configures training; all of it is saved with the model.

        Args:
            optimizer: A Keras optimizer or its name.
            loss: One Keras loss for all stages, from targets and logits.
            metrics: List of Keras metrics or names, taken for every stage.
            weighting: A `keras_anytime.weighting.Weighting`, its name, or
                `None` for equal weights.
            gradients: A `keras_anytime.gradients.Combiner`, its name, or
                `None` for `Sum()`, plain SGD.
            weighted_metrics: Like `metrics`, with sample weights.
            run_eagerly: As in `keras.Model.compile`.
            steps_per_execution: As in `keras.Model.compile`.
            jit_compile: As in `keras.Model.compile`; `"auto"` means XLA on
                GPUs only.
            auto_scale_loss: As in `keras.Model.compile`.

        Raises:
            ValueError: If an argument does not fit the network.
        """
        training.check_strategy(self)
        expected = [f"stage_{k}" for k in range(1, self.num_stages + 1)]
        if self.output_names != expected:
            raise ValueError(
                f"The layers that make the outputs must be named {expected}: "
                "logs and exports go by these names. "
                f"Received: {self.output_names}"
            )
        loss = stage_loss(loss)
        weighting = weighting_lib.get(weighting)
        gradients = gradients_lib.get(gradients)
        for part in (weighting, gradients):
            part.ensure_built(self.num_stages)
        jit = jit_compile
        if jit == "auto":
            jit = training.default_jit_compile() and not run_eagerly
        execution = {
            "run_eagerly": run_eagerly,
            "steps_per_execution": steps_per_execution,
            "auto_scale_loss": auto_scale_loss,
        }
        super().compile(
            optimizer=optimizer,
            metrics=stage_metrics(metrics, self.num_stages, "metrics"),
            weighted_metrics=stage_metrics(
                weighted_metrics, self.num_stages, "weighted_metrics"
            ),
            jit_compile=jit,
            **execution,
        )
        self.loss = loss
        if not hasattr(self, "stage_loss_means"):
            self.stage_loss_means = [
                keras.metrics.Mean(name=f"{name}_loss") for name in expected
            ]
        arguments = {
            "optimizer": self.optimizer,
            "loss": loss,
            "metrics": metrics,
            "weighting": weighting,
            "gradients": gradients,
            "weighted_metrics": weighted_metrics,
            "jit_compile": jit_compile,
            **execution,
        }
        # Their state is saved and is among `variables`. Tracking them as layers
        # would make it weights of the network too.
        object.__setattr__(self, "weighting", weighting)
        object.__setattr__(self, "gradients", gradients)
        object.__setattr__(self, "_compile_arguments", arguments)

    def get_compile_config(self):
        arguments = self._compile_arguments if self.compiled else {}
        return keras.saving.serialize_keras_object(arguments)

    def compile_from_config(self, config):
        self.compile(**keras.saving.deserialize_keras_object(config))
        self.optimizer.build(self.trainable_variables)

    @property
    def variables(self):
        own = super().variables
        if not self.compiled:
            return own
        return [*own, *self.weighting.variables, *self.gradients.variables]

    def fit(self, x=None, y=None, *args, **kwargs):
        """Trains all stages together; arguments as in `keras.Model.fit`.

        Keras' progress bar is left out where a callback such as
        `StageProgress` shows the progress. A training set of
        `keras_anytime.data` has the order and augmentation of the epoch that
        `initial_epoch` starts from; without it, of those that come next.

        Args:
            x: Images, or a data set of pairs (images, labels).
            y: Labels, where `x` holds images only.
            *args: Further arguments of `keras.Model.fit`.
            **kwargs: Likewise.

        Returns:
            A `keras.callbacks.History`.

        Raises:
            ValueError: If images have another shape than the input, or labels
                are not among the classes.
        """
        given = inspect.signature(super().fit).bind(x, y, *args, **kwargs)
        return super().fit(**training.fit_options(self, given.arguments))

    def save(self, filepath, overwrite=True, **kwargs):
        """Saves the model whole: written beside its place, then moved there.

        Args:
            filepath: String or path that ends in `.keras`.
            overwrite: Boolean. As in `keras.Model.save`.
            **kwargs: Further arguments of `keras.Model.save`.
        """
        if not overwrite and os.path.exists(filepath):
            super().save(filepath, overwrite=False, **kwargs)
            return
        save = super().save
        write_beside(filepath, lambda beside: save(beside, **kwargs))

    def train_step(self, data):
        """One step of training on a batch of (images, labels[, weights])."""
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        gradient, outputs, losses, penalty = training.combined_gradient(
            self, x, y, sample_weight
        )
        self.optimizer.apply(gradient, self.trainable_variables)
        self._track_losses(x, losses, penalty)
        return self.compute_metrics(x, y, outputs, sample_weight)

    def test_step(self, data):
        """One step of evaluation on a batch of (images, labels[, weights])."""
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        outputs = keras.tree.flatten(self(x, training=False))
        losses = self.stage_losses(y, outputs, sample_weight)
        self._track_losses(x, losses, sum(self.losses))
        return self.compute_metrics(x, y, outputs, sample_weight)

    def stage_losses(self, y, outputs, sample_weight=None):
        """Returns each stage's loss on one target, unweighted.

        Args:
            y: Targets, one for all stages.
            outputs: List of K tensors `(batch, classes)`.
            sample_weight: Tensor `(batch,)` or `None`.

        Returns:
            List of K scalar tensors.
        """
        return [self.loss(y, logits, sample_weight) for logits in outputs]

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        """Updates every stage's metrics with the one target."""
        return super().compute_metrics(
            x,
            [y] * self.num_stages,
            keras.tree.flatten(y_pred),
            sample_weight=sample_weight,
        )

    def get_metrics_result(self):
        """Returns the logs: `loss`, `stage_k_loss`, `stage_k_<metric>`."""
        results = super().get_metrics_result()
        if self.num_stages > 1:
            return results
        # Keras leaves the name of a single output out.
        own = {"loss", *(metric.name for metric in self.stage_loss_means)}
        return {
            name if name in own else f"stage_1_{name}": value
            for name, value in results.items()
        }

    def _track_losses(self, x, losses, penalty):
        size = keras.ops.shape(keras.tree.flatten(x)[0])[0]
        total = sum(losses) / self.num_stages + penalty
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(total, sample_weight=size)
        for metric, loss in zip(self.stage_loss_means, losses, strict=True):
            metric.update_state(loss, sample_weight=size)

    def _check_stage(self, k):
        if k not in range(1, self.num_stages + 1):
            raise ValueError(
                f"The stages of this model are 1 to {self.num_stages}. "
                f"Received: k={k}"
            )


def load_model(path):
    """Loads a model that was saved with `model.save(path)`.

    The same as `keras.models.load_model`, but never misses the classes of this
    package. Training goes on where it was saved: optimizer, weighting and
    combiner are restored with their state.

    Args:
        path: String. A `.keras` file.

    Returns:
        An `AnytimeModel`.

    Raises:
        ValueError: If the file holds no anytime model.
    """
    model = keras.models.load_model(path)
    if not isinstance(model, AnytimeModel):
        raise ValueError(
            f"The file holds no anytime model. Received: path={str(path)!r} "
            f"with a {type(model).__name__}"
        )
    return model
