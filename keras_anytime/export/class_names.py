"""The class names that a manifest records, checked against the network."""

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_anytime.tasks import Task


def resolve_class_names(
    model: keras.Model,
    class_names: Sequence[str] | Mapping[str, Sequence[str]] | None = None,
) -> tuple[str, ...] | dict[str, tuple[str, ...]] | None:
    """Returns the class names for the manifest.

    Args:
        model: An `AnytimeModel`.
        class_names: Sequence of strings in the order of the logits; for label
            sets a dict from them to such sequences. A binary answer has one
            name, or two for no and yes. `None` stands for the names of the
            data set that the model was trained on.

    Returns:
        Tuple of strings, or a dict of such tuples by label sets, empty for a
        regression; `None` if nothing is known.

    Raises:
        ValueError: If the names do not match the network's label sets, tasks
            and logits.
    """
    names = class_names
    if names is None:
        names = (model.data_info or {}).get("class_names")
        if names is not None and any(
            task.name == "regression" for task in model.tasks.values()
        ):
            # The data set was made for another task.
            return None
    if names is None:
        return None
    label_sets = model.label_sets
    by_set = dict(names) if isinstance(names, Mapping) else {None: names}
    for name, task in model.tasks.items():
        if label_sets and task.name == "regression":
            by_set.setdefault(name, ())
    if set(by_set) != set(label_sets or (None,)):
        raise ValueError(
            "`class_names` must be "
            + (
                f"a dict of {sorted(label_sets)}. "
                if label_sets
                else "one sequence. "
            )
            + f"Received: class_names={names}"
        )
    for name, logits in zip(label_sets or (None,), model.outputs, strict=False):
        of_set = by_set[name]
        if not isinstance(of_set, (list, tuple, np.ndarray)) or not all(
            isinstance(class_name, str) for class_name in of_set
        ):
            raise ValueError(
                "Class names are strings, in a list in the order of the "
                f"logits. Received: class_names={names}"
            )
        _check_count(of_set, model.tasks[name], logits.shape[-1], name)
    texts = {name: tuple(map(str, of_set)) for name, of_set in by_set.items()}
    if label_sets:
        return {name: texts[name] for name in label_sets}
    return texts[None]


def _check_count(
    of_set: Sequence[Any], task: Task, classes: int, label_set: str | None
) -> None:
    """Raises a `ValueError` if a label set has another number of names."""
    received = f"Received: {len(of_set)} class_names"
    if task.name == "regression":
        if len(of_set):
            raise ValueError(
                "A regression gives numbers, which have no class names. "
                f"{received}"
            )
    elif len(of_set) != classes and (task.name, len(of_set)) != ("binary", 2):
        raise ValueError(
            f"The network has {classes} "
            + (f"classes of {label_set!r}. " if label_set else "classes. ")
            + received
        )
