"""AnytimePredictor: an answer whenever it is asked for."""

import concurrent.futures
import contextlib
import os
import threading
import warnings
from collections.abc import Iterator
from collections.abc import Sequence

import numpy as np

from keras_anytime.confidence import check_thresholds
from keras_anytime.export import manifest as manifest_lib
from keras_anytime.files import user_path
from keras_anytime.runtime import backends
from keras_anytime.runtime import latency as latency_lib
from keras_anytime.runtime.images import as_batch
from keras_anytime.runtime.images import prepared
from keras_anytime.runtime.job import Job
from keras_anytime.runtime.job import StageResult


class AnytimePredictor:
    """Runs an exported anytime network, stage by stage, under deadlines.

    Needs NumPy and what runs the file: LiteRT for a `.tflite` file,
    TensorFlow for a SavedModel folder; never Keras.

    The stages run in a thread of their own. An answer is given at the deadline
    even while a step runs, so no step that cannot finish makes it late. A step
    cannot be stopped in its middle: the next call starts when it is through.
    Calls from several threads take turns, and each one's deadline counts from
    its call.

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

    A `.tflite` file is mapped into memory, not read. With the first answer
    LiteRT lays out the weights anew for each signature that the file has;
    export it with `subnets=False` to have them once.

    Args:
        path: An export of `keras_anytime.export`, its manifest with it.
        num_threads: Integer of 1 or more, the threads of LiteRT, or `None` for
            its choice.
        verify: Boolean. Whether the file's checksum is compared with the
            manifest's before it is opened. Without it, a damaged file may end
            the process, or answer wrongly.

    Raises:
        FileNotFoundError: If there is no such file or folder.
        ValueError: If an argument is wrong, or the file is damaged or cut
            short, was not exported by keras_anytime, or is of a version that
            this one does not read.
        ImportError: If the library that runs the file is missing.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        num_threads: int | None = None,
        verify: bool = True,
    ):
        path = user_path(path)
        if not path.exists():
            raise FileNotFoundError(
                f"There is no exported network {str(path)!r}."
            )
        if num_threads is not None and not (
            isinstance(num_threads, int) and num_threads >= 1
        ):
            raise ValueError(
                "`num_threads` must be 1 or more, or None. "
                f"Received: num_threads={num_threads}"
            )
        read = manifest_lib.matching_manifest
        manifest = (read if verify else manifest_lib.read_manifest)(path)
        if manifest is None:
            raise backends.LoadError(
                f"{str(path)!r} is damaged: it is not the file that its "
                "manifest was written for. Export it again."
            )
        self.manifest = manifest
        # What runs for each stage, in order.
        self._steps = backends.load_programs(self.manifest, path, num_threads)
        # The image is the one input of the first.
        first = self.manifest.program_names[0]
        (self._image,) = self.manifest.signatures[first].inputs
        self._device = latency_lib.Device(self.manifest.sha256, num_threads)
        self._latency_path = latency_lib.latency_path(path)
        #: The `StepLatency` of this file on this device, or `None` before a
        #: first `calibrate()`.
        self.latency = latency_lib.read(
            self._latency_path, self._device, self.num_stages
        )
        # What the steps of the last call left; the worker's own.
        self._features: dict[str, np.ndarray] = {}
        self._jobs: set[Job] = set()
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
            ValueError: If the image has another shape or type than the
                network's input.
        """
        return self._stream(*as_batch(x, self._image))

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
            ValueError: If the image has another shape or type than the
                network's input, the deadline is negative, or a confidence is
                outside of [0, 1], of a wrong number, or not in the manifest.
        """
        deadline_ms = None if deadline_ms is None else float(deadline_ms)
        if deadline_ms is not None and not deadline_ms >= 0:
            raise ValueError(
                "`deadline_ms` must be 0 or more. "
                f"Received: deadline_ms={deadline_ms}"
            )
        thresholds = self._thresholds(confidence)
        batch, single = as_batch(x, self._image)
        step_ms = None
        # Other batches take other times.
        if self.latency is not None and len(batch) == self._calibrated:
            step_ms = self.latency.median_ms
        job = Job(batch, single, thresholds, deadline_ms, step_ms)
        with self._running(job):
            job.wait_for(self.num_stages)
            return job.latest()

    def interrupt(self) -> None:
        """Makes the calls under way in other threads answer at once.

        They return the latest finished stage. Without a call under way it
        does nothing.
        """
        with self._lock:
            jobs = list(self._jobs)
        for job in jobs:
            job.stop()

    def prepare(self, pixels) -> np.ndarray:
        """Returns an image as the network is fed, made of pixels.

        Pixels are resized roughly, to the nearest; those of a file that takes
        prepared images are normalised as its manifest says.

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
        """Returns an empty image, or a batch of them, as the network is fed.

        Returns:
            Array `(batch, height, width, channels)` of zeros.
        """
        shape = (self._calibrated, *self._image.shape[1:])
        return np.zeros(shape, self._image.dtype)

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
        if repetitions < 1:
            raise ValueError(
                "`repetitions` must be 1 or more. "
                f"Received: repetitions={repetitions}"
            )
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

    @property
    def _calibrated(self):
        """The batch size that is measured."""
        return self._image.shape[0] or 1

    def _measure(self, runs):
        """Returns when the answers of runs were ready, `(runs, K)`, in ms."""
        image = self.blank()
        times = []
        for _ in range(runs):
            with self._running(Job(image, single=False)) as job:
                if not job.wait_for(self.num_stages):
                    raise RuntimeError("The measurement was interrupted.")
                times.append([result.elapsed_ms for result in job.results])
        return np.array(times)

    @contextlib.contextmanager
    def _running(self, job):
        """Runs the stages in the worker's thread until the block is left."""
        if self._closed:
            raise ValueError("The predictor is closed.")
        with self._lock:
            self._jobs.add(job)
        try:
            self._worker.submit(
                job.run, self._steps, self.manifest, self._features
            )
            yield job
        finally:
            job.stop()
            with self._lock:
                self._jobs.remove(job)

    def _stream(self, batch, single):
        with self._running(Job(batch, single)) as job:
            for count in range(1, self.num_stages + 1):
                if not job.wait_for(count):
                    return
                yield job.results[count - 1]
