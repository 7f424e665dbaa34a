"""Checks of tokens: whole numbers that an embedding looks up.

Outside of the vocabulary, TensorFlow on CPUs raises an error of its own. On
other devices and on JAX, a token gets zeros or another token's vector.
"""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_anytime.backend.types import Tensor
from keras_anytime.stages.calls import graph_calls
from keras_anytime.stages.named_inputs import named_inputs
from keras_anytime.stages.step import feature_inputs


def token_limits(model: keras.Model) -> dict[str, int]:
    """Returns the size of the vocabulary of each input of tokens.

    Args:
        model: An `AnytimeModel`.

    Returns:
        Dict from the names of inputs that an `Embedding` reads to the number of
        tokens that all of its embeddings know.
    """
    if not any(
        isinstance(operation, keras.layers.Embedding)
        for operation in model.operations
    ):
        return {}
    symbols = [
        keras.KerasTensor((1, *tensor.shape[1:]), tensor.dtype)
        for tensor in model.inputs
    ]
    names = {
        id(symbol): name
        for symbol, name in zip(symbols, feature_inputs(model), strict=True)
    }
    calls, _ = graph_calls(model.inputs, model.outputs, symbols)
    limits: dict[str, int] = {}
    for call in calls:
        if isinstance(call.operation, keras.layers.Embedding):
            (tokens,) = keras.tree.flatten([list(call.args), call.kwargs])[:1]
            if id(tokens) in names:
                name = names[id(tokens)]
                size = call.operation.input_dim
                limits[name] = min(size, limits.get(name, size))
    return limits


def check_tokens(model: keras.Model, x: Any, argument: str = "x") -> None:
    """Raises an error if tokens are not in the vocabulary.

    Args:
        model: An `AnytimeModel`.
        x: Array, or structure of arrays, as `fit` takes them.
        argument: String. Name of the data in error messages.

    Raises:
        ValueError: If a token is no whole number from 0 to the last one that
            the embedding of the input knows.
    """
    limits = model.token_limits
    if not limits:
        return
    named = named_inputs(model, x, argument)
    for name, limit in limits.items():
        tokens = named[name]
        if not hasattr(tokens, "shape"):
            continue
        tokens = np.asarray(tokens)
        low, high = (tokens.min(), tokens.max()) if tokens.size else (0, 0)
        whole = tokens.dtype.kind in "iub" or np.all(tokens == tokens // 1)
        # Every comparison with NaN is false, so this refuses NaN too.
        if not (whole and low >= 0 and high < limit):
            given = argument if len(named) == 1 else f"{argument}[{name!r}]"
            raise ValueError(
                f"The embedding knows the tokens 0 to {limit - 1}, whole "
                f"numbers. Received: {given} with tokens from {low} to {high}"
            )


def all_known(model: keras.Model, x: Any) -> Tensor | bool:
    """Returns whether all tokens of a batch are in the vocabulary.

    Args:
        model: An `AnytimeModel`.
        x: The batch's inputs, tensors.

    Returns:
        Boolean scalar tensor, or True if no input is one of tokens.
    """
    known: Any = True
    limits = model.token_limits
    named = named_inputs(model, x) if limits else {}
    for name, limit in limits.items():
        tokens = ops.cast(named[name], "int32")
        inside = ops.logical_and(tokens >= 0, tokens < limit)
        known = ops.logical_and(known, ops.all(inside))
    return known
