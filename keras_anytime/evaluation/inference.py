"""Runs every stage of a model on a data set, in one pass over the data."""

from collections.abc import Iterable
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import keras

from keras_anytime.confidence import check_flag
from keras_anytime.evaluation.batches import checked_batches
from keras_anytime.evaluation.label_set_answers import LabelSetPredictions
from keras_anytime.evaluation.predictions import NO_EXAMPLES
from keras_anytime.evaluation.predictions import Predictions
from keras_anytime.evaluation.reduction import reduce_outputs
from keras_anytime.progress import amount_of
from keras_anytime.progress import counted
from keras_anytime.progress import progress
from keras_anytime.stages.checks import check_anytime_model


def predict_stages(
    model: keras.Model,
    data: Iterable,
    batch_size: int = 128,
    verbose: bool = True,
    keep_logits: bool = False,
) -> Any:
    """Predicts with every stage of a model, in one pass over the data.

    ```python
    predictions = ka.evaluation.predict_stages(model, (images, labels))
    costs = ka.evaluation.stage_costs(model)
    curve = ka.evaluation.curve_from_predictions(predictions, costs)
    ```

    Args:
        model: An `AnytimeModel`.
        data: Pair `(x, y)` of arrays, or batches of such pairs in a
            `tf.data.Dataset` or `keras.utils.PyDataset`. Of several inputs, x
            is a dict from their names to arrays, or a tuple in their order. y
            are labels as the model's task takes them, such as integers; those
            of classes may be one-hot. With label sets, y is a dict from label
            sets to labels.
        batch_size: Examples per batch if `data` is a pair of arrays.
        verbose: Boolean. Whether a line on the standard error says what is done
            and how long it took.
        keep_logits: Boolean. Whether the logits of choices of one class are
            kept, for `fit_temperatures` and `Predictions.product`. They take 4
            bytes for each example, stage and class.

    Returns:
        `Predictions`; for a hierarchical network, a dict from label sets to
        `Predictions`.

    Raises:
        ValueError: If there is no data, if inputs or labels do not fit the
            network, if a single output has no task, or if an output is not
            finite.
    """
    check_anytime_model(model)
    check_flag("keep_logits", keep_logits)
    label_sets = model.label_sets
    with measuring(model, data, verbose):
        if label_sets:
            return LabelSetPredictions(
                predict_label_sets(
                    model, data, label_sets, batch_size, keep_logits
                )
            )
        return predict_label_sets(model, data, [None], batch_size, keep_logits)[
            None
        ]


def measuring(
    model: keras.Model, data: Any, verbose: bool
) -> AbstractContextManager[None]:
    """Returns a context in which a line says what is measured.

    Args:
        model: An `AnytimeModel`.
        data: As for `predict_stages`.
        verbose: As for `predict_stages`.
    """
    stages = counted(model.num_stages, "stage")
    return progress(f"Measuring {stages} on {amount_of(data)}", verbose)


def predict_label_sets(
    model: keras.Model,
    data: Iterable,
    label_sets: Sequence[Any],
    batch_size: int = 128,
    keep_logits: bool = False,
) -> dict[Any, Predictions]:
    """Predicts like `predict_stages`, for some of the network's label sets.

    Args:
        model: An `AnytimeModel`.
        data: As for `predict_stages`; labels of other sets may be missing.
        label_sets: Sequence of strings; `[None]` for a network with one set.
        batch_size: As for `predict_stages`.
        keep_logits: As for `predict_stages`.

    Returns:
        Dict from label sets to `Predictions`.

    Raises:
        ValueError: As for `predict_stages`.
    """
    check_anytime_model(model)
    sets = model.label_sets
    tasks = model.tasks
    outputs_of_set = {
        label_set: slice(
            sets.index(label_set) if sets else 0, None, len(sets) or 1
        )
        for label_set in label_sets
    }
    batches: dict[Any, list] = {label_set: [] for label_set in label_sets}
    for inputs, labels_by_set in checked_batches(
        model, data, label_sets, batch_size
    ):
        # Replicas of TensorFlow answer the whole batch each, one after another.
        count = len(keras.tree.flatten(inputs)[0])
        outputs = [
            output[:count]
            for output in keras.tree.flatten(model.predict_on_batch(inputs))
        ]
        for label_set, labels in labels_by_set.items():
            answers, task = outputs[outputs_of_set[label_set]], tasks[label_set]
            # The graph may not say how large dense outputs are.
            task.check_labels(labels, answers[0].shape)
            batches[label_set].append(
                reduce_outputs(answers, labels, task, keep_logits)
            )
    return {
        label_set: Predictions.from_batches(
            batches[label_set],
            tasks[label_set],
            model.name
            if label_set is None
            else f"{model.name}, {label_set} labels",
            label_set=label_set,
        )
        for label_set in label_sets
    }


def check_data(
    model: keras.Model,
    data: Iterable,
    label_sets: Sequence[Any],
    batch_size: int = 128,
) -> None:
    """Raises an error if the first batch of data cannot be measured.

    Args:
        model: An `AnytimeModel`.
        data: As for `predict_stages`.
        label_sets: As for `predict_label_sets`.
        batch_size: As for `predict_stages`.

    Raises:
        ValueError: If there is no data, or the labels do not fit the model.
    """
    batches = checked_batches(model, data, label_sets, batch_size)
    if next(batches, None) is None:
        raise ValueError(NO_EXAMPLES)
