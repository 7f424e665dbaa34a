"""Networks of two trainings, and the layers of a regression of tables."""

import keras
import numpy as np

import keras_anytime as ka
from tests.testing import compiled
from tests.testing import scramble
from tests.testing import tiny_net

train, val = ka.data.load("digits", batch_size=64)
train = train.take(2)
model = compiled(tiny_net())
trained = [tiny_net(), scramble(tiny_net())]
others = [
    ka.evaluation.anytime_curve(net, val)
    for net in (scramble(tiny_net(), seed=1), tiny_net())
]
table = keras.Input((4,))
hidden = keras.layers.Dense(8, "relu")(table)
heads = [
    keras.layers.Dense(1, name=f"stage_{k}")(x)
    for k, x in enumerate((table, hidden), start=1)
]
rows = np.random.default_rng(0).normal(size=(20, 4))
numbers = rows.sum(axis=1)
page = request.config.rootpath / "docs" / "evaluation.md"
shown_table = (
    page.read_text().partition("```text\ndigits:")[2].partition("```")[0]
)


def check(folder, printed):
    # The table that the page shows has the words that are printed today.
    shown = "".join(printed.splitlines(keepends=True)[:8]).partition(":")[2]
    assert _words(shown_table) == _words(shown)
    assert "OSGD minus SGD" in printed
    written = {path.name for path in (folder / "run").iterdir()}
    assert {"curve.png", "curves.csv", "curves.png", "logs"} <= written


def _words(text):
    return [word for word in text.split() if word.isalpha()]
