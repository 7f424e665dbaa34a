"""One call on its way through the stages, in the worker's thread."""

import dataclasses
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

    Args:
        batch: Array `(batch, height, width, channels)` of the file's type.
        single: Boolean. Whether answers are for one image, without batch axis.
        thresholds: Confidences above which the answers of the stages but the
            last are final; may be empty.
        deadline_ms: Float or `None`. Milliseconds from now.
        step_ms: What each step takes as a rule, or `None` where that is not
            known. A step that would end after the deadline is not begun: it
            would only keep the next call waiting.
    """

    def __init__(
        self, batch, single, thresholds=(), deadline_ms=None, step_ms=None
    ):
        self.results: list[StageResult] = []
        self._image = batch
        self._single = single
        self._thresholds = thresholds
        self._deadline_ms = deadline_ms
        self._step_ms = step_ms
        self._start = time.perf_counter()
        self._changed = threading.Condition()
        self._stopped = False
        self._error: BaseException | None = None

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
        features["image"] = self._image
        try:
            for index, (name, step) in enumerate(steps.items()):
                if index and not self._worthwhile(index):
                    self.stop()
                if self._stopped:
                    return
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
                self._add(
                    manifest.stages[index].stage, answer.get(None, answer)
                )
                if self._sure(index, next(iter(answer.values()))):
                    self.stop()
        except BaseException as error:
            with self._changed:
                self._error = error
                self._changed.notify_all()

    def stop(self):
        """Ends the job: nothing is waited for any more."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def wait_for(self, count):
        """Waits for so many answers, the deadline, or the job's end.

        Returns:
            Whether they are ready.

        Raises:
            RuntimeError: If a step failed.
        """
        timeout = None
        if self._deadline_ms is not None:
            timeout = max(0.0, self._deadline_ms / 1e3 - self._seconds())
            timeout = min(timeout, threading.TIMEOUT_MAX)
        with self._changed:
            self._changed.wait_for(
                lambda: (
                    len(self.results) >= count or self._stopped or self._error
                ),
                timeout,
            )
            if len(self.results) >= count:
                return True
            if self._error is not None:
                raise RuntimeError(
                    f"Step {len(self.results) + 1} failed: {self._error}"
                ) from self._error
            return False

    def latest(self) -> StageResult:
        """Returns the last answer in time, or that there is none."""
        deadline_ms = self._deadline_ms
        with self._changed:
            for result in reversed(self.results):
                if deadline_ms is None or result.elapsed_ms <= deadline_ms:
                    return result
        return StageResult(0, None, 1e3 * self._seconds())

    def _worthwhile(self, index):
        """Whether a step can be expected to end before the deadline."""
        if self._deadline_ms is None or self._step_ms is None:
            return True
        end_ms = 1e3 * self._seconds() + self._step_ms[index]
        return end_ms <= self._deadline_ms

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
        return logits[0] if self._single else logits

    def _add(self, stage, logits):
        with self._changed:
            # What finishes after the answer was given counts no more.
            if not self._stopped:
                self.results.append(
                    StageResult(stage, logits, 1e3 * self._seconds())
                )
                self._changed.notify_all()

    def _seconds(self):
        return time.perf_counter() - self._start
