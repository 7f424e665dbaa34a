"""Budgeted batch classification: easy images stop early, hard ones run on."""

import dataclasses
import os
from collections.abc import Sequence

import numpy as np

from keras_anytime.evaluation.base import TaskMeasurement
from keras_anytime.evaluation.base import task_beside_classes
from keras_anytime.evaluation.curve import AnytimeCurve
from keras_anytime.evaluation.prediction_checks import check_predictions
from keras_anytime.evaluation.predictions import Predictions
from keras_anytime.evaluation.tables import as_table
from keras_anytime.evaluation.tables import short
from keras_anytime.evaluation.thresholds import BudgetPoint
from keras_anytime.evaluation.thresholds import TaskBudgetPoint
from keras_anytime.evaluation.thresholds import confidence_thresholds
from keras_anytime.evaluation.thresholds import cumulative_macs
from keras_anytime.evaluation.thresholds import dynamic_evaluation
from keras_anytime.files.csv_files import write_csv
from keras_anytime.stages.cost import StageCost


@dataclasses.dataclass(frozen=True)
class BudgetCurve(TaskMeasurement):
    """The error of a network against its mean cost; see `budget_curve`.

    `print(curve)` shows the curve as a table.

    Args:
        points: Tuple of `BudgetPoint`, the cheapest first; of a task other than
            the choice of one class, of `TaskBudgetPoint`.
        budgets: The wanted mean of multiply-adds of each point.
        examples: Number of examples that were measured.
        name: Name of the network.
        task: The `tasks.Task`; `None` for the choice of one class.
    """

    points: tuple[BudgetPoint | TaskBudgetPoint, ...]
    budgets: tuple[float, ...]
    examples: int
    name: str

    def __str__(self) -> str:
        rows = (
            {
                "budget": short(budget),
                "mean multiply-adds": short(point.mean_macs),
                self.error_name: self.error_text(point.error),
                "answered by stage": " ".join(
                    f"{share:.0%}" for share in point.shares
                ),
                "thresholds": " ".join(f"{t:.3f}" for t in point.thresholds),
            }
            for budget, point in zip(self.budgets, self.points, strict=True)
        )
        kind = "classification" if self.task is None else "answers"
        return "\n".join(
            [
                f"{self.name}: budgeted {kind} of {self.examples} examples",
                *as_table(rows),
            ]
        )

    def to_csv(self, path: str | os.PathLike) -> None:
        """Writes a CSV file with one line per budget.

        Args:
            path: Path of the file. An existing file is replaced atomically.
        """
        rows = []
        for budget, point in zip(self.budgets, self.points, strict=True):
            row = {
                "budget": budget,
                "mean_macs": point.mean_macs,
                self.error_column: point.error,
            }
            for k, share in enumerate(point.shares, start=1):
                row[f"share_{k}"] = share
            for k, threshold in enumerate(point.thresholds, start=1):
                row[f"threshold_{k}"] = threshold
            rows.append(row)
        write_csv(path, rows)

    def plot(
        self, path: str | os.PathLike, curve: AnytimeCurve | None = None
    ) -> None:
        """Draws the error against the mean cost of images that stop early.

        Args:
            path: Path that ends in `.png` or `.svg`. An existing file is
                replaced atomically.
            curve: `AnytimeCurve` of the same network for comparison: all
                images stop at the same stage. `None` for no comparison.

        Raises:
            ValueError: If `curve` is not an anytime curve, or the path has
                another suffix.
            ImportError: If Matplotlib is missing; the `plot` extra installs it.

        Reference:
            [Huang et al., 2018, Figure 7](https://arxiv.org/abs/1703.09844)
        """
        from keras_anytime.evaluation.plots import style
        from keras_anytime.evaluation.plots.budget import draw_budget

        style.save(draw_budget(self, curve), path)


def budget_curve(
    validation: Predictions,
    test: Predictions,
    costs: Sequence[StageCost],
    budgets: Sequence[float] | None = None,
) -> BudgetCurve:
    """Measures a network under budgets for the mean cost per image.

    ```python
    predictions = ka.evaluation.predict_stages(model, (images, labels))
    validation = predictions.part(slice(0, 16))
    test = predictions.part(slice(16, 32))
    costs = ka.evaluation.stage_costs(model)
    print(ka.evaluation.budget_curve(validation, test, costs))
    ```

    Args:
        validation: `Predictions` that the thresholds are chosen on.
        test: `Predictions` that are measured.
        costs: List of K `StageCost`.
        budgets: Wanted means of multiply-adds per image, increasing. `None`
            for 9 budgets, evenly spaced from the first stage's cost to the
            cost of all steps.

    Returns:
        A `BudgetCurve`.

    Raises:
        ValueError: If a budget is out of reach, `validation`, `test` and
            `costs` are not of the same network, its task has no confidence, or
            only some answers are calibrated or products.

    Reference:
        [Huang et al., 2018, Section 5](https://arxiv.org/abs/1703.09844)
    """
    for predictions in (validation, test):
        check_predictions(predictions)
    if (validation.num_stages, validation.task) != (test.num_stages, test.task):
        raise ValueError(
            "`validation` and `test` must be predictions of the same network. "
            f"Received: answers of {validation.num_stages} stages of the task "
            f"{validation.task}, and of {test.num_stages} of {test.task}"
        )
    kinds = [
        (answers.stages, answers.temperatures, answers.product_answers)
        for answers in (validation, test)
    ]
    if kinds[0] != kinds[1]:
        raise ValueError(
            "`validation` and `test` must have confidences of the same kind: "
            "of the same stages, divided by the same temperatures, of product "
            "answers or of each stage alone. Received: "
            + " and ".join(
                f"stages={stages}, temperatures={temperatures}, "
                f"product_answers={product_answers}"
                for stages, temperatures, product_answers in kinds
            )
        )
    if budgets is None:
        cumulative = cumulative_macs(validation, costs)
        budgets = np.unique(
            np.linspace(cumulative[0], cumulative[-1], 9)
        ).tolist()
    return BudgetCurve(
        points=tuple(
            dynamic_evaluation(
                test, costs, confidence_thresholds(validation, costs, budget)
            )
            for budget in budgets
        ),
        budgets=tuple(float(budget) for budget in budgets),
        examples=test.examples,
        name=test.name,
        task=task_beside_classes(test.task),
    )
