"""The choice of cuts: by shares of the cost, or by names of layers."""

import numbers
from collections.abc import Sequence

from keras_anytime.convert.cuts import CutGraph
from keras_anytime.convert.cuts import CutPoint

# A cut further away than this from the wanted share is another cut.
TOLERANCE = 0.2


def chosen_cuts(
    cuts: CutGraph, at: Sequence[float | str] | float | str
) -> list[CutPoint]:
    """Returns the cuts that a user wants, in the order of the graph.

    Args:
        cuts: The cut points of a network.
        at: Shares of the multiply-adds, names of layers, or both. For a share,
            the nearest cut is taken. Of several equally near ones it is that
            with the fewest bytes, and of these the last, because what lies
            between them, such as an activation, costs no multiply-adds.

    Returns:
        List of `CutPoint`s.

    Raises:
        ValueError: If a layer is no cut, no cut is near a share, two entries
            mean the same cut, or the cuts do not follow each other.
    """
    single = isinstance(at, (str, numbers.Real))
    entries: list = [at] if single else list(at or ())  # type: ignore[arg-type]
    if not entries:
        raise ValueError(
            "`at` must hold shares of the multiply-adds, such as 0.25, or "
            f"names of layers. Received: at={at!r}"
        )
    chosen: dict[str, float | str] = {}
    points = {point.layer: point for point in cuts.points}
    for entry in entries:
        point = _named_cut(cuts, points, entry) or _nearest(cuts, entry)
        if point.layer in chosen:
            raise ValueError(
                f"{chosen[point.layer]!r} and {entry!r} both mean the cut "
                f"{point.layer!r} at {point.share:.1%} of the multiply-adds: "
                "leave one out, or name other layers of `cut_points`. "
                f"Received: at={at!r}"
            )
        chosen[point.layer] = entry
    ordered = sorted(
        (points[layer] for layer in chosen), key=lambda point: point.macs
    )
    for before, after in zip(ordered, ordered[1:], strict=False):
        if not cuts.is_before(before.layer, after.layer):
            raise ValueError(
                "Each stage contains the one before it, but of two of the "
                "cuts neither needs the other. "
                f"Received: at={at!r}, the cuts {before.layer!r} and "
                f"{after.layer!r}"
            )
    return ordered


def _named_cut(
    cuts: CutGraph, points: dict[str, CutPoint], entry: float | str
) -> CutPoint | None:
    """Returns the cut at a layer; `None` if the entry is a share."""
    if not isinstance(entry, str):
        return None
    if entry not in points:
        raise ValueError(
            "A network can be cut where one tensor carries everything to the "
            f"later layers, but {entry!r} {cuts.why_not(entry)}; "
            "`cut_points` lists the cuts. "
            f"Received: at={entry!r}"
        )
    return points[entry]


def _nearest(cuts: CutGraph, share: float | str) -> CutPoint:
    """Returns the cut nearest to a share of the multiply-adds."""
    if (
        not isinstance(share, numbers.Real)
        or isinstance(share, bool)
        or not 0 < share < 1
    ):
        raise ValueError(
            "`at` must hold shares of the multiply-adds between 0 and 1, or "
            f"names of layers. Received: at={share!r}"
        )
    if not cuts.total:
        raise ValueError(
            "No multiply-adds of this network are known, so that it cannot be "
            "cut by shares of them: name layers. "
            f"Received: at={share!r}"
        )
    wanted = float(share) * cuts.total
    # The last of equals comes first in the reversed order, and stays.
    nearest = min(
        reversed(cuts.points),
        key=lambda point: (abs(point.macs - wanted), point.bytes),
        default=None,
    )
    if nearest is None or abs(nearest.share - share) > TOLERANCE:
        there = (
            f"the nearest is {nearest.layer!r} at {nearest.share:.1%}"
            if nearest
            else "it cannot be cut at all"
        )
        raise ValueError(
            f"The network cannot be cut near {share:.0%} of its multiply-adds "
            f"({there}): {cuts.gap(float(share))} "
            f"Received: at={share!r}"
        )
    return nearest
