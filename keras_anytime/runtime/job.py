"""One call on its way through the stages, in the worker's thread."""

import dataclasses
import queue
import threading
import time

import numpy as np

from keras_anytime.confidence import confidence as confidence_of


@dataclasses.dataclass(frozen=True)
class StageResult:
    """The answer of one stage, or that there is none yet.

    Args:
        stage: Integer, the stage that answered, counted from 1; 0 if no stage
            was ready in time.
        logits: Array `(batch, classes)`, or `(classes,)` for a single image;
            of a hierarchical network a dict from its label sets to arrays;
            `None` if no stage was ready.
        elapsed_ms: Float. Milliseconds from the call to this answer.
    """

    stage: int
    logits: np.ndarray | dict[str, np.ndarray] | None
    elapsed_ms: float

    @property
    def ready(self) -> bool:
        """Whether any stage was ready."""
        return self.stage > 0


class Job:
    """One image, or batch, on its way through the stages.

    It is made where a call begins: its clock runs, and it can be stopped,
    while the image is still being converted.

    Args:
        thresholds: Confidences above which the answers of the stages but the
            last are final; may be empty.
        deadline_ms: Float or `None`. Milliseconds from now.
    """

    def __init__(self, thresholds=(), deadline_ms=None):
        self._start = time.perf_counter()
        #: Whether nobody waits any more: no further step begins.
        self.stopped = False
        #: Array `(batch, height, width, channels)` of the file's type.
        self.batch = None
        #: Whether answers are for one image, without batch axis.
        self.single = False
        #: What each step takes as a rule, or `None` where that is not known. A
        #: step that would end after the deadline is not begun: it would only
        #: keep the next call waiting.
        self.step_ms = None
        self._thresholds = thresholds
        self._deadline_ms = deadline_ms
        # Answers, then an error or `None`. A queue and no lock: see `Worker`.
        self._answers: queue.SimpleQueue = queue.SimpleQueue()

    def run(self, steps, manifest, features):
        """Runs the steps one after another; called in the worker's thread.

        Args:
            steps: Dict from the names of signatures to programs.
            manifest: The file's `Manifest`.
            features: Dict for what steps leave, that of the call before. Its
                arrays live until those of this call take their place: memory
                that goes back to the system and is taken again costs more
                than copying features.
        """
        features["image"] = self.batch
        try:
            for index, (name, step) in enumerate(steps.items()):
                if self.stopped or not self._worthwhile(index):
                    break
                inputs = manifest.signatures[name].inputs
                outputs = step(
                    {tensor.name: features[tensor.name] for tensor in inputs}
                )
                features.update(outputs)
                scales = manifest.scales[name]
                answer = {
                    label_set: self._own(outputs[output], scales[output])
                    for label_set, output in manifest.logits_names.items()
                }
                # Before a caller has it, who may change it.
                sure = self._sure(index, next(iter(answer.values())))
                # What finishes after the answer was given counts no more.
                if not self.stopped:
                    stage = manifest.stages[index].stage
                    logits = answer.get(None, answer)
                    self._answers.put(
                        StageResult(stage, logits, 1e3 * self._seconds())
                    )
                if sure:
                    break
            self.stop()
        except BaseException as error:
            failure = RuntimeError(f"Step {index + 1} failed: {error}")
            failure.__cause__ = error
            self.stop(failure)

    def stop(self, error: Exception | None = None) -> None:
        """Ends the job: nothing more is waited for.

        Args:
            error: What waiting raises, or `None`.
        """
        self.stopped = True
        self._answers.put(error)

    def next(self) -> StageResult | None:
        """Waits for the answer of the next stage.

        Returns:
            A `StageResult`, or `None` if the deadline or the job's end comes
            first.

        Raises:
            RuntimeError: If a step failed.
        """
        timeout = None
        if self._deadline_ms is not None:
            timeout = max(0.0, self._deadline_ms / 1e3 - self._seconds())
            timeout = min(timeout, threading.TIMEOUT_MAX)
        try:
            found = self._answers.get(timeout=timeout)
        except queue.Empty:
            return None
        if isinstance(found, Exception):
            raise found
        if found is None or self._late(found.elapsed_ms):
            return None
        return found

    def last(self, count) -> StageResult:
        """Waits for so many answers, or the deadline, or the job's end.

        Returns:
            The last answer in time, or that there is none.

        Raises:
            RuntimeError: If a step failed.
        """
        last = None
        for _ in range(count):
            found = self.next()
            if found is None:
                break
            last = found
        return last or StageResult(0, None, 1e3 * self._seconds())

    def _late(self, at_ms):
        """Whether a time is after the deadline."""
        return self._deadline_ms is not None and at_ms > self._deadline_ms

    def _worthwhile(self, index):
        """Whether a step can be expected to end before the deadline.

        The first step is begun whatever it takes: any answer is better than
        none. After the deadline, none is.
        """
        if self._deadline_ms is None:
            return True
        takes = self.step_ms[index] if index and self.step_ms else 0.0
        return not self._late(1e3 * self._seconds() + takes)

    def _sure(self, index, logits):
        """Whether an answer is final, so that no later stage is needed."""
        return index < len(self._thresholds) and bool(
            np.all(confidence_of(logits) > self._thresholds[index])
        )

    def _own(self, logits, scale):
        """Returns logits of one's own, as floats, as the image was given."""
        logits = np.array(logits)
        if scale is not None:
            logits = np.float32(scale["scale"]) * (
                logits.astype("float32") - scale["zero_point"]
            )
        return logits[0] if self.single else logits

    def _seconds(self):
        return time.perf_counter() - self._start
