"""Hierarchical anytime prediction: coarse labels where fine ones fail."""

import dataclasses

from keras_anytime.evaluation.anytime import curve_of
from keras_anytime.evaluation.base import Result
from keras_anytime.evaluation.csv_files import write_csv
from keras_anytime.evaluation.curve import AnytimeCurve
from keras_anytime.evaluation.predictions import predict_stages
from keras_anytime.evaluation.tables import as_table
from keras_anytime.evaluation.tables import percent
from keras_anytime.evaluation.tables import short
from keras_anytime.stages.checks import check_anytime_model
from keras_anytime.stages.cost import stage_costs


@dataclasses.dataclass(frozen=True)
class HierarchicalCurve(Result):
    """The anytime curves of one network, one for each label set.

    `print(curve)` shows all errors in one table.

    Args:
        curves: Dict from label sets to `AnytimeCurve`s, the finest first.
    """

    curves: dict[str, AnytimeCurve]

    def finest(self, error):
        """Returns the finest label set that each stage can answer with.

        Args:
            error: Float in [0, 1], the top-1 error that is wanted at most.

        Returns:
            Tuple of K strings, or `None` where every label set has a larger
            error.

        Raises:
            ValueError: If `error` is outside [0, 1].

        Reference:
            [Lee and Shin, 2018, Section 3.3 and Figure 5](
            https://arxiv.org/abs/1807.02609)
        """
        if not 0 <= error <= 1:
            raise ValueError(
                f"`error` must be in [0, 1]. Received: error={error}"
            )
        return tuple(
            next((name for name, e in errors.items() if e <= error), None)
            for errors in self._errors()
        )

    def plot(self, path, error=None):
        """Draws the error of each label set against multiply-adds.

        Args:
            path: String or path that ends in `.png` or `.svg`. A file there
                is replaced at once.
            error: Float in [0, 1]. A wanted error, to mark the label sets that
                `finest` chooses for it; or `None`.

        Raises:
            ValueError: If the path ends in anything else.
            ImportError: If Matplotlib is missing; the `plot` extra brings it.
        """
        from keras_anytime.evaluation.plots.curves import plot_label_sets

        plot_label_sets(self, path, error)

    def to_csv(self, path):
        """Writes one line per stage to a CSV file, with each set's error.

        Args:
            path: String or path. A file there is replaced at once.
        """
        first = next(iter(self.curves.values()))
        rows = [
            {
                "stage": point.stage,
                "macs": point.macs,
                **{f"{name}_top1_error": one for name, one in errors.items()},
            }
            for point, errors in zip(first.points, self._errors(), strict=True)
        ]
        write_csv(path, rows)

    def to_dict(self):
        """Returns the curves as a dict of plain values, for JSON."""
        return {name: curve.to_dict() for name, curve in self.curves.items()}

    def __str__(self):
        first = next(iter(self.curves.values()))
        rows = (
            {
                "stage": point.stage,
                "MACs": short(point.macs),
                **{name: percent(error) for name, error in errors.items()},
            }
            for point, errors in zip(first.points, self._errors(), strict=True)
        )
        return "\n".join(
            [
                f"top-1 error by label set, {first.examples} examples",
                *as_table(rows),
            ]
        )

    def _errors(self):
        """Yields a dict from label sets to errors for each stage."""
        for points in zip(
            *(curve.points for curve in self.curves.values()), strict=True
        ):
            errors = [point.top1_error for point in points]
            yield dict(zip(self.curves, errors, strict=True))


def hierarchical_curve(model, data, batch_size=128):
    """Measures every stage in every label set, in one pass over the data.

    ```python
    curve = ka.evaluation.hierarchical_curve(model, val)
    curve.finest(error=0.3)   # ("coarse", "coarse", "fine")
    ```

    Args:
        model: An `AnytimeModel` with label sets.
        data: A `tf.data.Dataset` of batches of (images, labels), or a pair of
            arrays. Labels are a dict from label sets to integer labels.
        batch_size: Integer. Images per batch where `data` is arrays.

    Returns:
        A `HierarchicalCurve`.

    Raises:
        ValueError: If the network has no label sets, or the data does not fit.
    """
    check_anytime_model(model)
    if not model.label_sets:
        raise ValueError(
            "The network has one set of labels: build it with `classes` as a "
            "dict from label sets to numbers of classes, or use "
            f"`anytime_curve`. Received: {model.name!r}"
        )
    costs = stage_costs(model)
    found = predict_stages(model, data, batch_size)
    return HierarchicalCurve(
        {name: curve_of(one, costs) for name, one in found.items()}
    )
