"""Copies of operations: the same settings, no weights yet."""

from typing import Any

import keras


def copied(operation: keras.Operation, **changes: Any) -> keras.Operation:
    """Returns a new operation or layer with the settings of another one.

    The class does not have to be registered: it is taken from the operation.

    Args:
        operation: A Keras operation.
        **changes: Settings to replace, such as the name.

    Returns:
        A Keras operation. A layer has no weights yet.
    """
    config = {**operation.get_config(), **changes}
    if isinstance(operation, keras.layers.Lambda):
        # Its function is loaded already, so unsafe code cannot come with it.
        return type(operation).from_config(config, safe_mode=False)
    return type(operation).from_config(config)
