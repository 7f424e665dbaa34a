"""AnytimePredictor: an answer whenever it is asked for."""

import concurrent.futures
import contextlib
import dataclasses
import os
import pathlib
import statistics
import threading
import time
from collections.abc import Iterator
from collections.abc import Sequence

import numpy as np

from keras_anytime.confidence import check_thresholds
from keras_anytime.confidence import confidence as confidence_of
from keras_anytime.export import manifest as manifest_lib
from keras_anytime.runtime import backends


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


class AnytimePredictor:
    """Runs an exported anytime network, stage by stage, under deadlines.

    Needs NumPy and what runs the file: LiteRT for a `.tflite` file,
    TensorFlow for a SavedModel folder; never Keras.

    The stages run in a thread of their own. An answer is given at the deadline
    even while a step runs, so no step that cannot finish makes it late. A step
    cannot be stopped in its middle: the next call starts when it is through.
    Calls from several threads take turns, and each one's deadline counts from
    its call.

    Each stage runs as a step that goes on from the step before. A network
    whose stages share no features (`manifest.interruptible` is false) has no
    steps: its subnetworks run one after another, each a pass of its own, so
    that stage k's answer takes the time of stages 1 to k together.

    ```python
    with AnytimePredictor("run/anytime.tflite") as predictor:
        for result in predictor.stream(image):
            print(result.stage, result.logits.argmax())
        result = predictor.predict(image, deadline_ms=8.0)
        result = predictor.predict(image, confidence=0.95)
    ```

    Args:
        path: An export of `keras_anytime.export`, its manifest with it.
        num_threads: Integer, the threads of LiteRT, or `None` for its choice.
        verify: Boolean. Whether the file's checksum is compared with the
            manifest's before it is opened.

    Raises:
        FileNotFoundError: If there is no such file or folder.
        ValueError: If the file is damaged or cut short, was not exported by
            keras_anytime, or is of a version that this one does not read.
        ImportError: If the library that runs the file is missing.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        num_threads: int | None = None,
        verify: bool = True,
    ):
        path = pathlib.Path(path)
        if not path.exists():
            raise FileNotFoundError(
                f"There is no exported network {str(path)!r}."
            )
        self.manifest = manifest_lib.read_manifest(path)
        if verify and manifest_lib.checksum(path) != self.manifest.sha256:
            raise backends.LoadError(
                f"{str(path)!r} is damaged: it is not the file that its "
                "manifest was written for. Export it again."
            )
        kind = "step" if self.manifest.interruptible else "subnet"
        names = [f"{kind}_{k}" for k in range(1, self.num_stages + 1)]
        # What runs for each stage, in order.
        self._steps = backends.load_programs(
            self.manifest.kind, path, names, num_threads
        )
        # The image is the one input of the first.
        (self._image,) = self.manifest.signatures[names[0]].inputs
        self._jobs: set[_Job] = set()
        self._lock = threading.Lock()
        self._worker = concurrent.futures.ThreadPoolExecutor(
            max_workers=1, thread_name_prefix="anytime"
        )
        self._closed = False

    @property
    def num_stages(self) -> int:
        """Number of stages K."""
        return self.manifest.num_stages

    def stream(self, x) -> Iterator[StageResult]:
        """Yields the answer of each stage as soon as it is ready.

        Later stages run on while the caller looks at an earlier answer;
        leaving the loop stops them after the step that runs.

        Args:
            x: Prepared image `(height, width, channels)`, or a batch of them.

        Yields:
            A `StageResult` for stage 1, 2, ... K; fewer after `interrupt()`.

        Raises:
            ValueError: If the image has another shape than the network's
                input.
        """
        return self._stream(*self._as_batch(x))

    def predict(
        self,
        x,
        deadline_ms: float | None = None,
        confidence: float | Sequence[float] | str | None = None,
    ) -> StageResult:
        """Returns the best answer that is ready at the deadline.

        With `confidence`, it is the first answer that is sure enough, if there
        is one by then, and no later stage runs. An answer is as sure as the
        largest probability of a softmax over its classes; of label sets, those
        of the first; a batch is as sure as the least sure of its images.

        Args:
            x: Prepared image `(height, width, channels)`, or a batch of them.
            deadline_ms: Milliseconds from now to the answer, or `None` to
                wait for the last stage.
            confidence: Float in [0, 1] above which an answer is final; or one
                for each of stages 1 to K - 1; or `"manifest"` for those that
                were chosen when the network was exported; or `None` to not
                stop early.

        Returns:
            The `StageResult` of the latest stage that finished; its `stage` is
            0 and its `logits` are `None` if none did.

        Raises:
            ValueError: If the image has another shape than the network's
                input, the deadline is negative, or a confidence is outside of
                [0, 1], of a wrong number, or not in the manifest.
        """
        deadline_ms = None if deadline_ms is None else float(deadline_ms)
        if deadline_ms is not None and not deadline_ms >= 0:
            raise ValueError(
                "`deadline_ms` must be 0 or more. "
                f"Received: deadline_ms={deadline_ms}"
            )
        thresholds = self._thresholds(confidence)
        batch, single = self._as_batch(x)
        with self._job(batch, single, thresholds) as job:
            job.wait_for(self.num_stages, deadline_ms)
            return job.latest(deadline_ms)

    def interrupt(self) -> None:
        """Makes the calls under way in other threads answer at once.

        They return the latest finished stage. Without a call under way it
        does nothing.
        """
        with self._lock:
            jobs = list(self._jobs)
        for job in jobs:
            job.stop()

    def calibrate(self, repetitions: int = 20) -> tuple[float, ...]:
        """Measures when each stage's answer is ready on this device.

        Args:
            repetitions: Integer of 1 or more. Runs measured, after one that
                warms up.

        Returns:
            Tuple of K medians: milliseconds from a call to the answer of
            stages 1 to K, on an image of zeros.

        Raises:
            ValueError: If `repetitions` is below 1.
            RuntimeError: If it was interrupted.
        """
        if repetitions < 1:
            raise ValueError(
                "`repetitions` must be 1 or more. "
                f"Received: repetitions={repetitions}"
            )
        shape = [size or 1 for size in self._image.shape[1:]]
        image = np.zeros(shape, self._image.dtype)
        runs = []
        for _ in range(repetitions + 1):
            with self._job(image[None], True) as job:
                if not job.wait_for(self.num_stages):
                    raise RuntimeError("The calibration was interrupted.")
                runs.append([result.elapsed_ms for result in job.results])
        return tuple(
            statistics.median(times) for times in zip(*runs[1:], strict=True)
        )

    def close(self) -> None:
        """Stops the thread of the stages; waits for the step that runs."""
        self._closed = True
        self.interrupt()
        self._worker.shutdown()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _thresholds(self, confidence):
        if confidence is None:
            return ()
        if isinstance(confidence, str) and confidence == "manifest":
            if self.manifest.thresholds is None:
                raise ValueError(
                    "The manifest has no confidences: export the network with "
                    "`thresholds`, or give numbers. "
                    "Received: confidence='manifest'"
                )
            return self.manifest.thresholds
        return check_thresholds(confidence, self.num_stages)

    @contextlib.contextmanager
    def _job(self, batch, single, thresholds=()):
        """Runs the stages in the worker's thread until the block is left."""
        if self._closed:
            raise ValueError("The predictor is closed.")
        job = _Job(batch, single, thresholds)
        with self._lock:
            self._jobs.add(job)
        try:
            self._worker.submit(job.run, self._steps, self.manifest)
            yield job
        finally:
            job.stop()
            with self._lock:
                self._jobs.remove(job)

    def _stream(self, batch, single):
        with self._job(batch, single) as job:
            for stage in range(1, self.num_stages + 1):
                if not job.wait_for(stage):
                    return
                yield job.results[stage - 1]

    def _as_batch(self, x):
        x = np.asarray(x)
        wanted = self._image.shape[1:]
        single = x.ndim == len(wanted)
        if x.shape[0 if single else 1 :] != wanted:
            raise ValueError(
                f"The network takes images of shape {wanted}, one or a batch. "
                f"Received: x of shape {x.shape}"
            )
        if x.dtype.kind not in "fiub":
            raise ValueError(
                f"Images must be numbers. Received: x of type {x.dtype}"
            )
        batch = x[None] if single else x
        if not len(batch):
            raise ValueError(
                f"The batch is empty. Received: x of shape {x.shape}"
            )
        return np.ascontiguousarray(batch, self._image.dtype), single


class _Job:
    """One image on its way through the stages."""

    def __init__(self, batch, single, thresholds):
        self.results: list[StageResult] = []
        self._image = batch
        self._single = single
        self._thresholds = dict(enumerate(thresholds, start=1))
        self._start = time.perf_counter()
        self._changed = threading.Condition()
        self._stopped = False
        self._error: BaseException | None = None

    def run(self, steps, manifest):
        """Runs the steps one after another; called in the worker's thread."""
        features = {"image": self._image}
        try:
            for stage, (name, step) in enumerate(steps.items(), start=1):
                if self._stopped:
                    return
                inputs = manifest.signatures[name].inputs
                outputs = step(
                    {tensor.name: features[tensor.name] for tensor in inputs}
                )
                features.update(outputs)
                answer = {
                    label_set: self._own(outputs[output])
                    for label_set, output in manifest.logits_names.items()
                }
                self._add(stage, answer.get(None, answer))
                if self._sure(stage, next(iter(answer.values()))):
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

    def wait_for(self, stage, deadline_ms=None):
        """Waits until a stage is ready, the deadline, or the job's end.

        Returns:
            Whether the stage is ready.

        Raises:
            RuntimeError: If a step failed.
        """
        timeout = None
        if deadline_ms is not None:
            timeout = max(0.0, deadline_ms / 1e3 - self._seconds())
            timeout = min(timeout, threading.TIMEOUT_MAX)
        with self._changed:
            self._changed.wait_for(
                lambda: (
                    len(self.results) >= stage or self._stopped or self._error
                ),
                timeout,
            )
            if len(self.results) >= stage:
                return True
            if self._error is not None:
                raise RuntimeError(
                    f"Step {len(self.results) + 1} failed: {self._error}"
                ) from self._error
            return False

    def latest(self, deadline_ms=None) -> StageResult:
        """Returns the last answer in time, or that there is none."""
        with self._changed:
            for result in reversed(self.results):
                if deadline_ms is None or result.elapsed_ms <= deadline_ms:
                    return result
        return StageResult(0, None, 1e3 * self._seconds())

    def _sure(self, stage, logits):
        """Whether an answer is final, so that no later stage is needed."""
        threshold = self._thresholds.get(stage)
        return threshold is not None and bool(
            np.all(confidence_of(logits) > threshold)
        )

    def _own(self, logits):
        """Returns a copy of logits, in the form of the image that was given."""
        logits = np.array(logits)
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
