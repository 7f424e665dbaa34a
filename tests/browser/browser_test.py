"""Runs the tests of tools/browser in a headless Chromium.

`make test-browser` installs what they need and runs them.
"""

import os
import pathlib
import shutil
import subprocess

import pytest

from tests.browser import exported_files
from tests.source import ROOT

pytestmark = pytest.mark.slow

FOLDER = pathlib.Path(__file__).parent
RUNTIME = ROOT / "tools/browser/node_modules/@litertjs/core"
# Several times what they take on two cores that do nothing else.
MOST_SECONDS = 900


@pytest.fixture(scope="module", name="environment")
def _environment(tmp_path_factory):
    """Environment variables: where Chromium and the exported files are."""
    if shutil.which("node") is None or not RUNTIME.exists():
        pytest.skip("no Node.js or LiteRT.js: `make test-browser` installs it")
    found = subprocess.run(
        ["node", FOLDER / "find_chromium.mjs"], capture_output=True, text=True
    )
    if found.returncode:
        pytest.skip(found.stderr.strip())
    files = tmp_path_factory.mktemp("files")
    exported_files.write_all(files)
    return {
        **os.environ,
        "CHROMIUM": found.stdout.strip(),
        "ANYTIME_FILES": str(files),
    }


@pytest.mark.parametrize(
    "name", sorted(path.name for path in FOLDER.glob("*.test.mjs"))
)
def test_in_chromium(environment, name):
    done = subprocess.run(
        ["node", "--test", "--test-reporter=spec", FOLDER / name],
        env=environment,
        capture_output=True,
        text=True,
        timeout=MOST_SECONDS,
    )
    print(done.stdout, done.stderr)
    assert done.returncode == 0
