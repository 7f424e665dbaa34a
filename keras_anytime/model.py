"""AnytimeModel: a Keras model whose outputs are the stages' answers."""

import functools
import inspect

import keras

from keras_anytime import backend
from keras_anytime import gradients as gradients_lib
from keras_anytime import layers  # noqa: F401  (saved networks need them)
from keras_anytime import weighting as weighting_lib
from keras_anytime.saving import whole
from keras_anytime.saving.configs import warn_of_lost
from keras_anytime.stages import graph
from keras_anytime.stages import outputs as outputs_lib
from keras_anytime.stages import step as step_lib
from keras_anytime.stages.validation import check_graph
from keras_anytime.training.data_info import RememberingModel
from keras_anytime.training.fit_options import fit_options
from keras_anytime.training.losses import stage_loss
from keras_anytime.training.metrics import stage_metrics
from keras_anytime.training.trainer import StageTrainer


@keras.saving.register_keras_serializable(package="keras_anytime")
class AnytimeModel(StageTrainer, RememberingModel):
    """A functional Keras model with one output of logits per stage.

    Stage k is the subgraph that output k needs, and nothing else. Outputs are
    ordered from the smallest subnetwork to the whole network; heads apart, each
    contains the one before it. Builders in `keras_anytime.nets` make such
    models; so does `AnytimeModel(inputs, outputs)` on any such Keras graph.

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

    With several sets of labels, each stage has one output per label set
    (hierarchical prediction). Labels are then a dict from label sets to
    labels, and a stage's loss is the sum over its label sets.

    Training and evaluation log `stage_k_loss` and `stage_k_<metric>` for each
    stage k (with label sets `stage_k_<label set>_<metric>`), and `loss`: the
    plain mean of the stages' losses plus the regularizers' penalty. It does
    not depend on the weighting, so that it can be compared over epochs and
    runs.

    Args:
        inputs: The symbolic image tensor `(batch, height, width, channels)`.
        outputs: List of K symbolic tensors `(batch, classes)`, made by layers
            named `stage_1` to `stage_K`; or with label sets one for each set,
            in the same order at each stage, finest first, made by layers named
            `stage_1_<label set>` and so on.
        name: Optional string.

    Raises:
        ValueError: If there are several inputs, an output is a softmax or
            sigmoid, a model is called as a layer, or stages are not in order.

    Reference:
        [Lee and Shin, 2018, Section 3.3](https://arxiv.org/abs/1807.02609)
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        check_graph(self)

    @property
    def label_sets(self):
        """Tuple of the label sets' names; empty for a plain network."""
        return outputs_lib.label_sets(self.output_names)

    @property
    def num_stages(self):
        """Number of stages K."""
        return len(self.outputs) // (len(self.label_sets) or 1)

    @property
    def interruptible(self):
        """Whether it runs step by step, each step refining the one before.

        Otherwise each stage takes a pass of its own, and there are no steps.
        """
        return self._obstacle is None

    @functools.cached_property
    def _obstacle(self):
        return step_lib.obstacle(self)

    @property
    def distribute_strategy(self):
        """The `tf.distribute` strategy that it was made under; TensorFlow's."""
        return backend.strategy_for_fit(super().distribute_strategy)

    def by_stage(self, values):
        """Splits what there is of each output by stages.

        Args:
            values: Sequence of one value per output, such as their logits.

        Returns:
            List of K values; of a hierarchical network, of K dicts from label
            sets to values.
        """
        return outputs_lib.by_stage(values, self.label_sets)

    def stage(self, k):
        """Returns stage k alone, sharing this model's variables.

        Args:
            k: Integer from 1 to `num_stages`.

        Returns:
            A `keras.Model` from the image to the logits of stage k, that holds
            no variable of later stages. A hierarchical network's gives a dict
            from label sets to logits.

        Raises:
            ValueError: If there is no such stage.
        """
        self._check_stage(k)
        answer = self.by_stage(self.outputs)[k - 1]
        return keras.Model(self.input, answer, name=f"{self.name}_stage_{k}")

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
            `"logits"`, and each feature that a later step needs. A
            hierarchical network gives `"logits_<label set>"` for each set.

        Raises:
            ValueError: If there is no such stage, or the network is not
                `interruptible`.
        """
        self._check_stage(k)
        if self._obstacle is not None:
            raise ValueError(
                f"{self._obstacle} Received: step k={k} of {self.name!r}"
            )
        return step_lib.build_step(self, k)

    def feature_names(self):
        """Returns the names of features; see `step.feature_names`."""
        return step_lib.feature_names(self)

    def stage_operations(self, k):
        """Returns the Keras operations that stage k needs, in order.

        Args:
            k: Integer from 1 to `num_stages`.

        Returns:
            List of Keras operations, the image's input layer first.
        """
        self._check_stage(k)
        answer = self.by_stage(self.outputs)[k - 1]
        return graph.subnetwork_operations(self.inputs, answer)

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
        *,
        metrics=None,
        weighting=None,
        gradients=None,
        loss_weights=None,
        weighted_metrics=None,
        run_eagerly=False,
        steps_per_execution=1,
        jit_compile="auto",
        auto_scale_loss=True,
    ):
        """Configures training; all of it is saved with the model.

        Args:
            optimizer: A Keras optimizer or its name.
            loss: One Keras loss for all outputs, from targets and logits.
            metrics: List of Keras metrics or names, taken for every output.
                Names stand for metrics of logits: the accuracy of a single
                logit is that at a probability of 1/2.
            weighting: A `keras_anytime.weighting.Weighting`, its name, or
                `None` for equal weights.
            gradients: A `keras_anytime.gradients.Combiner`, its name, or
                `None` for `Sum()`, plain SGD.
            loss_weights: Must be `None`; the error says how `weighting` and
                `gradients` take the place of Keras' argument.
            weighted_metrics: Like `metrics`, with sample weights.
            run_eagerly: As in `keras.Model.compile`.
            steps_per_execution: As in `keras.Model.compile`.
            jit_compile: As in `keras.Model.compile`; `"auto"` means XLA on
                GPUs, and always on JAX.
            auto_scale_loss: As in `keras.Model.compile`.

        Raises:
            ValueError: If an argument does not fit the network.
        """
        outputs_lib.check_names(self.output_names)
        loss = stage_loss(loss, loss_weights)
        weighting = weighting_lib.get(weighting)
        gradients = gradients_lib.get(gradients)
        for part in (weighting, gradients):
            part.ensure_built(self.num_stages)
        jit = jit_compile
        if jit == "auto":
            jit = backend.default_jit_compile(self) and not run_eagerly
        backend.check_strategy(self, jit, optimizer, loss)
        execution = {
            "run_eagerly": run_eagerly,
            "steps_per_execution": steps_per_execution,
            "auto_scale_loss": auto_scale_loss,
        }
        super().compile(
            optimizer=optimizer,
            metrics=stage_metrics(metrics, self.outputs, loss, "metrics"),
            weighted_metrics=stage_metrics(
                weighted_metrics, self.outputs, loss, "weighted_metrics"
            ),
            jit_compile=jit,
            **execution,
        )
        self.loss = loss
        if not hasattr(self, "stage_loss_means"):
            self.stage_loss_means = [
                keras.metrics.Mean(name=f"stage_{k}_loss")
                for k in outputs_lib.stage_numbers(self.output_names)
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
        object.__setattr__(self, "combiner", gradients)
        object.__setattr__(self, "_compile_arguments", arguments)
        warn_of_lost(self.optimizer, loss, metrics, weighted_metrics)

    @property
    def compile_arguments(self):
        """Dict of the arguments of `compile`; empty before it."""
        return dict(self._compile_arguments) if self.compiled else {}

    def get_compile_config(self):
        return keras.saving.serialize_keras_object(self.compile_arguments)

    def compile_from_config(self, config):
        self.compile(**keras.saving.deserialize_keras_object(config))
        self.optimizer.build(self.trainable_variables)

    @property
    def variables(self):
        parts = [self.weighting, self.combiner] if self.compiled else []
        state = [variable for part in parts for variable in part.variables]
        return [*super().variables, *state]

    @property
    def non_trainable_variables(self):
        # On JAX a step is given, and returns, whatever it changes.
        sums = self.combiner.sums if self.compiled else ()
        return [*super().non_trainable_variables, *sums]

    def fit(self, x=None, y=None, *args, **kwargs):
        """Trains all stages together; arguments as in `keras.Model.fit`.

        Keras' progress bar is left out where a callback such as
        `StageProgress` shows the progress. A training set of
        `keras_anytime.data` has the order and augmentation of the epoch that
        `initial_epoch` starts from; without it, of those that come next.

        Args:
            x: Images, or a data set of pairs (images, labels).
            y: Labels, where `x` holds images only; for label sets a dict.
            *args: Further arguments of `keras.Model.fit`.
            **kwargs: Likewise.

        Returns:
            A `keras.callbacks.History`.

        Raises:
            ValueError: If images have another shape than the input or are not
                finite, or labels are not among the classes.
            FloatingPointError: If a stage's loss, a batch or a variable is not
                finite.
        """
        given = inspect.signature(super().fit).bind(x, y, *args, **kwargs)
        with backend.scope(self):
            options = fit_options(self, given.arguments)
        return super().fit(**options)

    def save(self, filepath, overwrite=True, **kwargs):
        """Saves the model whole: written beside its place, then moved there.

        Args:
            filepath: String or path that ends in `.keras`.
            overwrite: Boolean. As in `keras.Model.save`.
            **kwargs: Further arguments of `keras.Model.save`.

        Raises:
            FloatingPointError: If a variable is not finite.
        """
        whole.save_whole(self, super().save, filepath, overwrite, **kwargs)

    def export(self, filepath, *args, **kwargs):
        """Raises an error; `keras_anytime.export` writes all stages."""
        whole.refuse_export(filepath)

    def _check_stage(self, k):
        if k not in range(1, self.num_stages + 1):
            raise ValueError(
                f"The stages of this model are 1 to {self.num_stages}. "
                f"Received: k={k}"
            )
