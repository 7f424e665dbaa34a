"""The code of the front page needs nothing before it."""

SHORTER = {"epochs=20": "epochs=2"}


def check(folder, printed):
    assert "top-1 error" in printed
    assert "stage 3 says" in printed
    assert (folder / "run" / "digits.tflite").exists()
