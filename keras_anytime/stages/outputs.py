"""The stage and the label set of each output, read from the output's name.

A network with one set of labels has one head per stage, named `stage_k`. A
hierarchical network has one head per stage and label set, named
`stage_k_<label set>`. Stages are counted from 1. A network of some stages of
another one may keep their numbers.
"""

import re
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from keras_anytime import tasks as tasks_lib


def stage_numbers(names: Sequence[str]) -> range:
    """Returns the numbers of the stages.

    Args:
        names: List of strings, the names of a network's outputs.

    Returns:
        Range of K integers; it starts at 1 in a whole network.
    """
    first = _first_stage(names)
    # Rounded up, so that a stage that lacks a head counts too.
    return range(first, first + -(-len(names) // (len(label_sets(names)) or 1)))


def label_sets(names: Sequence[str]) -> tuple[str, ...]:
    """Returns the label sets of a network.

    Args:
        names: List of strings, the names of the network's outputs.

    Returns:
        Tuple of strings in the order of the first stage's outputs; empty for a
        network with one set of labels.
    """
    start = f"stage_{_first_stage(names)}"
    # TensorFlow accepts no layers with other characters in their names.
    matches = [
        re.fullmatch(rf"{start}_([A-Za-z0-9_]+)", name) for name in names
    ]
    return tuple(match[1] for match in matches if match)


def check_names(names: Sequence[str]) -> None:
    """Checks that outputs are named after their stages.

    Args:
        names: List of strings, the names of a network's outputs in order.

    Raises:
        ValueError: If they are not.
    """
    sets = label_sets(names)
    suffixes = [f"_{name}" for name in sets] or [""]
    expected = [
        f"stage_{k}{suffix}"
        for k in stage_numbers(names)
        for suffix in suffixes
    ]
    if list(names) != expected:
        raise ValueError(
            f"Name the layers of the outputs {expected}. Logs and exports use "
            "these names. "
            f"Received: {list(names)}"
        )


def by_stage(values: Sequence, sets: Sequence[str]) -> list:
    """Groups the values of all outputs by stage.

    Args:
        values: Sequence of one value per output, in order.
        sets: Tuple of strings, the label sets.

    Returns:
        List with one entry per stage: a dict from label sets to values, or
        without label sets the value itself.
    """
    values = list(values)
    if not sets:
        return values
    starts = range(0, len(values), len(sets))
    return [
        dict(zip(sets, values[start : start + len(sets)], strict=True))
        for start in starts
    ]


def finest(names: Sequence[str]) -> list[str]:
    """Returns the name of each stage's first output, that of the finest labels.

    Args:
        names: List of strings, the names of a network's outputs in order.

    Returns:
        List of K strings.
    """
    return list(names)[:: len(label_sets(names)) or 1]


def named_logits(answer: Any) -> dict[str, Any]:
    """Returns a stage's logits under the names that steps and exports use.

    Args:
        answer: One entry of the list that `by_stage` returns.

    Returns:
        Dict with `"logits"`, or with `"logits_<label set>"` for each set.
    """
    if not isinstance(answer, Mapping):
        return {"logits": answer}
    return {f"logits_{name}": logits for name, logits in answer.items()}


def check_tasks(
    task: Any, names: Sequence[str], shapes: Sequence[Sequence[int | None]]
) -> None:
    """Checks that outputs fit the tasks that were given for them.

    Args:
        task: A `tasks.Task`, with label sets a dict of them, or `None`.
        names: List of strings, the names of the outputs in order.
        shapes: List of the outputs' shapes.

    Raises:
        ValueError: If they do not.
    """
    if task is None:
        return
    sets = label_sets(names)
    if sets and not (isinstance(task, Mapping) and set(task) == set(sets)):
        raise ValueError(
            f"With the label sets {list(sets)}, `task` must be a dict of one "
            f"task for each. Received: task={task}"
        )
    by_set = [tasks_lib.get(task[name]) for name in sets] or [
        tasks_lib.get(task)
    ]
    for index, shape in enumerate(shapes):
        by_set[index % len(by_set)].check_outputs(shape)


def targets(y: Any, sets: Sequence[str]) -> list:
    """Returns the labels of each label set.

    Args:
        y: Labels; with label sets a dict from them to labels.
        sets: Tuple of strings, the label sets.

    Returns:
        List with one entry per label set; without label sets, only `y`.

    Raises:
        ValueError: If `y` does not hold exactly the network's label sets.
    """
    named = isinstance(y, Mapping)
    given = f"a dict of {sorted(y)}" if named else f"a {type(y).__name__}"
    if sets and (not named or set(y) != set(sets)):
        raise ValueError(
            "The network has several label sets, so labels must be a dict of "
            f"{sorted(sets)}. Received: labels as {given}"
        )
    if named and not sets:
        raise ValueError(
            "The network has one set of labels. Pass them without a dict. "
            f"Received: labels as {given}"
        )
    return [y[name] for name in sets] if sets else [y]


def sample_weights(weights: Any, names: Sequence[str]) -> list:
    """Returns the sample weights of each output.

    As in Keras, a list has the weights of each output in order. A dict has
    weights for all outputs, all stages, or all label sets, by name.

    Args:
        weights: Sample weights for all outputs; a list or dict of weights, in
            which `None` means equal weights; or `None`.
        names: List of strings, the names of the outputs in order.

    Returns:
        List with one entry per output.

    Raises:
        ValueError: If a list or dict does not fit the outputs.
    """
    sets = label_sets(names)
    if isinstance(weights, Mapping):
        of_stages = [f"stage_{k}" for k in stage_numbers(names)]
        of_stages = [name for name in of_stages for _ in sets or (None,)]
        of_sets = list(sets) * (len(names) // (len(sets) or 1))
        for keys in (list(names), of_stages, of_sets):
            if set(weights) == set(keys):
                return [weights[key] for key in keys]
    elif not isinstance(weights, (list, tuple)):
        return [weights] * len(names)
    elif len(weights) == len(names):
        return list(weights)
    given = (
        f"a dict of {sorted(weights)}"
        if isinstance(weights, Mapping)
        else f"{len(weights)} weights"
    )
    also = f" or with {list(sets)}" if sets else ""
    raise ValueError(
        "`sample_weight` must be one weight per image for all outputs, a list "
        "in the order of the outputs, or a dict with all of "
        f"{list(names)}{also}. "
        f"Received: sample_weight with {given}"
    )


def _first_stage(names):
    found = re.match(r"stage_(\d+)", names[0])
    return int(found[1]) if found else 1
