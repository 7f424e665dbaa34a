"""The digits, as arrays, and the ink of each."""

import numpy as np

import keras_anytime as ka

_batches, _ = ka.data.load(
    "digits", batch_size=256, splits=("train[:256]", "train[:256]")
)
images, labels = map(np.array, next(iter(_batches)))
ink = images.mean((1, 2, 3))

SHORTER = {"epochs=20": "epochs=1"}


def check(folder, printed):
    assert "cosine_digit_ink" in (folder / "cosines.csv").read_text()
    assert "(256, 10) (256, 1)" in printed
