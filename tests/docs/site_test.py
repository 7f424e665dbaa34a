"""Compares the API reference of the site with the public API.

Links and the pages of the front page are checked by `make docs`.
"""

import inspect
import re

from tests.public_api import public_objects
from tests.source import ROOT
from tests.source import fail_on

# It holds no names for users.
NOT_SHOWN = ("keras_anytime.experiments",)


def test_the_reference_shows_every_public_module():
    shown = "".join(
        path.read_text() for path in (ROOT / "docs" / "api").glob("*.md")
    )
    fail_on(
        [
            f"docs/api: no page shows {name}"
            for name, value in public_objects().items()
            if inspect.ismodule(value)
            and name not in NOT_SHOWN
            and not re.search(rf"automodule:: {name}$", shown, re.M)
        ]
    )
