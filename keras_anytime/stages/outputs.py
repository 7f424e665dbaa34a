"""Which output belongs to which stage and set of labels, from its name.

A plain network has one head per stage, named `stage_k`. A hierarchical one has
a head per stage and label set, named `stage_k_<label set>`. Stages are counted
from 1; the part of a network that consists of later ones keeps their numbers.
"""

import re
from collections.abc import Mapping


def stage_numbers(names):
    """Returns the numbers of the stages; from 1, unless of a part of a network.

    Args:
        names: List of strings, the names of its outputs.

    Returns:
        A range of K integers.
    """
    first = _first_stage(names)
    # Rounded up, so that a stage that lacks a head counts too.
    return range(first, first + -(-len(names) // (len(label_sets(names)) or 1)))


def label_sets(names):
    """Returns the label sets of a network.

    Args:
        names: List of strings, the names of its outputs.

    Returns:
        Tuple of strings in the order of the first stage's outputs; empty for a
        plain network.
    """
    start = f"stage_{_first_stage(names)}"
    # Layers of other names are none that TensorFlow takes.
    found = [re.fullmatch(rf"{start}_([A-Za-z0-9_]+)", name) for name in names]
    return tuple(one[1] for one in found if one)


def check_names(names):
    """Raises a `ValueError` if outputs are not named after their stages.

    Args:
        names: List of strings, the names of a network's outputs in order.
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
            f"The layers that make the outputs must be named {expected}: "
            "logs and exports go by these names. "
            f"Received: {list(names)}"
        )


def by_stage(values, sets):
    """Splits what there is of each output by stages.

    Args:
        values: Sequence of one value per output, in order.
        sets: Tuple of strings, the label sets.

    Returns:
        List of one entry per stage: a dict from label sets to values; of a
        plain network the value itself.
    """
    values = list(values)
    if not sets:
        return values
    starts = range(0, len(values), len(sets))
    return [
        dict(zip(sets, values[start : start + len(sets)], strict=True))
        for start in starts
    ]


def finest(names):
    """Returns the name of each stage's first, finest output.

    Args:
        names: List of strings, the names of a network's outputs in order.

    Returns:
        List of K strings.
    """
    return list(names)[:: len(label_sets(names)) or 1]


def named_logits(answer):
    """Returns a stage's logits by the names that steps and exports use.

    Args:
        answer: One entry of `by_stage`.

    Returns:
        Dict with `"logits"`, or with `"logits_<label set>"` for each set.
    """
    if not isinstance(answer, Mapping):
        return {"logits": answer}
    return {f"logits_{name}": logits for name, logits in answer.items()}


def targets(y, sets):
    """Returns the labels of each label set.

    Args:
        y: Labels; of a hierarchical network a dict from label sets to labels.
        sets: Tuple of strings, the label sets.

    Returns:
        List of one entry per label set; of a plain network, of `y` alone.

    Raises:
        ValueError: If `y` does not hold exactly the network's label sets.
    """
    named = isinstance(y, Mapping)
    given = f"a dict of {sorted(y)}" if named else f"a {type(y).__name__}"
    if sets and (not named or set(y) != set(sets)):
        raise ValueError(
            "The network answers in label sets: labels must be a dict of "
            f"{sorted(sets)}. Received: labels as {given}"
        )
    if named and not sets:
        raise ValueError(
            "The network has one set of labels and takes no dict of several. "
            f"Received: labels as {given}"
        )
    return [y[name] for name in sets] if sets else [y]


def sample_weights(weights, names):
    """Returns the sample weights of each output.

    As in Keras, several weights go to one output each: a list in the order of
    the outputs, or a dict. A dict has the names of the outputs, or of the
    stages, or of the label sets, and is complete.

    Args:
        weights: Sample weights of all outputs, or a list or dict of weights,
            in which `None` stands for equal ones; or `None`.
        names: List of strings, the names of the outputs in order.

    Returns:
        List of one entry per output.

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
        "`sample_weight` is one weight per image for all outputs, a list in "
        f"the order of the outputs, or a dict with all of {list(names)}{also}. "
        f"Received: sample_weight with {given}"
    )


def _first_stage(names):
    found = re.match(r"stage_(\d+)", names[0])
    return int(found[1]) if found else 1
