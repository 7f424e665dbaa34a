"""The digits, and a tiny network of three stages."""

import keras_anytime as ka

train, val = ka.data.load("digits", batch_size=256)
model = ka.nets.width_nested_resnet((8, 8, 1), 10, units=(1,), filters=(8,))

SHORTER = {"epochs=20": "epochs=1"}


def check(folder, printed):
    assert (folder / "cosines.csv").exists()
