"""AnytimePredictor: answers of an exported network under deadlines."""

import os
import pathlib
import warnings
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from keras_anytime.files import user_path
from keras_anytime.runtime.arguments import Confidence
from keras_anytime.runtime.arguments import check_milliseconds
from keras_anytime.runtime.arguments import check_positive_integer
from keras_anytime.runtime.arguments import resolve_thresholds
from keras_anytime.runtime.executor import Executor
from keras_anytime.runtime.inputs import Inputs
from keras_anytime.runtime.job import Job
from keras_anytime.runtime.latency import Device
from keras_anytime.runtime.latency import StepLatency
from keras_anytime.runtime.latency import latency_path
from keras_anytime.runtime.latency import read_latency
from keras_anytime.runtime.latency import write_latency
from keras_anytime.runtime.stage_result import StageResult

#: An example or a batch; of several inputs by name or in their order.
Examples = ArrayLike | Mapping[str, ArrayLike] | Sequence[ArrayLike]


class AnytimePredictor:
    """Runs an exported anytime network, stage by stage, under deadlines.

    It needs NumPy and the library that runs the file: LiteRT for a `.tflite`
    file, TensorFlow for a SavedModel folder. It never needs Keras.

    The stages run in a thread of their own. A call returns at its deadline even
    while a step runs, so a step that takes too long does not delay the answer.
    A running step cannot be stopped, so the next call starts when it has
    ended. Calls from several threads take turns, and each deadline counts from
    its own call. Signal handlers may call `interrupt`, or raise.

    A forked process opens a `.tflite` file again with its first call. It cannot
    run a SavedModel, because TensorFlow does not survive a fork. A pickled
    predictor, as `multiprocessing` sends it, opens its file again.

    After `calibrate()` has measured the device, a step that would end after the
    deadline is not begun, so that it does not delay the next call.

    Each stage runs as a step that continues from the step before. A network
    whose stages share no features (`manifest.interruptible` is False) has no
    steps. Its subnetworks run one after another instead, so stage k's answer
    takes the time of stages 1 to k together.

    ```python
    with ka.runtime.AnytimePredictor("run/anytime.tflite") as predictor:
        for result in predictor.stream(image):
            print(result.stage, result.logits.argmax())
        result = predictor.predict(image, deadline_ms=8.0)
        result = predictor.predict(image, confidence=0.95)
    ```

    A `.tflite` file is read into memory, so changing it later has no effect.
    LiteRT lays out the weights again for each signature of the file at the
    first answer. Export the file with `subnets=False` to hold them once.

    Args:
        path: String or path. A file or folder that `keras_anytime.export`
            wrote, with its manifest beside it.
        num_threads: Integer of 1 or more. The threads of LiteRT, or `None` for
            its choice.
        verify: Boolean. Whether the checksum of the file is compared with its
            manifest. If False, a `.tflite` file is mapped into memory instead
            of read, which saves as much memory as the file is large. A mapped
            file that is damaged, or changed while it is open, may end the
            process or give wrong answers.

    Attributes:
        path: Absolute `pathlib.Path` of the file or folder.
        manifest: The `Manifest` of the file.
        latency: The `StepLatency` of the file on this device, or `None` before
            the first `calibrate()`.

    Raises:
        FileNotFoundError: If the file or folder does not exist.
        OSError: If the file cannot be read.
        ValueError: If an argument is wrong, or the file is damaged, was not
            exported by keras_anytime, or has a version that this one cannot
            read.
        ImportError: If the library that runs the file is missing.
        RuntimeError: If the file is a SavedModel and this process was forked
            from one in which a predictor had opened a SavedModel.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        num_threads: int | None = None,
        verify: bool = True,
    ) -> None:
        self.path: pathlib.Path = user_path(os.fsdecode(path)).absolute()
        if num_threads is not None:
            num_threads = check_positive_integer(
                "num_threads", num_threads, ", or None"
            )
        self._executor = Executor(self.path, num_threads, verify)
        self.manifest = self._executor.manifest
        self._inputs = Inputs(self.manifest)
        self._device = Device(self.manifest.sha256, num_threads)
        self._latency_path = latency_path(self.path)
        self.latency = read_latency(
            self._latency_path, self._device, self.num_stages
        )

    @property
    def num_stages(self) -> int:
        """Number of stages K."""
        return self.manifest.num_stages

    def stream(self, x: Examples) -> Iterator[StageResult]:
        """Yields the answer of each stage as soon as it is ready.

        Later stages run while the caller processes an earlier answer. Leaving
        the loop stops them after the running step.

        Args:
            x: Example as for `predict`. It is copied, so its buffer may be
                overwritten while the stages run.

        Yields:
            A `StageResult` for stage 1, 2, ... K; fewer after `interrupt()`.

        Raises:
            ValueError: If the network does not take such examples, or the
                predictor is closed.
            RuntimeError: If a step failed.
        """
        job = Job()
        self._executor.check_open()
        job.inputs, job.single = self._inputs.convert(x)
        return self._stream(job)

    def predict(
        self,
        x: Examples,
        deadline_ms: float | None = None,
        confidence: Confidence = None,
    ) -> StageResult:
        """Returns the latest answer before the deadline.

        It returns earlier if the last stage has answered, an answer is
        confident enough, or another thread calls `interrupt()`. The confidence
        is the largest softmax probability over the classes, or another of
        `keras_anytime.confidence.confidence` for other tasks; with label sets,
        that of the first set. Temperatures in the manifest divide the logits
        before. A batch is as confident as the least confident of its examples.

        Args:
            x: Prepared image `(height, width, channels)`, or an array of
                another shape that the network takes, or a batch of them. Of
                several inputs a dict from the names in `manifest.inputs` to
                arrays, or a tuple in their order. Floats, or integers if the
                file takes these: uint8 pixels or tokens.
            deadline_ms: Float. Milliseconds from now to the answer, or `None`
                to wait for the last stage. Checking and copying `x` counts
                towards the deadline but is not interrupted: for thousands of
                examples it takes longer than a short deadline.
            confidence: Float in [0, 1]. An answer with a higher confidence is
                final. A sequence has one such float for each of stages 1 to
                K - 1, and `"manifest"` means the thresholds that were chosen
                when the network was exported. `None` never stops early.

        Returns:
            The `StageResult` of the latest stage that finished. If none did,
            its `stage` is 0 and its `logits` are `None`.

        Raises:
            ValueError: If the network does not take such examples, the
                deadline is negative or not a number, a confidence is outside
                of [0, 1], their number is wrong, the manifest has none or the
                network's answers are numbers, or the predictor is closed.
            RuntimeError: If a step failed.
        """
        if deadline_ms is not None:
            deadline_ms = check_milliseconds("deadline_ms", deadline_ms)
        job = Job(resolve_thresholds(confidence, self.manifest), deadline_ms)
        try:
            self._executor.jobs.add(job)
            self._executor.check_open()
            job.inputs, job.single = self._inputs.convert(x)
            # The latencies hold for the batch size that was measured only.
            if (
                self.latency is not None
                and job.batch_size == self._inputs.batch_size
            ):
                job.step_ms = self.latency.median_ms
            self._executor.submit(job)
            return job.last(self.num_stages)
        finally:
            # Not in a method, because a signal handler could raise at the
            # start of it.
            job.stopped = True
            self._executor.jobs.discard(job)

    def interrupt(self) -> None:
        """Makes the calls in progress answer at once.

        They return the latest finished stage. Without a call in progress it
        does nothing. Other threads or signal handlers call it.
        """
        self._executor.interrupt()

    def prepare(self, pixels: ArrayLike) -> np.ndarray:
        """Converts pixels to an image that `predict` takes.

        The image is resized by nearest neighbor. If the file takes prepared
        images, the pixels are normalized as its manifest says. Of several
        inputs, it is the value of the one that takes images.

        Args:
            pixels: Uint8 array `(height, width)`, `(height, width, 1)` or
                `(height, width, 3)` of any size.

        Returns:
            Array `(height, width, channels)`.

        Raises:
            ValueError: If the array does not hold pixels, the manifest does
                not say how images are prepared, or no input, or more than one,
                takes images.
        """
        return self._inputs.prepare(pixels)

    def blank(self) -> np.ndarray | dict[str, np.ndarray]:
        """Returns a batch of empty examples that `predict` takes.

        Returns:
            Array `(batch, ...)` of zeros, such as `(batch, height, width,
            channels)`; of several inputs a dict from names to such arrays.
        """
        return self._inputs.blank()

    def warm_up(self) -> None:
        """Runs all stages once, because first calls take longer."""
        self._time_answers(1)

    def measure_latency(self, repetitions: int = 100) -> StepLatency:
        """Measures the time of each step on this device.

        Args:
            repetitions: Integer of 1 or more. The runs that are measured on an
                empty example, after one for warming up.

        Returns:
            A `StepLatency`.

        Raises:
            ValueError: If `repetitions` is below 1.
            RuntimeError: If the measurement was interrupted.
        """
        repetitions = check_positive_integer("repetitions", repetitions)
        times = self._time_answers(repetitions + 1)
        return StepLatency.from_answers(times[1:])

    def calibrate(self, repetitions: int = 20) -> tuple[float, ...]:
        """Measures the time of each stage's answer on this device.

        The measured latencies are kept in a file beside the exported file
        (`<path>.latency.json`) for later programs on this device. From then on,
        `predict` begins no step whose median time would end after the
        deadline.

        Args:
            repetitions: Integer of 1 or more. The runs that are measured on an
                empty example, after one for warming up.

        Returns:
            Tuple of K floats: the median milliseconds from a call to the
            answer of stages 1 to K.

        Raises:
            ValueError: If `repetitions` is below 1.
            RuntimeError: If the measurement was interrupted.
        """
        self.latency = self.measure_latency(repetitions)
        try:
            write_latency(self._latency_path, self._device, self.latency)
        except OSError as error:
            warnings.warn(
                "The measured latencies hold for this predictor only, because "
                f"they could not be written: {error}",
                stacklevel=2,
            )
        return self.latency.answer_ms

    def close(self) -> None:
        """Ends the thread of the stages after the running step.

        Calls in progress return as after `interrupt()`. The memory of the
        stages is freed, but TensorFlow keeps its own for later use.
        """
        self._executor.close()

    def __enter__(self) -> "AnytimePredictor":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> tuple[Any, ...]:
        self._executor.check_open()
        return type(self), self._executor.open_arguments

    def _time_answers(self, runs: int) -> np.ndarray:
        """Returns the times of the answers `(runs, K)` in milliseconds."""
        blank = self.blank()
        times = []
        for _ in range(runs):
            job = Job()
            job.inputs, _ = self._inputs.convert(blank, check_limits=False)
            results = list(self._stream(job))
            if len(results) < self.num_stages:
                raise RuntimeError("The measurement was interrupted.")
            times.append([result.elapsed_ms for result in results])
        return np.array(times)

    def _stream(self, job: Job) -> Iterator[StageResult]:
        try:
            self._executor.jobs.add(job)
            self._executor.submit(job)
            for _ in range(self.num_stages):
                result = job.next()
                if result is None:
                    return
                yield result
        finally:  # As in `predict`.
            job.stopped = True
            self._executor.jobs.discard(job)
