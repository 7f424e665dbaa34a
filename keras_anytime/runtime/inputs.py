"""Inputs: what an exported network takes, of one input or of several."""

from typing import Any

import numpy as np

from keras_anytime.manifest.manifest import SINGLE_INPUT
from keras_anytime.manifest.manifest import Manifest
from keras_anytime.manifest.manifest import TensorSpec
from keras_anytime.manifest.named_inputs import named_inputs
from keras_anytime.runtime.batches import as_batch
from keras_anytime.runtime.images import prepare_pixels
from keras_anytime.runtime.images import value_limits


class Inputs:
    """The inputs of an exported network, and the conversion of examples.

    Args:
        manifest: The `Manifest` of the exported file.

    Attributes:
        batch_size: Integer, the batch size of the file; 1 if it is open.
    """

    def __init__(self, manifest: Manifest) -> None:
        self._specs = manifest.input_specs
        self._image = manifest.image_input
        self._preprocessing = manifest.preprocessing
        self._named = manifest.inputs is not None
        self._tokens = manifest.tokens or {}
        self._limits: dict[str, tuple[float, float] | None] = {
            name: value_limits(
                spec, self._preprocessing if name == self._image else None
            )
            for name, spec in self._specs.items()
        }
        self.batch_size = next(iter(self._specs.values())).shape[0] or 1

    def convert(
        self, x: Any, check_limits: bool = True
    ) -> tuple[dict[str, np.ndarray], bool]:
        """Converts an example or a batch to what the programs take.

        Args:
            x: Array; of several inputs a dict from their names to arrays, or
                a tuple in their order.
            check_limits: Boolean. Whether images must lie in the range of
                prepared ones, and inputs of 8 or 16 bits near theirs.

        Returns:
            Pair of a dict from names to arrays `(batch, ...)`, which share no
            memory with `x`, and whether it is a single example.

        Raises:
            ValueError: If the network takes other inputs, the examples of its
                inputs differ in number, or it does not know a token.
        """
        batches: dict[str, np.ndarray] = {}
        singles = set()
        for name, value in named_inputs(x, list(self._specs)).items():
            batches[name], single = as_batch(
                value,
                self._specs[name],
                self._limits[name] if check_limits else None,
                f"x[{name!r}]" if self._named else "x",
            )
            self._check_tokens(name, batches[name])
            singles.add(single)
        sizes = {name: len(batch) for name, batch in batches.items()}
        if len(singles) > 1 or len({*sizes.values()}) > 1:
            shapes = {
                name: np.shape(value)
                for name, value in named_inputs(x, list(self._specs)).items()
            }
            raise ValueError(
                "Give one example of each input, or of each a batch of as "
                f"many. Received: x with shapes {shapes}"
            )
        return batches, singles.pop()

    def blank(self) -> Any:
        """Returns a batch of zeros; of several inputs a dict of batches."""
        zeros = {
            name: np.zeros(
                (self.batch_size, *(size or 1 for size in spec.shape[1:])),
                "float32" if spec.quantization is not None else spec.dtype,
            )
            for name, spec in self._specs.items()
        }
        return zeros if self._named else zeros[SINGLE_INPUT]

    def prepare(self, pixels: Any) -> np.ndarray:
        """Converts pixels to an image; see `AnytimePredictor.prepare`."""
        return prepare_pixels(pixels, self._image_spec(), self._preprocessing)

    def _check_tokens(self, name: str, batch: np.ndarray) -> None:
        """Raises a `ValueError` for tokens that no embedding knows."""
        count = self._tokens.get(name)
        if count is None:
            return
        low, high = batch.min(), batch.max()
        if low < 0 or high >= count:
            argument = f"x[{name!r}]" if self._named else "x"
            raise ValueError(
                f"The network knows the tokens 0 to {count - 1}. "
                f"Received: {argument} with tokens from {low} to {high}"
            )

    def _image_spec(self) -> TensorSpec:
        if self._image is None:
            shapes = {name: spec.shape for name, spec in self._specs.items()}
            raise ValueError(
                "Pixels are prepared for the only input that takes images "
                "(height, width, channels), and this network has no such one. "
                f"Received: a file with inputs of shapes {shapes}"
            )
        return self._specs[self._image]
