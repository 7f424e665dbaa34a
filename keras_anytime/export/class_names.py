"""The class names that a manifest records, checked against the network."""

from collections.abc import Mapping
from collections.abc import Sequence

import keras
import numpy as np


def resolve_class_names(
    model: keras.Model,
    class_names: Sequence[str] | Mapping[str, Sequence[str]] | None = None,
) -> tuple[str, ...] | dict[str, tuple[str, ...]] | None:
    """Returns the class names for the manifest.

    Args:
        model: An `AnytimeModel`.
        class_names: Sequence of strings in the order of the logits; for label
            sets a dict from them to such sequences. `None` stands for the
            names of the data set that the model was trained on.

    Returns:
        Tuple of strings, or a dict of such tuples by label sets; `None` if
        nothing is known.

    Raises:
        ValueError: If the names do not match the network's label sets and
            logits.
    """
    names = class_names
    if names is None:
        names = (model.data_info or {}).get("class_names")
    if names is None:
        return None
    label_sets = model.label_sets
    by_set = names if isinstance(names, Mapping) else {None: names}
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
        classes = logits.shape[-1]
        of_set = by_set[name]
        if not isinstance(of_set, (list, tuple, np.ndarray)) or not all(
            isinstance(class_name, str) for class_name in of_set
        ):
            raise ValueError(
                "Class names are strings, in a list in the order of the "
                f"logits. Received: class_names={names}"
            )
        if len(of_set) != classes:
            raise ValueError(
                f"The network has {classes} "
                + (f"classes of {name!r}. " if label_sets else "classes. ")
                + f"Received: {len(of_set)} class_names"
            )
    texts = {name: tuple(map(str, of_set)) for name, of_set in by_set.items()}
    if label_sets:
        return {name: texts[name] for name in label_sets}
    return texts[None]
