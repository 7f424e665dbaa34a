"""The data set CIFAR-10."""

import keras_anytime as ka

request.getfixturevalue("cifar10_dir")

SHORTER = {
    '"train[:20000]"': '"train[:256]"',
    '"train[45000:]"': '"train[45000:45128]"',
    "epochs=6": "epochs=1",
}


def check(folder, printed):
    written = {path.name for path in (folder / "run").iterdir()}
    assert written == {
        "model.keras",
        "curve.png",
        "anytime.tflite",
        "anytime.tflite.json",
    }
    assert "cifar10" in ka.load_model("run/model.keras").data_info["name"]
