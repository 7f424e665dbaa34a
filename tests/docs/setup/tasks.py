"""Everything that the page needs comes with scikit-learn."""

SHORTER = {"epochs=60": "epochs=10", "epochs=5": "epochs=1"}


def check(folder, printed):
    assert "mean absolute error" in printed
    assert "mIoU" in printed
    assert "('image', 'weather')" in printed
    for name in ("diabetes", "two_inputs"):
        assert (folder / "run" / f"{name}.tflite").exists()
