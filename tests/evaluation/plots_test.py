import pytest

from tests.evaluation.curve_test import _curve


@pytest.mark.parametrize(
    ("suffix", "start"), [(".png", b"\x89PNG"), (".svg", b"<?xml")]
)
def test_plots_are_drawn(tmp_path, suffix, start):
    path = tmp_path / f"curve{suffix}"
    _curve().plot(path)
    content = path.read_bytes()
    assert content.startswith(start)
    assert len(content) > 5000
    if suffix == ".svg":
        # Text is drawn as outlines; its source stands in comments.
        for text in ("top-1 error", "multiply-adds", "stage 3: 10.0%"):
            assert text in content.decode()


def test_other_formats_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"curve\.bmp"):
        _curve().plot(tmp_path / "curve.bmp")
    assert not list(tmp_path.iterdir())
