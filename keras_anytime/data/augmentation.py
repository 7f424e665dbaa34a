"""Augmentation: random changes of training images, by name."""

import dataclasses
import math
import re
from collections.abc import Sequence
from typing import Any

# What a name means without a number behind `=`: pixels of padding, and the
# largest standard deviation of the blur in pixels.
_DEFAULTS = {"crop": 4.0, "flip": None, "blur": 1.0, "resized_crop": None}
_LIMITS = {"crop": 128, "blur": 8}
_NAME = re.compile(r"([a-z_]+)(?:=(\d+\.?\d*|\.\d+))?")


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """Random changes of training images.

    Args:
        pad: Integer. Zeros added on each side of a normalized image before it
            is cropped at random to its size; 0 for none.
        flip: Boolean. Whether images are mirrored at random.
        blur: Float. Largest standard deviation of a Gaussian blur, in pixels;
            that of an image is uniform from 0 to it. 0 for none.
        resized_crop: Boolean. Whether a random part of a decoded image is
            resized to the size of the network's images.
    """

    pad: int = 0
    flip: bool = False
    blur: float = 0.0
    resized_crop: bool = False

    @property
    def blur_radius(self) -> int:
        """Pixels on each side that the blur mixes in: two deviations."""
        return math.ceil(2 * self.blur)

    def __str__(self) -> str:
        parts = []
        if self.resized_crop:
            parts.append("a random part resized")
        if self.pad:
            parts.append(f"padded by {self.pad} pixels and cropped at random")
        if self.flip:
            parts.append("mirrored at random")
        if self.blur:
            parts.append(f"blurred by up to {self.blur:g} pixels")
        return ", ".join(parts) or "not augmented"


def parse_augmentation(names: Sequence[str]) -> Augmentation:
    """Returns the augmentation that names stand for.

    Args:
        names: Sequence of `"crop"`, `"flip"`, `"blur"` and `"resized_crop"`,
            as `keras_anytime.data.load` describes them. `"crop=8"` pads by 8
            pixels, and `"blur=0.5"` blurs by up to half a pixel.

    Returns:
        An `Augmentation`.

    Raises:
        ValueError: If a name is unknown, given twice, or has a wrong number.
    """
    values: dict[str, float | None] = {}
    for text in names:
        match = _NAME.fullmatch(text) if isinstance(text, str) else None
        name, number = match.groups() if match else (text, None)
        if (
            not match
            or name not in _DEFAULTS
            or name in values
            or not _fits(name, number)
        ):
            raise _error(names)
        values[name] = _DEFAULTS[name] if number is None else float(number)
    return Augmentation(
        pad=int(values.get("crop") or 0),
        flip="flip" in values,
        blur=values.get("blur") or 0.0,
        resized_crop="resized_crop" in values,
    )


def choose_augmentation(
    augment: bool | Sequence[str], default: tuple[str, ...]
) -> tuple[str, ...]:
    """Returns the names of the augmentation that an argument asks for.

    Args:
        augment: Boolean or sequence, as in `keras_anytime.data.load`.
        default: Tuple of strings, the augmentation of the data set.

    Raises:
        ValueError: If it is neither a boolean nor a sequence of names.
    """
    if isinstance(augment, bool):
        return default if augment else ()
    if isinstance(augment, str) or not isinstance(augment, Sequence):
        raise _error(augment)
    parse_augmentation(augment)
    return tuple(augment)


def _fits(name: str, number: str | None) -> bool:
    """Tells if the number behind a name is one that it may have."""
    if number is None:
        return True
    whole = name != "crop" or number.isdecimal()
    return whole and 0 < float(number) <= _LIMITS.get(name, 0)


def _error(augment: Any) -> ValueError:
    return ValueError(
        "`augment` must be True for the data set's own augmentation, False for "
        "none, or a sequence of names, each once: 'crop' or 'crop=8' (pixels "
        f"of padding, up to {_LIMITS['crop']}), 'flip', 'blur' or 'blur=0.5' "
        f"(largest standard deviation in pixels, up to {_LIMITS['blur']}), "
        f"'resized_crop'. Received: augment={augment!r}"
    )
