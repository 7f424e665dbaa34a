"""Nesting: the relative width and depth of each stage's subnetwork."""

import dataclasses
import itertools
import re

_LABEL = re.compile(r"(?:w([1-9][0-9]*))?(?:d([1-9][0-9]*))?")


@dataclasses.dataclass(frozen=True)
class Nesting:
    """Relative widths and depths of nested stages, from the papers' labels.

    Each stage has a label, and `-` separates the labels. In the label `"w2d4"`
    the number after `w` is the stage's relative width and the number after `d`
    its relative depth. An omitted letter stands for 1.

    ```python
    nesting = ka.Nesting("w1d1-w2d1-w2d2")
    nesting.widths        # (1, 2, 2)
    nesting.depths        # (1, 1, 2)
    nesting.strides       # (2, 2, 1)
    nesting.channels(64)  # (32, 64, 64)
    ```

    Args:
        labels: String, for example `"w1-w2-w4"`, `"d1-d2-d4-d8"`,
            `"w1d1-w2d1-w2d2"`, or the even widths `"w1-w2-w3-w4"`.

    Raises:
        ValueError: If a label cannot be parsed, if a stage is neither wider
            nor deeper than the stage before it, if it is narrower or shallower,
            or if a depth does not divide the next depth. Depths must divide
            each other because a deeper stage contains the units of the
            shallower ones.

    Reference:
        [Wan et al., 2020, Section 3.3](https://arxiv.org/abs/2008.06635)
    """

    labels: str

    def __post_init__(self) -> None:
        if not isinstance(self.labels, str):
            raise ValueError(
                "`labels` must be a string such as 'w1-w2-w4'. "
                f"Received: labels={self.labels!r}"
            )
        _check_growth(self.labels, self._sizes())

    def __str__(self) -> str:
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
        """Distance between two units of each stage, in units of the last stage.

        A unit at position `p` belongs to the stages whose stride divides `p`.
        """
        return tuple(self.depths[-1] // depth for depth in self.depths)

    def deepens(self, stage: int) -> bool:
        """Returns whether a stage is deeper than the stage before it.

        Args:
            stage: Integer, counted from 1.

        Returns:
            Boolean; `True` for the first stage.
        """
        return stage == 1 or self.depths[stage - 1] > self.depths[stage - 2]

    def channels(self, filters: int) -> tuple[int, ...]:
        """Returns how many channels of a layer each stage's subnetwork has.

        Args:
            filters: Integer. Number of channels in the full network.

        Returns:
            Tuple of K integers; the last is `filters`.

        Raises:
            ValueError: If a stage would get a fraction of a channel.
        """
        channels = [filters * width for width in self.widths]
        if filters < 1 or any(value % self.widths[-1] for value in channels):
            raise ValueError(
                f"`filters` must give every stage of '{self.labels}' a whole "
                f"number of channels; any multiple of {self.widths[-1]} does. "
                f"Received: filters={filters}"
            )
        return tuple(value // self.widths[-1] for value in channels)

    def slices(self, filters: int) -> tuple[int, ...]:
        """Returns how many channels of a layer each stage adds.

        Args:
            filters: Integer. Number of channels in the full network.

        Returns:
            Tuple of K integers that sum to `filters`. The entry of a stage
            that does not widen is 0.

        Raises:
            ValueError: If a stage would get a fraction of a channel.
        """
        channels = self.channels(filters)
        return tuple(
            after - before
            for before, after in itertools.pairwise((0, *channels))
        )

    def _sizes(self) -> list[tuple[int, int]]:
        sizes = []
        for label in self.labels.split("-"):
            match = _LABEL.fullmatch(label)
            if not label or match is None:
                raise ValueError(
                    "A nesting consists of labels such as 'w1-w2-w4', "
                    "'d1-d2-d4-d8' or 'w1d1-w2d1-w2d2'. "
                    f"Received: label {label!r} in {self.labels!r}"
                )
            sizes.append((int(match[1] or 1), int(match[2] or 1)))
        return sizes


def _check_growth(labels: str, sizes: list[tuple[int, int]]) -> None:
    for before, after in itertools.pairwise(sizes):
        if after == before or after[0] < before[0] or after[1] < before[1]:
            raise ValueError(
                "Each stage must be wider or deeper than the stage before it, "
                "and must not be narrower or shallower. "
                f"Received: w{after[0]}d{after[1]} after "
                f"w{before[0]}d{before[1]} in {labels!r}"
            )
        if after[1] % before[1]:
            raise ValueError(
                "The depth of a stage must be a multiple of the depth of the "
                "stage before it, so that their units interlace. "
                f"Received: d{after[1]} after d{before[1]} in {labels!r}"
            )
