"""The page needs nothing; its code runs on TensorFlow here."""

SHORTER = {
    "units=(1, 1, 1))": "units=(1,), filters=(8,))",
    "epochs=20": "epochs=1",
}


def check(folder, printed):
    assert "tensorflow" in printed.splitlines()
    assert (folder / "run" / "anytime.tflite").exists()
