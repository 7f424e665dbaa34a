"""Nesting: which share of the widths and depths each stage owns."""

import dataclasses
import re

_LABEL = re.compile(r"(?:w([1-9][0-9]*))?(?:d([1-9][0-9]*))?")


@dataclasses.dataclass(frozen=True)
class Nesting:
    """Relative widths and depths of nested stages, from the papers' labels.

    A label such as `"w2d4"` says that a stage is twice as wide and four times
    as deep as the unit that the sequence counts in; a letter that is left out
    counts 1. Stages are separated by `-`.

    ```python
    nesting = Nesting("w1d1-w2d1-w2d2")
    nesting.widths      # (1, 2, 2)
    nesting.depths      # (1, 1, 2)
    nesting.strides     # (2, 2, 1)
    nesting.channels(64)  # (32, 64, 64)
    ```

    Args:
        labels: String, for example `"w1-w2-w4"`, `"d1-d2-d4-d8"`,
            `"w1d1-w2d1-w2d2"`, or the even widths `"w1-w2-w3-w4"`.

    Raises:
        ValueError: If a label cannot be read, if a stage does not grow in
            width or depth or shrinks in either, or if a depth does not divide
            the next one (units of a shallower stage must be units of a deeper
            one).

    Reference:
        [Wan et al., 2020, Section 3.3](https://arxiv.org/abs/2008.06635)
    """

    labels: str

    def __post_init__(self):
        if not isinstance(self.labels, str):
            raise ValueError(
                "A nesting is written as a string such as 'w1-w2-w4'. "
                f"Received: labels={self.labels!r}"
            )
        _check_growth(self.labels, self._sizes())

    def __str__(self):
        return self.labels

    @property
    def stage_labels(self) -> tuple[str, ...]:
        """The label of each stage, as written."""
        return tuple(self.labels.split("-"))

    @property
    def num_stages(self) -> int:
        """Number of stages K."""
        return len(self.stage_labels)

    @property
    def widths(self) -> tuple[int, ...]:
        """Relative width of each stage's subnetwork."""
        return tuple(width for width, _ in self._sizes())

    @property
    def depths(self) -> tuple[int, ...]:
        """Relative depth of each stage's subnetwork."""
        return tuple(depth for _, depth in self._sizes())

    @property
    def strides(self) -> tuple[int, ...]:
        """Distance between two units of each stage, in the deepest one's units.

        A unit at position `p` belongs to the stages whose stride divides `p`.
        """
        return tuple(self.depths[-1] // depth for depth in self.depths)

    def deepens(self, stage: int) -> bool:
        """Returns whether a stage is deeper than the one before it.

        Args:
            stage: Integer, counted from 1; the first one deepens.
        """
        return stage == 1 or self.depths[stage - 1] > self.depths[stage - 2]

    def channels(self, filters: int) -> tuple[int, ...]:
        """Returns each stage's channels in a layer of `filters` channels.

        Args:
            filters: Integer. Channels of the full network's layer.

        Returns:
            Tuple of K integers; the last one is `filters`.

        Raises:
            ValueError: If `filters` cannot be split into these widths.
        """
        channels = [filters * width for width in self.widths]
        if filters < 1 or any(value % self.widths[-1] for value in channels):
            raise ValueError(
                f"A layer split as '{self.labels}' needs a number of filters "
                f"that gives every stage whole channels (a multiple of "
                f"{self.widths[-1]} always does). Received: filters={filters}"
            )
        return tuple(value // self.widths[-1] for value in channels)

    def slices(self, filters: int) -> tuple[int, ...]:
        """Returns the channels that each stage adds to a layer.

        Args:
            filters: Integer. Channels of the full network's layer.

        Returns:
            Tuple of K integers that sum to `filters`; 0 where a stage does
            not widen.

        Raises:
            ValueError: If `filters` cannot be split into these widths.
        """
        channels = self.channels(filters)
        return tuple(
            after - before
            for before, after in zip((0, *channels), channels, strict=False)
        )

    def _sizes(self) -> list[tuple[int, int]]:
        sizes = []
        for label in self.labels.split("-"):
            match = _LABEL.fullmatch(label)
            if not label or match is None:
                raise ValueError(
                    "A nesting is a sequence of labels such as 'w1-w2-w4', "
                    "'d1-d2-d4-d8' or 'w1d1-w2d1-w2d2'. "
                    f"Received: label {label!r} in {self.labels!r}"
                )
            sizes.append((int(match[1] or 1), int(match[2] or 1)))
        return sizes


def _check_growth(labels, sizes):
    for before, after in zip(sizes, sizes[1:], strict=False):
        if after == before or after[0] < before[0] or after[1] < before[1]:
            raise ValueError(
                "Each stage of a nesting must be wider or deeper than the one "
                "before it, and never narrower or shallower. "
                f"Received: w{after[0]}d{after[1]} after "
                f"w{before[0]}d{before[1]} in {labels!r}"
            )
        if after[1] % before[1]:
            raise ValueError(
                "The depth of a stage must be a multiple of the depth before "
                "it, so that its units interlace. "
                f"Received: d{after[1]} after d{before[1]} in {labels!r}"
            )
