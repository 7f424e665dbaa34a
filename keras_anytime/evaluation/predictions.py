"""The answers of each stage to each example, reduced to a few numbers."""

import dataclasses
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_anytime import tasks
from keras_anytime.confidence import check_flag
from keras_anytime.confidence import check_temperatures
from keras_anytime.evaluation.class_answers import measures_of_products
from keras_anytime.evaluation.reduction import plain_labels
from keras_anytime.evaluation.reduction import reduce_outputs
from keras_anytime.evaluation.selection import check_examples
from keras_anytime.evaluation.selection import check_stages

NO_EXAMPLES = "There is nothing to measure. Received: empty `data`"
# What the answers are, the same for all examples.
_FACTS = ("stages", "temperatures", "product_answers", "label_set")


@dataclasses.dataclass(frozen=True, eq=False)
class Predictions:
    """The answers of each stage of a network to each example.

    All curves, thresholds and simulations are computed from these arrays. They
    are small for any number of classes, and one pass over the data makes them;
    see `predict_stages`. What a task does not have is `None`. Temperatures and
    product answers are computed from the logits, which are kept on request.

    ```python
    logits = np.stack(model.predict(images, verbose=0))
    predictions = ka.evaluation.Predictions.from_logits(logits, labels)
    print(1 - predictions.correct.mean(axis=0))  # the error of each stage
    ```

    Args:
        labels: Array of labels, the axis of the examples first: integers
            `(examples,)` of classes, or numbers of a regression. Of a
            segmentation, the number of positions of each class,
            `(examples, classes)`: no map is kept.
        errors: Float array `(examples, num_stages)`. The task's error of each
            answer. Of a choice of one class, it is 0 if the label's logit is
            larger than all others, and otherwise 1; a tie counts as an error.
        task: The `tasks.Task` of the answers.
        name: Name of the network.
        confidences: Float array `(examples, num_stages)`. The task's
            confidence in each answer, such as the largest probability.
        top5: Boolean array `(examples, num_stages)`, of a choice of one class.
            True if fewer than five other logits are as large as the label's.
        losses: Float array `(examples, num_stages)`, of a choice of one class.
            The cross entropy in nats.
        intersections: Integer array `(examples, num_stages, classes)`, of a
            segmentation. Positions where both answer and label have the class.
        unions: Integer array `(examples, num_stages, classes)`, of a
            segmentation. Positions where either has the class.
        logits: Float array `(examples, num_stages, classes)`, of a choice of
            one class, or `None` if they were not kept. They are those of the
            network, without temperatures.
        stages: Tuple of the numbers of the stages in their network; 1 to K, if
            not given.
        temperatures: Tuple of K floats that divided the logits before losses
            and confidences; `None` if nothing did.
        product_answers: Boolean. Whether these are product answers.
        label_set: String, the label set of a network with several; `None` for
            any other network, or if it is not known.
    """

    labels: np.ndarray
    errors: np.ndarray
    task: tasks.Task
    name: str = "anytime network"
    confidences: np.ndarray | None = None
    top5: np.ndarray | None = None
    losses: np.ndarray | None = None
    intersections: np.ndarray | None = None
    unions: np.ndarray | None = None
    logits: np.ndarray | None = None
    stages: tuple[int, ...] = ()
    temperatures: tuple[float, ...] | None = None
    product_answers: bool = False
    label_set: str | None = None

    def __post_init__(self) -> None:
        numbers = check_stages(self.stages, self.num_stages)
        object.__setattr__(self, "stages", numbers)

    @classmethod
    def from_logits(
        cls,
        logits: np.ndarray | Sequence[np.ndarray],
        labels: np.ndarray,
        name: str = "anytime network",
        task: tasks.Task | int | None = None,
        keep_logits: bool = True,
    ) -> "Predictions":
        """Makes predictions from the outputs of a data set.

        Args:
            logits: Array `(num_stages, examples, ..., size)`, or a sequence of
                K arrays `(examples, ..., size)`: logits, or the numbers of a
                regression.
            labels: Array of labels as the task takes them; one-hot labels of
                classes, too.
            name: Name of the network.
            task: A `tasks.Task`, or a number of classes. `None` for the choice
                of a class, at each position if there are positions.
            keep_logits: Boolean. Whether a copy of the logits of a choice of
                one class is kept, for `calibrated` and `product`.

        Returns:
            `Predictions`.

        Raises:
            ValueError: If there are no examples, if outputs or labels do not
                fit the task, or if an output is not finite.
        """
        check_flag("keep_logits", keep_logits)
        logits = [np.asarray(stage_logits) for stage_logits in logits]
        shapes = {stage_logits.shape for stage_logits in logits}
        if len(shapes) != 1 or any(len(shape) < 2 for shape in shapes):
            raise ValueError(
                "The logits of all stages must be of one shape `(examples, "
                f"classes)`. Received: logits of shapes {sorted(shapes)}"
            )
        shape = logits[0].shape
        if not shape[0]:
            raise ValueError(NO_EXAMPLES)
        if task is None:
            task = tasks.infer(shape)
        task = tasks.get(task)
        task.check_outputs(shape)
        labels = plain_labels(task, np.asarray(labels), shape)
        task.check_labels(labels, shape)
        return cls.from_batches(
            [reduce_outputs(logits, labels, task, keep_logits)], task, name
        )

    @classmethod
    def from_batches(
        cls,
        batches: Sequence[Mapping[str, np.ndarray]],
        task: tasks.Task,
        name: str,
        **facts: Any,
    ) -> "Predictions":
        """Joins the arrays of several batches.

        Args:
            batches: Dicts of arrays, as from `reduce_outputs`.
            task: The `tasks.Task` of the answers.
            name: Name of the network.
            **facts: Fields of `Predictions` that are no arrays.

        Returns:
            `Predictions`.

        Raises:
            ValueError: If there are no examples.
        """
        if not sum(len(batch["labels"]) for batch in batches):
            raise ValueError(NO_EXAMPLES)
        columns = {
            column: np.concatenate([batch[column] for batch in batches])
            for column in batches[0]
        }
        fields: dict[str, Any] = {**columns, **facts}
        return cls(**fields, task=task, name=name)

    @property
    def correct(self) -> np.ndarray:
        """Boolean array `(examples, num_stages)`, true for errors of 0."""
        return self.errors == 0

    @property
    def classes(self) -> int:
        """Number of classes; of other tasks, the size of the outputs."""
        return self.task.size

    @property
    def num_stages(self) -> int:
        """Number of stages K."""
        return self.errors.shape[1]

    @property
    def examples(self) -> int:
        """Number of examples."""
        return len(self.labels)

    @property
    def guess_error(self) -> float:
        """The mean error of an answer that has not seen the input."""
        return self.task.guess_error(self.labels)

    def part(self, index: slice | np.ndarray) -> "Predictions":
        """Returns the predictions of some of the examples.

        Args:
            index: Slice, or array of integers or booleans, over the examples.

        Returns:
            `Predictions`.

        Raises:
            ValueError: If `index` is another one, or no example is left.
        """
        index = check_examples(index, self.examples)
        columns = {name: array[index] for name, array in self._arrays().items()}
        return self.from_batches(
            [columns], self.task, self.name, **self._facts()
        )

    def of_stages(self, stages: Sequence[int]) -> "Predictions":
        """Returns the predictions of some of the stages.

        They are those of an export of these stages (`stages=`), for its
        temperatures, product answers and thresholds.

        ```python
        predictions = ka.evaluation.predict_stages(
            model, (images, labels), keep_logits=True
        )
        first = predictions.of_stages([1, 2])
        control = ka.evaluation.risk_controlled_thresholds(
            first.product(), risk=0.2
        )
        ```

        Args:
            stages: Sequence of numbers of stages, in rising order.

        Returns:
            `Predictions`.

        Raises:
            ValueError: If there is no such stage, or these are product
                answers, which multiply all of the stages.
        """
        numbers = check_stages(stages, None, self.stages)
        if self.product_answers:
            raise ValueError(
                "Product answers of some stages multiply only these: take the "
                "stages first, `of_stages(...).product()`. "
                f"Received: product answers of the stages {self.stages}"
            )
        kept = [self.stages.index(number) for number in numbers]
        columns = {
            name: array if name == "labels" else array[:, kept]
            for name, array in self._arrays().items()
        }
        divisors = self.temperatures
        facts = self._facts() | {
            "stages": numbers,
            "temperatures": divisors and tuple(divisors[k] for k in kept),
        }
        return self.from_batches([columns], self.task, self.name, **facts)

    def _arrays(self) -> dict[str, np.ndarray]:
        """Returns the arrays that there are, by their names."""
        arrays = {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if field.name not in ("task", "name", *_FACTS)
        }
        return {name: a for name, a in arrays.items() if a is not None}

    def _facts(self) -> dict[str, Any]:
        """Returns what the answers are, for other arrays of them."""
        return {name: getattr(self, name) for name in _FACTS}

    def calibrated(self, temperatures: Sequence[float]) -> "Predictions":
        """Returns the same answers with calibrated confidences.

        The logits of each stage are divided by its temperature, which changes
        losses and confidences but no answer. Other temperatures that were there
        before count no more.

        ```python
        logits = np.stack(model.predict(images, verbose=0))
        predictions = ka.evaluation.Predictions.from_logits(logits, labels)
        temperatures = ka.evaluation.fit_temperatures(predictions)
        calibrated = predictions.calibrated(temperatures)
        ```

        Args:
            temperatures: K positive floats, as from `fit_temperatures`. Fit
                them to other examples than those that are measured.

        Returns:
            `Predictions`.

        Raises:
            ValueError: If the answers are no choices of one class or are
                products, no logits were kept, or a temperature is wrong.
        """
        stages = self.logits_of_stages("Temperatures")
        divisors = check_temperatures(temperatures, self.num_stages)
        logits = [z / t for z, t in zip(stages, divisors, strict=True)]
        columns = reduce_outputs(logits, self.labels, self.task, True)
        # Division may round two logits to the same number.
        columns |= {"errors": self.errors, "logits": np.stack(stages, axis=1)}
        facts = self._facts() | {"temperatures": divisors}
        return self.from_batches([columns], self.task, self.name, **facts)

    def product(self) -> "Predictions":
        """Returns the predictions of product answers.

        The probabilities of stage k are proportional to the product of the
        positive parts of the logits of stages 1 to k. Stages contradict each
        other less: fewer right answers are lost at a later stage. That has a
        price where later stages are much better, because they are tied to what
        the earlier ones said; `curve_from_predictions` shows both numbers.

        Only logits decide these answers: temperatures cancel. Confidences are
        the largest probabilities of the product. The early ones are low, since
        a product of few factors is flat.

        ```python
        logits = np.stack(model.predict(images, verbose=0))
        predictions = ka.evaluation.Predictions.from_logits(logits, labels)
        costs = ka.evaluation.stage_costs(model)
        curve = ka.evaluation.curve_from_predictions(
            predictions.product(), costs
        )
        print(curve.overthinking_rate)  # the share that gets worse
        ```

        Returns:
            `Predictions`, which keep no logits. A loss is infinite where the
            label has the probability 0.

        Raises:
            ValueError: If the answers are no choices of one class or are
                products already, or no logits were kept.

        Reference:
            [Jazbec et al., 2023, Section 4](https://arxiv.org/abs/2306.02652)
        """
        stages = self.logits_of_stages("Product answers")
        columns = {
            "labels": self.labels,
            **measures_of_products(stages, self.labels),
        }
        name = f"{self.name}, product answers"
        facts = self._facts() | {"temperatures": None, "product_answers": True}
        return self.from_batches([columns], self.task, name, **facts)

    def logits_of_stages(self, use: str) -> list[np.ndarray]:
        """Returns the logits of each stage, K arrays `(examples, classes)`.

        Args:
            use: String, what needs them, for errors.

        Raises:
            ValueError: If the answers are no choices of one class or are
                products, or no logits were kept.
        """
        if not isinstance(self.task, tasks.Classification):
            raise ValueError(
                f"{use} are those of choices of one class. "
                f"Received: answers of the task {self.task}"
            )
        if self.product_answers:
            raise ValueError(
                f"{use} are computed from the answers of each stage alone, and "
                "these are product answers: take the predictions from before "
                f"`product()`. Received: {self.name!r}"
            )
        if self.logits is None:
            raise ValueError(
                f"{use} need the logits: predict with `keep_logits=True`. "
                f"Received: {self.name!r} without logits"
            )
        return list(np.moveaxis(self.logits, 1, 0))
