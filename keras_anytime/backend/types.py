"""Names of types that annotations use where the backend decides the class."""

from typing import Any
from typing import TypeAlias

# A tensor of the Keras backend, or what `keras.ops` takes for one.
Tensor: TypeAlias = Any
# One entry for each variable; `None` where a stage does not reach it.
Gradient: TypeAlias = list[Tensor | None]
