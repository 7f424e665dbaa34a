"""Hierarchical prediction: coarse labels until fine labels are reliable."""

import dataclasses
import os
from collections.abc import Iterable
from collections.abc import Iterator
from typing import Any

import keras

from keras_anytime.evaluation.anytime import anytime_curve
from keras_anytime.evaluation.base import Measurement
from keras_anytime.evaluation.curve import AnytimeCurve
from keras_anytime.evaluation.tables import as_table
from keras_anytime.evaluation.tables import short
from keras_anytime.files.csv_files import write_csv
from keras_anytime.stages.checks import check_anytime_model


@dataclasses.dataclass(frozen=True)
class HierarchicalCurve(Measurement):
    """The anytime curves of one network, one for each label set.

    `print(curve)` shows all errors in one table. The label sets may be of
    different tasks.

    Args:
        curves: Dict from label sets to `AnytimeCurve`s, the finest first.
    """

    curves: dict[str, AnytimeCurve]

    def finest(self, error: float) -> tuple[str | None, ...]:
        """Returns the finest label set that each stage can answer with.

        Args:
            error: Float in [0, 1]. The largest top-1 error allowed.

        Returns:
            Tuple of K strings; `None` for a stage whose error is larger in
            every label set.

        Raises:
            ValueError: If `error` is outside [0, 1], or a label set is not one
                of classes.

        Reference:
            [Lee and Shin, 2018, Section 3.3 and Figure 5](
            https://arxiv.org/abs/1807.02609)
        """
        others = [name for name, c in self.curves.items() if c.task is not None]
        if others:
            raise ValueError(
                "The finest labels are chosen among sets of classes, finer and "
                "coarser ones of the same thing. Received: the label sets "
                f"{others} of other tasks"
            )
        if not 0 <= error <= 1:
            raise ValueError(
                f"`error` must be in [0, 1]. Received: error={error}"
            )
        return tuple(
            next((name for name, e in errors.items() if e <= error), None)
            for errors in self._errors()
        )

    def plot(self, path: str | os.PathLike, error: float | None = None) -> None:
        """Draws the error in each label set against multiply-adds.

        Args:
            path: Path that ends in `.png` or `.svg`. An existing file is
                replaced atomically.
            error: Float in [0, 1]. An error for which to mark the label sets
                that `finest` chooses; `None` for no marks.

        Raises:
            ValueError: As `finest` if there is an `error`, or if the path has
                another suffix.
            ImportError: If Matplotlib is missing; the `plot` extra installs it.

        Reference:
            [Lee and Shin, 2018, Figure 5](https://arxiv.org/abs/1807.02609)
        """
        from keras_anytime.evaluation.plots import style
        from keras_anytime.evaluation.plots.label_sets import draw_label_sets

        style.save(draw_label_sets(self, error), path)

    def to_csv(self, path: str | os.PathLike) -> None:
        """Writes a CSV file with one line per stage: the error in each set.

        Args:
            path: Path of the file. An existing file is replaced atomically.
        """
        first = next(iter(self.curves.values()))
        rows = [
            {
                "stage": point.stage,
                "macs": point.macs,
                **{
                    f"{name}_{self.curves[name].error_column}": error
                    for name, error in errors.items()
                },
            }
            for point, errors in zip(first.points, self._errors(), strict=True)
        ]
        write_csv(path, rows)

    def to_dict(self) -> dict[str, Any]:
        """Returns the curves as a dict of plain values, for JSON."""
        return {name: curve.to_dict() for name, curve in self.curves.items()}

    def __str__(self) -> str:
        first = next(iter(self.curves.values()))
        rows = (
            {
                "stage": point.stage,
                "multiply-adds": short(point.macs),
                **{
                    self._heading(name): self.curves[name].error_text(error)
                    for name, error in errors.items()
                },
            }
            for point, errors in zip(first.points, self._errors(), strict=True)
        )
        return "\n".join(
            [
                f"{self._common_error()} by label set, {first.examples} "
                "examples",
                *as_table(rows),
            ]
        )

    def _errors(self) -> Iterator[dict[str, float]]:
        """Yields a dict from label sets to errors for each stage."""
        for points in zip(
            *(curve.points for curve in self.curves.values()), strict=True
        ):
            errors = [point.error for point in points]
            yield dict(zip(self.curves, errors, strict=True))

    def _common_error(self) -> str:
        names = {curve.error_name for curve in self.curves.values()}
        return names.pop() if len(names) == 1 else "error"

    def _heading(self, label_set: str) -> str:
        name = self.curves[label_set].error_name
        same = self._common_error() == name
        return label_set if same else f"{label_set} ({name})"


def hierarchical_curve(
    model: keras.Model,
    data: Iterable,
    batch_size: int = 128,
    verbose: bool = True,
    cost: str | None = None,
) -> HierarchicalCurve:
    """Measures every stage in every label set, in one pass over the data.

    ```python
    network = ka.nets.width_nested_resnet(
        (8, 8, 1), {"fine": 10, "coarse": 2}, "w1-w2", units=(1,), filters=(8,)
    )
    data = (images, {"fine": labels, "coarse": labels % 2})
    curve = ka.evaluation.hierarchical_curve(network, data)
    curve.finest(error=0.3)  # such as ("coarse", "fine")
    ```

    Args:
        model: An `AnytimeModel` with label sets.
        data: As for `predict_stages`. Labels are a dict from label sets to
            labels.
        batch_size: Examples per batch if `data` is a pair of arrays.
        verbose: Boolean. Whether a line on the standard error says what is done
            and how long it took.
        cost: `"subnetwork"`, `"cumulative"` or `None`, as for `anytime_curve`.

    Returns:
        A `HierarchicalCurve`.

    Raises:
        ValueError: If the network has no label sets, or the data does not fit
            the network.
    """
    check_anytime_model(model)
    if not model.label_sets:
        raise ValueError(
            "The network has one set of labels: build it with `classes` as a "
            "dict from label sets to numbers of classes, or use "
            f"`anytime_curve`. Received: {model.name!r}"
        )
    return HierarchicalCurve(
        anytime_curve(model, data, batch_size, verbose=verbose, cost=cost)
    )
