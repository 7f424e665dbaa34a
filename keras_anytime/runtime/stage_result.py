"""StageResult: the answer of one stage."""

import dataclasses
import numbers
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_anytime import confidence

#: Probabilities with names of classes, or with indices where there are none.
Named = list[tuple[str | int, float]]


@dataclasses.dataclass(frozen=True)
class StageResult:
    """The answer of one stage, or the statement that no stage was ready.

    ```python
    with ka.runtime.AnytimePredictor("run/anytime.tflite") as predictor:
        result = predictor.predict(image)
    print(result.stage, result.top(3))
    ```

    Args:
        stage: Integer. The stage that answered, counted from 1; 0 if no stage
            was ready in time.
        logits: Float array `(batch, classes)`, or `(classes,)` for a single
            example. A regression gives its values instead, `(batch, size)`, and
            a segmentation logits at each position, `(batch, height, width,
            classes)`. With label sets, it is a dict from these to such arrays.
            It is `None` if no stage was ready. They are those of the stage
            alone, whatever the manifest says about probabilities.
        elapsed_ms: Float. Milliseconds from the call to this answer.
        temperature: Float. What divides the logits before probabilities; with
            label sets, those of the first set.
        products: Array of the shape of the logits, or with label sets a dict:
            logarithms of the products of product answers; `None` if the file
            has none.
        tasks: Dict from label sets to the names of tasks, as in `Manifest`;
            `None` for the choice of one class.
        class_names: Tuple of strings, or a dict of them by label sets, or
            `None`, as in `Manifest`.
    """

    stage: int
    logits: np.ndarray | dict[str, np.ndarray] | None
    elapsed_ms: float
    temperature: float = dataclasses.field(default=1.0, repr=False)
    products: np.ndarray | dict[str, np.ndarray] | None = dataclasses.field(
        default=None, repr=False
    )
    tasks: Mapping[str | None, str | None] | None = dataclasses.field(
        default=None, repr=False
    )
    class_names: Any = dataclasses.field(default=None, repr=False)

    @property
    def ready(self) -> bool:
        """Whether any stage was ready."""
        return self.stage > 0

    @property
    def probabilities(self) -> np.ndarray | dict[str, np.ndarray] | None:
        """The probabilities of the answer, computed when they are asked for.

        They are the softmax of the logits divided by the temperature, or those
        of product answers if the file has them. A binary answer has the
        probability of yes, and so has each of several labels. They have the
        shape of the logits, in float64; `None` if no stage was ready. With
        label sets, they are a dict, without the sets that are numbers.

        Raises:
            ValueError: If the answers are numbers, which have none.
        """
        return self._by_label_set(self._probabilities, ("regression",))

    def top(self, n: int = 5) -> Any:
        """Returns the most probable classes.

        Args:
            n: Integer of 1 or more, how many; all if there are fewer.

        Returns:
            List of pairs `(name, probability)`, the largest probability first.
            The name is the index of the class if the file has no names. For a
            batch, it is a list of such lists; with label sets a dict of lists,
            without the sets that are numbers or classes at positions. A binary
            answer has two entries, for no and for yes, and each of several
            labels one for yes. The list is empty if no stage was ready.

        Raises:
            ValueError: If `n` is below 1, or the answers are numbers or classes
                at positions.
        """
        if isinstance(n, bool) or not isinstance(n, numbers.Integral) or n < 1:
            raise ValueError(
                f"`n` must be an integer of 1 or more. Received: n={n!r}"
            )

        def top(logits, label_set):
            if self._task(label_set) == "segmentation":
                raise ValueError(
                    "A segmentation has a class at each position: take the "
                    "largest of `probabilities` there. "
                    f"Received: logits of shape {logits.shape}"
                )
            probabilities = self._probabilities(logits, label_set)
            names = self._names(label_set)
            if self._task(label_set) == "binary":
                both = [1 - probabilities, probabilities]
                probabilities = np.concatenate(both, axis=-1)
                names = names if names and len(names) == 2 else ("no", "yes")
            if probabilities.ndim == 1:
                return _largest(probabilities, names, n)
            return [_largest(row, names, n) for row in probabilities]

        answer = self._by_label_set(top, ("regression", "segmentation"))
        return [] if answer is None else answer

    def _by_label_set(
        self,
        function: Callable[[np.ndarray, str | None], Any],
        without: Sequence[str],
    ) -> Any:
        """Applies a function to the logits of each label set.

        Label sets of some tasks are left out, but not if there are no others.
        """
        if not isinstance(self.logits, dict):
            return None if self.logits is None else function(self.logits, None)
        sets = [s for s in self.logits if self._task(s) not in without]
        return {
            label_set: function(self.logits[label_set], label_set)
            for label_set in sets or self.logits
        }

    def _probabilities(
        self, logits: np.ndarray, label_set: str | None
    ) -> np.ndarray:
        products = self.products
        if isinstance(products, dict):
            products = products[str(label_set)]
        if products is not None:
            return confidence.product_probabilities(products, logits)
        divided = logits / self._temperature(label_set)
        return confidence.probabilities(divided, self._task(label_set))

    def _task(self, label_set: str | None) -> str | None:
        return None if self.tasks is None else self.tasks[label_set]

    def _names(self, label_set: str | None) -> Sequence[str] | None:
        names = self.class_names
        return names[label_set] if isinstance(names, Mapping) else names

    def _temperature(self, label_set: str | None) -> float:
        """Returns what divides logits: of label sets, only of the first."""
        if isinstance(self.logits, dict) and label_set != next(
            iter(self.logits)
        ):
            return 1.0
        return self.temperature


def _largest(
    probabilities: np.ndarray, names: Sequence[str] | None, n: int
) -> Named:
    """Returns names and probabilities of the n most probable classes."""
    order = np.argsort(-probabilities, kind="stable")[:n].tolist()
    return [
        (names[index] if names else index, float(probabilities[index]))
        for index in order
    ]
