"""The page's code needs nothing but the packages."""

import re

SHORTER = {"(96, 96, 3)": "(64, 64, 3)"}


def check(folder, printed):
    assert (folder / "cuts.csv").exists()
    assert "['stage_1', 'stage_2', 'stage_3']" in printed
    assert re.search(r"^True$", printed, re.MULTILINE)
