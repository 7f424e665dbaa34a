"""Making the layers of a network anew, with other names or settings."""

import keyword
import re

import keras

# What signatures call the image, and what cannot be the name of an argument.
_TAKEN = ("image", "self")


def exportable_names(model):
    """Returns names of operations that stay as they are in any export.

    Features are named after the operations that make them. TensorFlow takes
    some names in graphs only, and rewrites others in signatures; arguments of
    signatures are Python's, and cannot be words such as `lambda`. Signatures
    themselves call the image `image`, and answers by names with `logits`.

    Args:
        model: An `AnytimeModel`.

    Returns:
        Dict from the names of the operations to letters, digits and
        underscores; the name itself wherever it is such.
    """
    names = [
        operation.name
        for operation in model.operations
        if operation != model.image_layer
    ]
    safe = {name: exportable_name(name) for name in names}
    taken = {name for name in names if safe[name] == name}
    for name in names:
        if safe[name] == name:
            continue
        free = base = safe[name]
        count = 0
        while free in taken:
            count += 1
            free = f"{base}_{count}"
        safe[name] = free
        taken.add(free)
    return {**safe, model.image_layer.name: model.image_layer.name}


def exportable_name(name):
    """Returns a name of letters, digits and underscores like another.

    Args:
        name: String.

    Returns:
        String; the name itself, if TensorFlow and Python take it.
    """
    safe = re.sub(r"[^A-Za-z0-9_]", "_", name)
    if (
        not re.match("[A-Za-z]", safe)
        or safe in _TAKEN
        or safe.startswith("logits")
        or keyword.iskeyword(safe)
    ):
        return f"layer_{safe}"
    return safe


def remade(model, names, zero_filled, image, before=()):
    """Returns a model with layers of its own, and the same weights.

    They compute in float32.

    Args:
        model: An `AnytimeModel`; left as it is.
        names: Dict from the names of its operations to those of the new ones.
        zero_filled: Boolean, for grouped convolutions.
        image: Symbolic input of the new model.
        before: Sequence of layers through which the image goes first.

    Returns:
        A model of the same class.
    """
    fed = image
    for layer in before:
        fed = layer(fed)

    def call(operation, *args, **kwargs):
        args, kwargs = keras.tree.map_structure(
            lambda one: fed if one is image else one, (args, kwargs)
        )
        return operation(*args, **kwargs)

    made = []

    def again(operation):
        changes = {"name": names[operation.name]}
        if hasattr(operation, "zero_filled"):
            changes["zero_filled"] = zero_filled
        new = copied(operation, changes)
        made.append((operation, new))
        return new

    # Keras would compile a copy of the model itself.
    whole = keras.Model(model.input, model.outputs)
    outputs = keras.models.clone_model(whole, image, again, call).outputs
    copy_weights(made)
    return type(model)(image, outputs, name=exportable_name(model.name))


def copied(operation, changes=None):
    """Returns a new operation or layer of the same settings, in float32.

    Its class need not be registered: it is that of the old one.

    Args:
        operation: A Keras operation.
        changes: Dict of settings to replace, or `None`.

    Returns:
        A Keras operation; a layer has no weights yet.
    """
    config = {**operation.get_config(), **(changes or {})}
    if "dtype" in config and is_other_float(compute_dtype(operation)):
        config["dtype"] = "float32"
    if isinstance(operation, keras.layers.Lambda):
        # Its function is here already.
        return type(operation).from_config(config, safe_mode=False)
    return type(operation).from_config(config)


def copy_weights(pairs):
    """Copies the weights of layers.

    Args:
        pairs: Iterable of pairs of an old and a new operation.
    """
    for old, new in pairs:
        if getattr(old, "weights", ()):
            new.set_weights(old.get_weights())


def compute_dtype(operation):
    """Returns the type that an operation gives, or `None` for that it gets."""
    if isinstance(operation, keras.layers.Layer):
        return operation.compute_dtype
    return getattr(operation, "dtype", None)


def is_other_float(dtype):
    """Whether it is a type of floats that devices do without."""
    return (
        dtype is not None
        and dtype != "float32"
        and keras.backend.is_float_dtype(dtype)
    )
