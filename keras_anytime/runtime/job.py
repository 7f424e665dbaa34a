"""Job: one call of a predictor: runs the steps, answers at the deadline."""

import queue
import threading
import time
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_anytime.confidence import confidence
from keras_anytime.confidence import log_products
from keras_anytime.confidence import product_probabilities
from keras_anytime.manifest.manifest import Manifest
from keras_anytime.runtime.backends import Program
from keras_anytime.runtime.stage_result import StageResult


class Job:
    """One example or batch on its way through the stages.

    A job is created at the beginning of a call. Its clock runs, and it can be
    stopped, while the example is still being converted.

    Args:
        thresholds: Sequence of K - 1 floats. An answer whose confidence is
            above the threshold of its stage is final. It may be empty.
        deadline_ms: Float or `None`. Milliseconds from now to the deadline.
    """

    def __init__(
        self,
        thresholds: Sequence[float] = (),
        deadline_ms: float | None = None,
    ) -> None:
        self._start = time.perf_counter()
        #: Whether the caller has stopped waiting. No further step begins.
        self.stopped = False
        #: Dict from the names of the inputs to arrays `(batch, ...)` of the
        #: file's types.
        self.inputs: dict[str, np.ndarray] = {}
        #: Whether answers are for a single example, without batch axis.
        self.single = False
        #: Usual milliseconds of each step, or `None` if they are unknown. A
        #: step that would end after the deadline is not begun, because it
        #: would only delay the next call.
        self.step_ms: Sequence[float] | None = None
        self._thresholds = thresholds
        self._deadline_ms = deadline_ms
        # Answers, then an error or `None`. It is a queue because it is atomic
        # for signal handlers; see `Worker`.
        self._answers: queue.SimpleQueue[Any] = queue.SimpleQueue()

    @property
    def batch_size(self) -> int:
        """Number of examples."""
        return len(next(iter(self.inputs.values())))

    def run(
        self,
        steps: Mapping[str, Program],
        manifest: Manifest,
        features: dict[str, Any],
    ) -> None:
        """Runs the steps one after another; called in the worker's thread.

        Args:
            steps: Dict from the names of signatures to programs.
            manifest: The `Manifest` of the exported file.
            features: Dict with the outputs of the steps of the previous call.
                Its arrays live until the outputs of this call replace them,
                because allocating memory again costs more than copying.
        """
        features.update(self.inputs)
        tasks = manifest.tasks
        first, task = next(iter(tasks.items()))
        products: dict[str | None, np.ndarray] = {}
        temperatures = manifest.temperatures or (1.0,) * len(steps)
        try:
            for index, (name, step) in enumerate(steps.items()):
                if self.stopped or not self._worth_starting(index):
                    break
                inputs = manifest.signatures[name].inputs
                outputs = step(
                    {tensor.name: features[tensor.name] for tensor in inputs}
                )
                features.update(outputs)
                scales = manifest.scales[name]
                answer = {
                    label_set: _floats(outputs[output], scales[output])
                    for label_set, output in manifest.logits_names.items()
                }
                if manifest.product_answers:
                    products = {
                        label_set: log_products(logits, products.get(label_set))
                        for label_set, logits in answer.items()
                    }
                    for array in products.values():
                        # Later stages read what a caller gets.
                        array.setflags(write=False)
                # Decided before a caller has the logits and may change them.
                final = self._is_final(
                    index,
                    answer[first],
                    task,
                    temperatures[index],
                    products.get(first),
                )
                # An answer after the end of the call is dropped.
                if not self.stopped:
                    self._answers.put(
                        StageResult(
                            manifest.stages[index].stage,
                            self._as_asked(answer),
                            self._elapsed_ms(),
                            temperatures[index],
                            self._as_asked(products) if products else None,
                            tasks,
                            manifest.class_names,
                        )
                    )
                if final:
                    break
            self.stop()
        except BaseException as error:
            failure = RuntimeError(f"Step {index + 1} failed: {error}")
            failure.__cause__ = error
            self.stop(failure)

    def stop(self, error: Exception | None = None) -> None:
        """Ends the job, so that nobody waits for further answers.

        Args:
            error: The exception that waiting raises, or `None`.
        """
        self.stopped = True
        self._answers.put(error)

    def next(self) -> StageResult | None:
        """Waits for the answer of the next stage.

        Returns:
            A `StageResult`, or `None` if the deadline or the end of the job
            comes first.

        Raises:
            RuntimeError: If a step failed.
        """
        timeout = None
        if self._deadline_ms is not None:
            timeout = max(0.0, (self._deadline_ms - self._elapsed_ms()) / 1e3)
            timeout = min(timeout, threading.TIMEOUT_MAX)
        try:
            answer = self._answers.get(timeout=timeout)
        except queue.Empty:
            return None
        if isinstance(answer, Exception):
            raise answer
        if answer is None or self._is_late(answer.elapsed_ms):
            return None
        return answer

    def last(self, count: int) -> StageResult:
        """Waits for `count` answers, the deadline, or the end of the job.

        Args:
            count: Integer. The number of answers.

        Returns:
            The last answer in time; its `stage` is 0 if there is none.

        Raises:
            RuntimeError: If a step failed.
        """
        last = None
        for _ in range(count):
            answer = self.next()
            if answer is None:
                break
            last = answer
        return last or StageResult(0, None, self._elapsed_ms())

    def _is_late(self, time_ms: float) -> bool:
        """Tells if a time is after the deadline."""
        return self._deadline_ms is not None and time_ms > self._deadline_ms

    def _worth_starting(self, index: int) -> bool:
        """Tells if a step can be expected to end before the deadline.

        The first step begins however long it takes, because any answer is
        better than none. After the deadline no step begins.
        """
        if self._deadline_ms is None:
            return True
        step_ms = self.step_ms[index] if index and self.step_ms else 0.0
        return not self._is_late(self._elapsed_ms() + step_ms)

    def _is_final(
        self,
        index: int,
        logits: np.ndarray,
        task: str | None,
        temperature: float,
        products: np.ndarray | None,
    ) -> bool:
        """Tells if answers are so confident that no later stage is needed."""
        if index >= len(self._thresholds):
            return False
        if products is None:
            certain = confidence(logits / temperature, task)
        else:
            certain = product_probabilities(products, logits).max(axis=-1)
        return bool(np.all(certain > self._thresholds[index]))

    def _as_asked(self, arrays: Mapping[str | None, np.ndarray]) -> Any:
        """Returns arrays by label sets as a caller asked for them.

        A single example has no batch axis, and one label set no dict.
        """
        asked = {
            label_set: batch[0] if self.single else batch
            for label_set, batch in arrays.items()
        }
        return asked.get(None, asked)

    def _elapsed_ms(self) -> float:
        return 1e3 * (time.perf_counter() - self._start)


def _floats(logits: np.ndarray, scale: Mapping[str, Any] | None) -> np.ndarray:
    """Returns a copy of the answers of a batch as floats."""
    logits = np.array(logits)
    if scale is None:
        return logits
    return np.float32(scale["scale"]) * (
        logits.astype("float32") - scale["zero_point"]
    )
