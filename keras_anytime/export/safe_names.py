"""Names of layers that TensorFlow, LiteRT and Python all accept."""

import keyword
import re

import keras

# Signatures use these names for the image and for Python's own argument.
_RESERVED = ("image", "self")


def safe_names(model: keras.Model) -> dict[str, str]:
    """Returns names of operations that no export has to change.

    Features are named after the operations that compute them. TensorFlow
    accepts some names in graphs only and rewrites others in signatures.
    Arguments of signatures are Python's and cannot be words such as `lambda`.
    Signatures themselves use the name `image` and names that start with
    `logits`. One of several inputs may be called `image`; a single input keeps
    its name, since signatures do not use it.

    Args:
        model: An `AnytimeModel`.

    Returns:
        Dict from the names of the operations to distinct names of letters,
        digits and underscores. Names that are safe already do not change.
    """
    inputs = [layer.name for layer in model.input_layers]
    kept = set(inputs) if len(inputs) == 1 else set(inputs) & {"image"}
    names = [
        operation.name
        for operation in model.operations
        if operation.name not in kept
    ]
    safe = {name: safe_name(name) for name in names}
    taken = {name for name in names if safe[name] == name}
    for name in names:
        if safe[name] == name:
            continue
        candidate = base = safe[name]
        count = 0
        while candidate in taken:
            count += 1
            candidate = f"{base}_{count}"
        safe[name] = candidate
        taken.add(candidate)
    return safe | {name: name for name in kept}


def safe_inputs(model: keras.Model) -> dict[str, str]:
    """Returns the names of inputs in exported files.

    Args:
        model: An `AnytimeModel`.

    Returns:
        Dict from the names in `model.feature_inputs` to those in files, in the
        order of the inputs.
    """
    names = safe_names(model)
    if len(model.inputs) == 1:
        return {name: name for name in model.feature_inputs}
    return {name: names[name] for name in model.feature_inputs}


def safe_name(name: str) -> str:
    """Returns the name with all characters replaced that are not safe.

    Args:
        name: String.

    Returns:
        String of letters, digits and underscores; the name itself if
        TensorFlow and Python accept it.
    """
    safe = re.sub(r"[^A-Za-z0-9_]", "_", name)
    if (
        not re.match("[A-Za-z]", safe)
        or safe in _RESERVED
        or safe.startswith("logits")
        or keyword.iskeyword(safe)
    ):
        return f"layer_{safe}"
    return safe
