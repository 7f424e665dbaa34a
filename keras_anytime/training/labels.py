"""Checks of labels, class weights and sample weights given to `fit`."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from keras_anytime.stages import outputs as outputs_lib
from keras_anytime.tasks import Regression
from keras_anytime.tasks.base import fits
from keras_anytime.tasks.classification import CLASS_LOSSES
from keras_anytime.tasks.regression import REGRESSION_LOSSES
from keras_anytime.training.arrays import check_finite_array
from keras_anytime.training.arrays import check_numbers
from keras_anytime.training.arrays import noun
from keras_anytime.training.arrays import types_in
from keras_anytime.training.losses import loss_name
from keras_anytime.training.losses import losses_by_set


def check_labels(model: keras.Model, y: Any, argument: str = "a batch") -> None:
    """Raises an error if labels do not match a model.

    Shape and values must be those that the loss of the label set takes. Of a
    loss that is not one of Keras', labels of regressions are checked only.

    Args:
        model: A compiled `AnytimeModel`.
        y: Labels; a dict for several label sets. Labels without a shape are not
            checked.
        argument: String. Name of the data in error messages.

    Raises:
        ValueError: If labels are given per stage, of other label sets, of
            another shape than the loss takes, not among the classes or not
            finite.
    """
    if isinstance(y, (list, tuple)) and not any(
        hasattr(part, "shape") or part is None for part in keras.tree.flatten(y)
    ):
        raise ValueError(
            "Labels must be arrays, such as `numpy.asarray(labels)`. "
            f"Received: {argument} with labels of {types_in(y)}"
        )
    if isinstance(y, (list, tuple)) or any(
        part is None for part in keras.tree.flatten(y)
    ):
        raise ValueError(
            "One target serves all stages, and no part of it may be None. Use "
            "`sample_weight` to exclude examples. "
            f"Received: {argument} with labels of {types_in(y)}"
        )
    targets = outputs_lib.targets(y, model.label_sets)
    # All stages have the same label sets, in the same order.
    first_stage = model.outputs[: len(targets)]
    for labels, loss, (name, task), output in zip(
        targets,
        losses_by_set(model.loss, model.label_sets),
        model.tasks.items(),
        first_stage,
        strict=True,
    ):
        if not hasattr(labels, "shape"):
            continue
        what = "labels" if name is None else f"labels {name!r}"
        labels = np.asarray(labels)
        check_numbers(labels, "Labels", f"{argument} with {what}")
        check = LabelCheck(
            labels,
            (None, *output.shape[1:]),
            argument,
            what,
            noun(model) if len(output.shape) == 2 else "position",
        )
        check.against(loss, task)


class LabelCheck:
    """Checks the labels of one label set.

    Args:
        labels: NumPy array.
        shape: Tuple, the shape of the outputs, the batch axis first.
        argument: String. Name of the data in error messages.
        description: String. Name of the labels in error messages.
        per: String. What has one answer each.
    """

    def __init__(
        self,
        labels: np.ndarray,
        shape: tuple[int | None, ...],
        argument: str,
        description: str,
        per: str,
    ) -> None:
        self.labels = labels
        self.shape = shape
        self.size = shape[-1] or 1
        self.argument = argument
        self.what = description
        self.per = per

    def against(self, loss: keras.losses.Loss, task: Any) -> None:
        """Raises a `ValueError` if the loss is not defined for some labels."""
        if not self.labels.size:
            return
        # What users call a loss says nothing of the labels that it takes.
        own_name, name = loss.name or "", loss_name(loss)
        if "sparse" in name:
            self._check_sparse(own_name, loss.get_config().get("ignore_class"))
        elif "binary" in name:
            self._check_shape(own_name, "a number from 0 to 1 for each logit")
            self._check_range(self.labels, own_name, "from 0 to 1", 1)
        elif name in CLASS_LOSSES:
            self._check_shape(
                own_name, f"a probability of each class per {self.per}"
            )
            self._check_finite()
        elif task.name == "regression" or name in REGRESSION_LOSSES:
            Regression(self.size).check_labels(
                self.labels,
                self.shape,
                f"{self.argument} with {self.what}",
            )

    def _check_sparse(self, loss, ignored):
        shapes = [self.shape[:-1], self.shape[:-1] + (1,)]
        if not any(fits(self.labels.shape, sizes) for sizes in shapes):
            advice = f"labels of shape {self.shape[:-1]}"
            if fits(self.labels.shape, self.shape):
                advice = "`labels.argmax(-1)` makes them of one-hot labels"
            raise ValueError(
                f"The loss {loss} takes one integer label per {self.per}: "
                f"{advice}. "
                f"Received: {self.argument} with {self.what} of shape "
                f"{self.labels.shape} for outputs of shape {self.shape}"
            )
        labels = self.labels
        if ignored is not None:
            labels = labels[labels != ignored]
        allowed = f"0 to {self.size - 1}, whole numbers"
        whole = labels.dtype.kind in "iub" or np.all(labels == labels // 1)
        self._check_range(labels, loss, allowed, self.size - 1, whole)

    def _check_shape(self, loss, wanted):
        shapes = [self.shape]
        if self.shape[-1] == 1:
            shapes.append(self.shape[:-1])
        if not any(fits(self.labels.shape, sizes) for sizes in shapes):
            raise ValueError(
                f"The loss {loss} takes {wanted}, labels of the outputs' shape "
                f"{self.shape}. Received: {self.argument} with {self.what} "
                f"of shape {self.labels.shape}"
            )

    def _check_range(self, labels, loss, allowed, largest, whole=True):
        classes = self.size
        low, high = (labels.min(), labels.max()) if labels.size else (0, 0)
        # Every comparison with NaN is false, so this refuses NaN too.
        if not (whole and low >= 0 and high <= largest):
            outputs = f"{classes} classes"
            if "binary" in loss:
                outputs = "1 logit" if classes == 1 else f"{classes} labels"
            raise ValueError(
                f"The network has {outputs}, and the loss is {loss}: "
                f"{self.what} must be {allowed}. Received: {self.argument} "
                f"with {self.what} from {low} to {high}"
            )

    def _check_finite(self):
        check_finite_array(
            self.labels, "Labels", f"{self.argument} with {self.what}"
        )


def check_sample_weights(
    model: keras.Model,
    y: Any,
    sample_weight: Any,
    argument: str = "sample_weight",
) -> None:
    """Raises an error if sample weights do not match a model.

    Args:
        model: An `AnytimeModel`.
        y: The labels beside the weights.
        sample_weight: The weights given to `fit` as `sample_weight` or with the
            validation data; may be `None`.
        argument: String. Name of the weights in error messages.

    Raises:
        ValueError: If a list or dict of weights does not match the outputs, or
            weights are not finite.
    """
    model.output_weights(sample_weight)
    for weights in keras.tree.flatten(sample_weight):
        check_finite_array(weights, "Sample weights", argument)
    if (
        isinstance(y, Mapping)
        and isinstance(sample_weight, (Mapping, list, tuple))
        and not (
            isinstance(sample_weight, Mapping) and set(sample_weight) == set(y)
        )
    ):
        raise ValueError(
            "Keras takes arrays of sample weights beside a dict of labels only "
            "as a dict with the same keys. For weights of single outputs, use "
            f"a data set of ({noun(model)}s, labels, weights). "
            f"Received: {argument} of {types_in(sample_weight)}"
        )


def check_class_weight(model: keras.Model, class_weight: Any) -> None:
    """Raises an error if class weights mean nothing for the labels.

    Keras takes integers of any label, and the position of the largest entry
    along the last axis of several, for classes.

    Args:
        model: A compiled `AnytimeModel`.
        class_weight: The argument of `fit`, a dict from classes to weights, or
            `None`.

    Raises:
        ValueError: If labels are not one class for each example.
    """
    if class_weight is None:
        return
    (first, *others) = model.tasks.values()
    if others or first.name not in ("classification", "binary"):
        raise ValueError(
            "`class_weight` is for one class per example; give "
            "`sample_weight` instead, one weight per example. "
            f"Received: class_weight={class_weight} for labels of "
            f"{[task.name for task in (first, *others)]}"
        )
