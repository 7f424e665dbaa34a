"""Executes the guides in place, so that they show what the code does now.

    make guides

runs every notebook of `docs/guides/` from top to bottom in a new kernel and a
temporary folder, and writes it back with its outputs. Times, versions and
paths of this machine are not kept. With names, only these are executed:

    python docs/execute_guides.py first_network

Expected: a few minutes on two CPU cores. It stops at the first error, and
leaves that notebook as it was.
"""

import functools
import os
import pathlib
import sys
import tempfile
import time

import nbclient
import nbformat

from keras_anytime import files

GUIDES = pathlib.Path(__file__).parent / "guides"
METADATA = {
    "kernelspec": {
        "display_name": "Python 3",
        "language": "python",
        "name": "python3",
    },
    "language_info": {"name": "python"},
}


def main(names):
    """Executes the named guides, or all of them."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    paths = sorted(GUIDES.glob("*.ipynb"))
    if unknown := set(names) - {path.stem for path in paths}:
        sys.exit(
            f"There is no guide {', '.join(sorted(unknown))}. "
            f"There are {', '.join(path.stem for path in paths)}."
        )
    for path in paths:
        if not names or path.stem in names:
            start = time.perf_counter()
            notebook = nbformat.read(path, as_version=4)
            execute(notebook)
            clean(notebook)
            files.atomic_write(
                path, functools.partial(nbformat.write, notebook)
            )
            print(f"{path.name}: {time.perf_counter() - start:.0f} s")


def execute(notebook):
    """Runs all cells in a temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        nbclient.NotebookClient(
            notebook,
            timeout=600,
            record_timing=False,
            coalesce_streams=True,
            resources={"metadata": {"path": folder}},
            # Logs of C++ libraries belong in the terminal.
            extra_arguments=[
                "--IPKernelApp.capture_fd_output=False",
                "--IPKernelApp.log_level=ERROR",
            ],
        ).execute()


def clean(notebook):
    """Removes what differs between machines and is no result."""
    notebook.metadata = nbformat.from_dict(METADATA)
    for cell in notebook.cells:
        cell.metadata = nbformat.NotebookNode()


if __name__ == "__main__":
    main(sys.argv[1:])
