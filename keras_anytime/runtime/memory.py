"""The memory that an exported file takes when it runs."""

import dataclasses
import multiprocessing
import os
import pathlib
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

from keras_anytime.runtime.predictor import AnytimePredictor


@dataclasses.dataclass(frozen=True)
class FileMemory:
    """The memory in bytes that running all stages of a file adds to a process.

    Args:
        own: Integer. Memory that belongs to the process alone: the exported
            file, the features, and the weights as LiteRT lays them out for
            each signature.
        mapped: Integer. Pages of files in memory, such as libraries. The
            system can drop them at any time, and processes share them.
    """

    own: int
    mapped: int


def file_memory(
    path: str | os.PathLike, num_threads: int | None = None
) -> FileMemory | None:
    """Measures the memory that running all stages of an exported file takes.

    The file runs in a new process. Python spawns that process, which imports
    the program's main module again.

    Args:
        path: String or path of an exported file or folder.
        num_threads: Integer. The threads of LiteRT, or `None` for its choice.

    Returns:
        A `FileMemory`, or `None` if the system does not report memory.

    Raises:
        RuntimeError: If the new process is killed.
        LoadError: If the file cannot be opened.
        ImportError: If the library that runs the file is missing.
    """
    if not pathlib.Path("/proc/self/status").exists():
        return None
    context = multiprocessing.get_context("spawn")
    # A `multiprocessing.Pool` would wait forever for a process that was killed.
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        try:
            return pool.submit(
                _measure, os.fsdecode(path), num_threads
            ).result()
        except BrokenProcessPool as error:
            raise RuntimeError(
                "The process that ran the file was killed, probably because "
                f"the system is out of memory. Received: path={path}"
            ) from error


def _measure(path: str, num_threads: int | None) -> FileMemory:
    if path.endswith(".tflite"):
        # The memory of the library itself does not count.
        import ai_edge_litert.interpreter  # noqa: F401
    own_before, mapped_before = _resident_bytes()
    with AnytimePredictor(path, num_threads) as predictor:
        predictor.warm_up()
        own, mapped = _resident_bytes()
    return FileMemory(max(0, own - own_before), max(0, mapped - mapped_before))


def _resident_bytes() -> tuple[int, int]:
    """Returns this process' own and mapped bytes in memory, on Linux."""
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    entries = dict(line.split(":", 1) for line in lines)
    own, mapped = (
        1024 * int(entries[key].split()[0]) for key in ("RssAnon", "RssFile")
    )
    return own, mapped
