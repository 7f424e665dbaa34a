"""The digits, and networks of one and two tiny units."""

import keras_anytime as ka

train, val = ka.data.load("digits", batch_size=256)

SHORTER = {
    "(7, 13, 25)": "(1, 2)",
    "(32, 32, 3)": "(8, 8, 1)",
    "(depth, depth, depth)": "(depth,)",
    "(32, 64, 128)": "(8,)",
    "epochs=300": "epochs=2, verbose=0",
    '"width_resnet42"': (
        '"width_resnet42", (8, 8, 1), units=(1,), filters=(8,)'
    ),
}


def check(folder, printed):
    model = ka.load_model(folder / "run" / "ensemble.keras")
    assert isinstance(model, ka.nets.ExponentialEnsemble)
    assert (folder / "run" / "ensemble.tflite").exists()
    lines = printed.splitlines()
    assert lines[0].startswith("1 ")
    assert lines[-1].startswith("{0.25: ")
