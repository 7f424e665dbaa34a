"""AnytimePredictor: an answer whenever it is asked for."""

import os
import threading
import warnings
from collections.abc import Iterator
from collections.abc import Sequence

import numpy as np

from keras_anytime.files import user_path
from keras_anytime.runtime import backends
from keras_anytime.runtime import forks
from keras_anytime.runtime import latency as latency_lib
from keras_anytime.runtime import memory
from keras_anytime.runtime.arguments import milliseconds
from keras_anytime.runtime.arguments import positive_integer
from keras_anytime.runtime.arguments import thresholds_of
from keras_anytime.runtime.images import as_batch
from keras_anytime.runtime.images import prepared
from keras_anytime.runtime.images import value_limits
from keras_anytime.runtime.job import Job
from keras_anytime.runtime.job import StageResult
from keras_anytime.runtime.opening import open_programs
from keras_anytime.runtime.worker import Worker


class AnytimePredictor:
    """Runs an exported anytime network, stage by stage, under deadlines.

    Needs NumPy and what runs the file: LiteRT for a `.tflite` file,
    TensorFlow for a SavedModel folder; never Keras.

    The stages run in a thread of their own. An answer is given at the deadline
    even while a step runs, so no step that cannot finish makes it late. A step
    cannot be stopped in its middle: the next call starts when it is through.
    Calls from several threads take turns, and each one's deadline counts from
    its call. Signal handlers may call `interrupt`, or raise.

    A process that is forked opens a `.tflite` file anew with its first call;
    TensorFlow does not survive a fork, and a SavedModel is refused there. A
    pickled predictor, as `multiprocessing` sends it, opens its file anew.

    Once `calibrate()` has measured the device, a step that would end after the
    deadline is not begun, so that the next call need not wait for it.

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

    A `.tflite` file is read into memory, and a change of it does not matter
    any more. With the first answer LiteRT lays out the weights anew for each
    signature that the file has; export it with `subnets=False` to have them
    once.

    Args:
        path: An export of `keras_anytime.export`, a file or a folder, its
            manifest with it.
        num_threads: Integer of 1 or more, the threads of LiteRT, or `None` for
            its choice.
        verify: Boolean. Whether the file's checksum is compared with the
            manifest's before it is opened. Without it, a `.tflite` file is
            mapped into memory, not read, which saves as much memory as it is
            large; one that is damaged, or changed in place while it is open,
            may end the process, or answer wrongly.

    Raises:
        FileNotFoundError: If there is no such file or folder.
        OSError: If it cannot be read.
        ValueError: If an argument is wrong, or the file is damaged or cut
            short, was not exported by keras_anytime, or is of a version that
            this one does not read.
        ImportError: If the library that runs the file is missing.
        RuntimeError: If it is a SavedModel, in a process that was forked after
            a predictor had opened one.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        num_threads: int | None = None,
        verify: bool = True,
    ):
        path = user_path(os.fsdecode(path)).absolute()
        if num_threads is not None:
            num_threads = positive_integer(
                "num_threads", num_threads, ", or None"
            )
        #: The `pathlib.Path` of the file or folder, an absolute one.
        self.path = path
        self._opened = (path, num_threads, verify)
        self.manifest, self._steps = open_programs(*self._opened)
        # The image is the one input of the first.
        first = self.manifest.program_names[0]
        (self._image,) = self.manifest.signatures[first].inputs
        self._limits = value_limits(self._image, self.manifest.preprocessing)
        self._device = latency_lib.Device(self.manifest.sha256, num_threads)
        self._latency_path = latency_lib.latency_path(path)
        #: The `StepLatency` of this file on this device, or `None` before a
        #: first `calibrate()`.
        self.latency = latency_lib.read(
            self._latency_path, self._device, self.num_stages
        )
        # The calls under way. Only single operations, which are atomic.
        self._jobs: set[Job] = set()
        self._closed = False
        self._opening = threading.RLock()
        self._worker: Worker | None = Worker(self._steps, self.manifest)
        forks.watch(self)

    @property
    def num_stages(self) -> int:
        """Number of stages K."""
        return self.manifest.num_stages

    def stream(self, x) -> Iterator[StageResult]:
        """Yields the answer of each stage as soon as it is ready.

        Later stages run on while the caller looks at an earlier answer;
        leaving the loop stops them after the step that runs.

        Args:
            x: Image as for `predict`. It is copied, so that a buffer may be
                filled anew while the stages run.

        Yields:
            A `StageResult` for stage 1, 2, ... K; fewer after `interrupt()`.

        Raises:
            ValueError: If the image is not as the network takes it, or the
                predictor is closed.
        """
        job = Job()
        self._check_open()
        job.batch, job.single = as_batch(x, self._image, self._limits)
        return self._stream(job)

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
            x: Prepared image `(height, width, channels)`, or a batch of them,
                in floats; uint8 pixels where the file takes these.
            deadline_ms: Milliseconds from now to the answer, or `None` to
                wait for the last stage. Checking and copying `x` is part of
                that time, but not cut short: of thousands of images it takes
                longer than a short deadline.
            confidence: Float in [0, 1] above which an answer is final; or one
                for each of stages 1 to K - 1; or `"manifest"` for those that
                were chosen when the network was exported; or `None` to not
                stop early.

        Returns:
            The `StageResult` of the latest stage that finished; its `stage` is
            0 and its `logits` are `None` if none did.

        Raises:
            ValueError: If the image is not as the network takes it, the
                deadline is no number or negative, a confidence is outside of
                [0, 1], of a wrong number, or not in the manifest, or the
                predictor is closed.
            RuntimeError: If a step failed.
        """
        if deadline_ms is not None:
            deadline_ms = milliseconds("deadline_ms", deadline_ms)
        job = Job(thresholds_of(confidence, self.manifest), deadline_ms)
        try:
            self._jobs.add(job)
            self._check_open()
            job.batch, job.single = as_batch(x, self._image, self._limits)
            # Other batches take other times.
            if self.latency is not None and len(job.batch) == self._calibrated:
                job.step_ms = self.latency.median_ms
            self._begin(job)
            return job.last(self.num_stages)
        finally:
            # Not by a method, at whose start a signal handler could raise.
            job.stopped = True
            self._jobs.discard(job)

    def interrupt(self) -> None:
        """Makes the calls under way answer at once.

        They return the latest finished stage. Without a call under way it
        does nothing. Other threads call it, or signal handlers.
        """
        for job in list(self._jobs):
            job.stop()

    def prepare(self, pixels) -> np.ndarray:
        """Returns an image as `predict` takes it, made of pixels.

        Pixels are resized roughly, to the nearest; those of a file that takes
        prepared images are normalized as its manifest says.

        Args:
            pixels: Uint8 array `(height, width)`, `(height, width, 1)` or
                `(height, width, 3)` of any size.

        Returns:
            Array `(height, width, channels)`.

        Raises:
            ValueError: If they are no pixels, or the manifest does not say how
                images are prepared.
        """
        return prepared(pixels, self._image, self.manifest.preprocessing)

    def blank(self) -> np.ndarray:
        """Returns an empty image, or a batch of them, as `predict` takes it.

        Returns:
            Array `(batch, height, width, channels)` of zeros.
        """
        shape = (self._calibrated, *self._image.shape[1:])
        quantized = self._image.quantization is not None
        return np.zeros(shape, "float32" if quantized else self._image.dtype)

    def warm_up(self) -> None:
        """Runs all stages once: first calls take longer than later ones."""
        self._measure(1)

    def benchmark(self, repetitions: int = 100) -> latency_lib.StepLatency:
        """Measures what each step takes on this device, on an empty image.

        Args:
            repetitions: Integer of 1 or more. Runs measured, after one that
                warms up.

        Returns:
            A `StepLatency`.

        Raises:
            ValueError: If `repetitions` is below 1.
            RuntimeError: If it was interrupted.
        """
        repetitions = positive_integer("repetitions", repetitions)
        return latency_lib.StepLatency.of(self._measure(repetitions + 1)[1:])

    def calibrate(self, repetitions: int = 20) -> tuple[float, ...]:
        """Measures when each stage's answer is ready on this device.

        What was measured is kept beside the file (`<path>.latency.json`) for
        later programs on this device; from then on `predict` begins no step
        that would end after the deadline, going by its median.

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
        self.latency = self.benchmark(repetitions)
        try:
            latency_lib.write(self._latency_path, self._device, self.latency)
        except OSError as error:
            warnings.warn(
                "What was measured holds for this predictor only; it could "
                f"not be kept: {error}",
                stacklevel=2,
            )
        return self.latency.answer_ms

    def close(self) -> None:
        """Stops the thread of the stages; waits for the step that runs.

        Calls under way answer as after `interrupt()`. The memory that stages
        took is free then; TensorFlow keeps its own, for what it runs later.
        """
        self._closed = True
        self.interrupt()
        worker = self._worker
        if worker is not None:
            worker.end()
        memory.give_back()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __reduce__(self):
        self._check_open()
        return type(self), self._opened

    def _check_open(self):
        if self._closed:
            raise ValueError("The predictor is closed: open the file anew.")

    @property
    def _calibrated(self):
        """The batch size that is measured."""
        return self._image.shape[0] or 1

    def _measure(self, runs):
        """Returns when the answers of runs were ready, `(runs, K)`, in ms."""
        blank = self.blank()
        times = []
        for _ in range(runs):
            job = Job()
            job.batch, _ = as_batch(blank, self._image)
            results = list(self._stream(job))
            if len(results) < self.num_stages:
                raise RuntimeError("The measurement was interrupted.")
            times.append([result.elapsed_ms for result in results])
        return np.array(times)

    def _stream(self, job):
        try:
            self._jobs.add(job)
            self._begin(job)
            for _ in range(self.num_stages):
                result = job.next()
                if result is None:
                    return
                yield result
        finally:  # As in `predict`.
            job.stopped = True
            self._jobs.discard(job)

    def _begin(self, job):
        """Hands a job to the worker."""
        self._check_open()
        (self._worker or self._reopened()).put(job)
        # A worker that was closed in the meantime would never begin it.
        self._check_open()

    def _reopened(self):
        """Returns the worker of a forked process, made at the first call."""
        with self._opening:
            if self._worker is None:
                manifest, steps = open_programs(*self._opened)
                if manifest.sha256 != self.manifest.sha256:
                    raise backends.LoadError(
                        f"{str(self.path)!r} was replaced after it was "
                        "opened, and this process was forked: open it anew."
                    )
                self._steps = steps
                self._worker = Worker(steps, manifest)
            return self._worker

    def forked(self):
        """Gives up what is the parent's; called in a process just forked."""
        forks.keep_forever(self._steps)
        self._steps, self._worker = {}, None
        self._opening = threading.RLock()
        for job in self._jobs:
            job.stop(
                RuntimeError(
                    "The process was forked during this call, whose stages go "
                    "on in the parent only: call again."
                )
            )
        self._jobs = set()
