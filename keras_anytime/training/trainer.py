"""What an anytime model does with a batch in `fit` and `evaluate`."""

import functools

import keras

from keras_anytime import backend
from keras_anytime.backend import gradient_lists
from keras_anytime.stages import outputs as outputs_lib
from keras_anytime.training import losses as losses_lib
from keras_anytime.training.inputs import check_labels
from keras_anytime.training.metrics import named_results
from keras_anytime.training.nan import batch_weight


class StageTrainer:
    """The part of `AnytimeModel` that Keras' trainers call.

    To be inherited before `keras.Model`.
    """

    def make_train_function(self, force=False):
        old = self.train_function
        super().make_train_function(force)
        if self.train_function is not old:
            self.train_function = self._checked(self.train_function)

    def make_test_function(self, force=False):
        old = self.test_function
        super().make_test_function(force)
        if self.test_function is not old:
            self.test_function = self._checked(self.test_function)

    def _checked(self, function):
        check = functools.partial(check_labels, self)
        return backend.check_each_batch(self, function, check)

    def train_step(self, *args):
        """One step on a batch of (images, labels[, weights]).

        On JAX, Keras gives it the values of all variables before the batch.
        """
        return backend.as_step(self, self._learn, *args)

    def test_step(self, *args):
        """One step of evaluation; arguments as of `train_step`."""
        return backend.as_step(self, self._measure, *args)

    def _learn(self, x, y, sample_weight):
        gradient, outputs, losses, penalty = backend.combined_gradient(
            self, x, y, sample_weight
        )
        backend.apply_gradient(
            self.optimizer, gradient, self.trainable_variables
        )
        self._track_losses(x, sample_weight, losses, penalty)
        return self.compute_metrics(x, y, outputs, sample_weight)

    def _measure(self, x, y, sample_weight):
        outputs = keras.tree.flatten(self(x, training=False))
        losses, _ = backend.losses_of_batch(
            self.loss, self.stage_losses(y, outputs, sample_weight), x
        )
        penalty = gradient_lists.penalty(self.losses, losses.dtype)
        self._track_losses(x, sample_weight, losses, penalty)
        return self.compute_metrics(x, y, outputs, sample_weight)

    def stage_losses(self, y, outputs, sample_weight=None):
        """Returns the K losses, unweighted; see `losses.stage_losses`."""
        return losses_lib.stage_losses(
            self.loss, y, outputs, self.output_names, sample_weight
        )

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        """Updates every output's metrics with the labels of its label set."""
        if sample_weight is not None:
            sample_weight = outputs_lib.sample_weights(
                sample_weight, self.output_names
            )
        return super().compute_metrics(
            x,
            outputs_lib.targets(y, self.label_sets) * self.num_stages,
            keras.tree.flatten(y_pred),
            sample_weight=sample_weight,
        )

    def get_metrics_result(self):
        """Returns the logs: `loss`, `stage_k_loss`, `<output>_<metric>`."""
        own = {"loss", *(metric.name for metric in self.stage_loss_means)}
        return named_results(
            super().get_metrics_result(), self.output_names, own
        )

    def _track_losses(self, x, sample_weight, losses, penalty):
        size = keras.ops.shape(keras.tree.flatten(x)[0])[0]
        of_stages = keras.ops.unstack(losses, self.num_stages)
        for metric, loss in zip(self.stage_loss_means, of_stages, strict=True):
            metric.update_state(loss, sample_weight=size)
        total = keras.ops.mean(losses) + penalty
        count = batch_weight(size, x, sample_weight)
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(total, sample_weight=count)
