"""Answers to images on a device, each under its deadline.

It needs NumPy and LiteRT, neither Keras nor TensorFlow.
"""

import collections
import os
import time
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_anytime.confidence import confidence as answer_confidence
from keras_anytime.files import user_path
from keras_anytime.manifest.manifest import Manifest
from keras_anytime.runtime import AnytimePredictor
from keras_anytime.runtime import StageResult
from keras_anytime.runtime.image_files import find_images
from keras_anytime.runtime.image_files import read_pixels

# Frames of noise where there are no images.
_NOISE_FRAMES = 8
Frames = list[tuple[str, Any]]


def answer_frames(
    predictor: AnytimePredictor,
    frames: Frames,
    count: int | None = None,
    fps: float | None = None,
    deadline_ms: float | None = None,
    confidence: float | None = None,
) -> None:
    """Answers frame after frame, and prints the answers and their times.

    Args:
        predictor: An `AnytimePredictor`.
        frames: List of names and examples, as from `load_frames`. After the
            last frame follows the first.
        count: Integer. Frames to answer, or `None` for each frame once.
        fps: Float. Frames a second, as from a camera; frames that come while
            an answer is given are dropped. `None` for frame after frame.
        deadline_ms: Float. The deadline of each answer in milliseconds, or
            `None` for none.
        confidence: Float in [0, 1]. A stage that is more confident answers, or
            `None` for the last stage that is ready.
    """
    deadline = f"{deadline_ms:.2f} ms" if deadline_ms else "none"
    print(
        f"{predictor.manifest.name}: answers after "
        + ", ".join(f"{ms:.2f}" for ms in predictor.calibrate())
        + f" ms; deadline {deadline}"
    )
    counts: collections.Counter[int] = collections.Counter()
    dropped = 0
    start = time.perf_counter()
    frame = 0
    for _ in range(count or len(frames)):
        if fps:
            late = (time.perf_counter() - start) * fps - frame
            # Frames that came in the meantime are dropped.
            dropped += max(0, int(late))
            frame += max(0, int(late))
            time.sleep(max(0.0, -late / fps))
        name, image = frames[frame % len(frames)]
        called = time.perf_counter()
        result = predictor.predict(image, deadline_ms, confidence)
        slack = ""
        if deadline_ms:
            spent_ms = 1e3 * (time.perf_counter() - called)
            slack = f"  slack {deadline_ms - spent_ms:+.2f} ms"
        counts[result.stage] += 1
        text = describe_answer(result, predictor.manifest)
        print(f"{frame:>6} {name}  {text}{slack}")
        frame += 1
    print(
        ", ".join(
            f"{f'stage {stage}' if stage else 'no stage'}: {number}"
            for stage, number in sorted(counts.items())
        )
        + (f"; dropped frames: {dropped}" if fps else "")
    )


def describe_answer(result: StageResult, manifest: Manifest) -> str:
    """Returns the stage, answer, confidence and time of a result as text.

    Args:
        result: A `StageResult`.
        manifest: The manifest of the file that gave it.
    """
    if not result.ready:
        return "no stage was ready"
    # Of several label sets, both are dicts, of which the first is the finest.
    logits: Any = result.logits
    names: Any = manifest.class_names
    if isinstance(logits, dict):
        label_set, logits = next(iter(logits.items()))
        names = names and names[label_set]
    task = next(iter(manifest.tasks.values()))
    if manifest.product_answers:
        entries: Any = result.top(1)
        ((name, share),) = (
            next(iter(entries.values()))
            if isinstance(entries, dict)
            else entries
        )
        shown = f"{name if names else f'class {name}'} ({share:.0%})"
    else:
        temperature = manifest.temperature(result.stage)
        shown = _describe(logits, task, names, temperature)
    return f"stage {result.stage}  {shown}  {result.elapsed_ms:.2f} ms"


def _describe(
    logits: np.ndarray,
    task: str | None,
    names: Sequence[str] | None,
    temperature: float = 1.0,
) -> str:
    """Returns the answer to one example, and how certain it is."""
    if task == "regression" or (task is None and logits.shape[-1] == 1):
        return ", ".join(f"{value:.4g}" for value in logits.ravel()[:8])

    def name(index):
        return names[index] if names else f"class {index}"

    if task == "binary":
        is_yes = int(logits[0] > 0)
        shown = (names if names and len(names) == 2 else ("no", "yes"))[is_yes]
    elif task == "multi_label":
        shown = ", ".join(map(name, np.flatnonzero(logits > 0))) or "none"
    elif task == "segmentation":
        classes, counts = np.unique(logits.argmax(-1), return_counts=True)
        largest = int(counts.argmax())
        share = counts[largest] / counts.sum()
        shown = f"{name(classes[largest])} at {share:.0%} of positions"
    else:
        shown = name(int(logits.argmax()))
    certain = float(answer_confidence(logits[None] / temperature, task)[0])
    return f"{shown} ({certain:.0%})"


def load_frames(
    predictor: AnytimePredictor,
    folder: str | os.PathLike | None,
    warn: Callable[[str], None],
) -> Frames:
    """Returns names and examples, prepared as the predictor takes them.

    Args:
        predictor: An `AnytimePredictor`.
        folder: Path of a folder of images. `None` for noise, or for blank
            examples where the file does not say how pixels are prepared, or
            takes other inputs than one image.
        warn: Function that is called with a line for each file that is left
            out.

    Raises:
        ValueError: If no image can be read, pixels cannot be prepared, or the
            file takes other inputs than one image.
        FileNotFoundError: If there is no such folder.
    """
    if folder is None:
        return _noise(predictor)
    manifest = predictor.manifest
    if manifest.inputs is not None or manifest.image_input is None:
        shapes = {
            name: spec.shape for name, spec in manifest.input_specs.items()
        }
        raise ValueError(
            "Images go into a file that takes one image and nothing else: "
            "without --images its times are measured on blank examples, and "
            "`AnytimePredictor` gives answers to yours. "
            f"Received: a file with inputs of shapes {shapes}"
        )
    # Raises an error where the file does not say how pixels are prepared,
    # which is no fault of the images.
    predictor.prepare(np.zeros((1, 1), "uint8"))
    folder = user_path(folder)
    paths, others = find_images(folder)
    for path in others:
        warn(f"left out, no image: {path}")
    frames = []
    for path in paths:
        try:
            image = predictor.prepare(read_pixels(path))
        except (ValueError, ImportError) as error:
            warn(f"left out {path}: {error}")
            continue
        name = path.name if path == folder else str(path.relative_to(folder))
        frames.append((name, image))
    if not frames:
        raise ValueError(
            f"In {str(folder)!r} and the folders within there is no image that "
            f"can be read. Received: --images={folder}"
        )
    return frames


def _noise(predictor: AnytimePredictor) -> Frames:
    """Returns frames of noise, or a blank one."""
    blank: Any = predictor.blank()
    if isinstance(blank, dict):
        return [("blank", {name: batch[0] for name, batch in blank.items()})]
    blank = blank[0]
    rng = np.random.default_rng(0)
    try:
        return [
            (
                f"noise {number}",
                predictor.prepare(rng.integers(0, 256, blank.shape, "u1")),
            )
            for number in range(_NOISE_FRAMES)
        ]
    except ValueError:
        return [("blank", blank)]
