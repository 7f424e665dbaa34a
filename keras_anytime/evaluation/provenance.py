"""The provenance of a result: command, machine, commit and versions."""

import importlib.metadata
import os
import pathlib
import platform
import subprocess
import sys
from typing import Any

from keras_anytime.version import __version__

_PACKAGES = ("keras", "tensorflow", "jax", "jaxlib", "numpy")


def versions() -> dict[str, str]:
    """Returns the versions of Python, of this package and of its dependencies.

    Packages that are not installed are omitted.
    """
    found = {
        "python": platform.python_version(),
        "keras_anytime": __version__,
    }
    for package in _PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def provenance() -> dict[str, Any]:
    """Returns what is needed to repeat a run, for its results file.

    Returns:
        Dict with `command`, `hardware`, `commit` and `versions`. The commit is
        `None` outside of a git checkout, and ends with `+` if files of the
        package were changed since.
    """
    return {
        "command": " ".join([pathlib.Path(sys.argv[0]).name, *sys.argv[1:]]),
        "hardware": ", ".join(
            [_processor(), f"{os.cpu_count()} cores", *accelerators()]
        ),
        "commit": _commit(),
        "versions": versions(),
    }


def _processor() -> str:
    try:
        for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def accelerators() -> list[str]:
    """Returns the names of the GPUs and TPUs that Keras' backend uses."""
    keras = sys.modules.get("keras")
    if keras is None:
        return []
    if keras.backend.backend() == "jax":
        import jax

        devices = jax.local_devices()
        return [
            device.device_kind for device in devices if device.platform != "cpu"
        ]
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return [
            tf.config.experimental.get_device_details(device).get(
                "device_name", device.name
            )
            for device in tf.config.list_physical_devices("GPU")
        ]
    return []


def _commit() -> str | None:
    package = pathlib.Path(__file__).parent.parent
    try:
        # An installed package may be in a repository of its user.
        _git(package, "ls-files", "--error-unmatch", "version.py")
        commit = _git(package, "rev-parse", "HEAD").strip()
        changed = _git(package, "status", "--porcelain", "--", ".").strip()
    except (OSError, subprocess.CalledProcessError):
        return None
    return f"{commit}+" if changed else commit


def _git(folder: pathlib.Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", "-C", str(folder), *arguments],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
