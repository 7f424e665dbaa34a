import os
import warnings

import numpy as np
import pytest
from PIL import Image

from keras_anytime.runtime.image_files import find_images
from keras_anytime.runtime.image_files import read_pixels


def _random(*shape, dtype="uint8"):
    rng = np.random.default_rng(0)
    return rng.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def _names(paths, folder):
    return [path.relative_to(folder).as_posix() for path in paths]


@pytest.fixture(name="photos")
def _photos(tmp_path):
    """Class folders as people have them, on a Mac."""
    for name in (
        *("b/2.jpg", "b/1.JPG", "a/x.png", "a/deep/y.npy", "z.ppm"),
        *(".DS_Store", "b/.DS_Store", "notes.txt", "b/Thumbs.db", "README"),
        *(".cache/1.jpg", "__MACOSX/._1.jpg"),
    ):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path / "photos"


def test_images_are_found_in_folders_within_in_order(photos):
    images, others = find_images(photos)
    assert _names(images, photos) == [
        "z.ppm",
        "__MACOSX/._1.jpg",
        "a/x.png",
        "a/deep/y.npy",
        "b/1.JPG",
        "b/2.jpg",
    ]
    assert _names(others, photos) == [
        *(".DS_Store", "README", "notes.txt", ".cache"),
        *("b/.DS_Store", "b/Thumbs.db"),
    ]
    assert find_images(str(photos / "z.ppm")) == ([photos / "z.ppm"], [])
    with pytest.raises(FileNotFoundError, match="nowhere"):
        find_images(photos / "nowhere")


def test_links_are_followed_once(photos):
    (photos / "b" / "back").symlink_to(photos)
    (photos / "c").symlink_to(photos / "b")
    (photos / "gone.png").symlink_to("nowhere.png")
    (photos / "link.png").symlink_to("z.ppm")
    os.mkfifo(photos / "pipe.png")  # Reading it would wait for ever.
    (photos / "self").symlink_to("self")
    images, others = find_images(photos)
    found = _names(images, photos)
    assert [name for name in found if "/" not in name] == [
        *("gone.png", "link.png", "z.ppm"),
    ]
    assert sum(name.endswith("2.jpg") for name in found) == 1
    assert {"pipe.png", "self"} <= set(_names(others, photos))
    with pytest.raises(ValueError, match="cannot be read.*No such file"):
        read_pixels(photos / "gone.png")


@pytest.mark.parametrize("suffix", [".png", ".PNG", ".bmp", ".tiff", ".gif"])
def test_gray_and_colored_images_are_rgb(tmp_path, suffix):
    gray, colors = _random(5, 7), _random(5, 7, 3)
    path = tmp_path / f"image{suffix}"
    Image.fromarray(gray).save(path)
    found = read_pixels(path)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, np.stack([gray] * 3, axis=-1))
    if suffix != ".gif":
        Image.fromarray(colors).save(path)
        np.testing.assert_array_equal(read_pixels(path), colors)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "1", "CMYK"])
def test_other_modes_are_as_training_decodes_them(tmp_path, mode):
    colors = Image.fromarray(_random(5, 7, 4), "RGBA")
    image = colors.convert("RGB").convert(mode)
    if mode == "RGBA":
        image = colors
    path = tmp_path / ("image.tif" if mode == "CMYK" else "image.png")
    image.save(path)
    found = read_pixels(path)
    assert found.shape == (5, 7, 3)
    np.testing.assert_array_equal(found, np.asarray(image.convert("RGB")))
    if mode == "RGBA":  # Transparency hides no color.
        np.testing.assert_array_equal(found, _random(5, 7, 4)[..., :3])


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_grays_of_16_bits_are_scaled(tmp_path, suffix):
    values = _random(5, 7, dtype="uint16")
    values[0, :2] = 0, 65535
    path = tmp_path / f"deep{suffix}"
    Image.fromarray(values).save(path)
    np.testing.assert_array_equal(
        read_pixels(path), np.round(values / 257).astype("uint8")
    )


def test_images_are_turned_as_the_camera_was_held(tmp_path):
    # Flat areas of 8 pixels, which JPEG keeps.
    pixels = np.zeros((16, 32, 3), "uint8")
    pixels[:8, :8] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # Its top is at the right.
    path = tmp_path / "turned.jpg"
    Image.fromarray(pixels).save(path, exif=exif, quality=100)
    np.testing.assert_array_equal(
        read_pixels(path) > 128, np.rot90(pixels, -1) > 128
    )


def _cut(path):
    path.write_bytes(path.read_bytes()[:-200])


def _empty(path):
    path.write_bytes(b"")


def _text(path):
    path.write_text("no image")


@pytest.mark.parametrize("damage", [_cut, _empty, _text])
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".npy", ".ppm"])
def test_damaged_files_are_value_errors(tmp_path, damage, suffix):
    path = tmp_path / f"image{suffix}"
    pixels = _random(16, 16, 3)
    if suffix == ".npy":
        np.save(path, pixels)
    else:
        Image.fromarray(pixels).save(path)
    read_pixels(path)
    damage(path)
    with pytest.raises(ValueError, match="cannot be read: ."):
        read_pixels(path)


def test_pixels_without_a_range_and_objects_are_refused(tmp_path):
    path = tmp_path / "floats.tif"
    Image.fromarray(np.ones((4, 4), "float32")).save(path)
    with pytest.raises(ValueError, match="floats of unknown range"):
        read_pixels(path)
    path = tmp_path / "wide.tif"
    Image.fromarray(np.full((4, 4), 70_000, "int32")).save(path)
    with pytest.raises(ValueError, match="do not fit 16 bits"):
        read_pixels(path)
    path = tmp_path / "objects.npy"
    np.save(path, np.array([None]), allow_pickle=True)
    with pytest.raises(ValueError, match="cannot be read"):
        read_pixels(path)


def test_images_too_large_are_refused(tmp_path, monkeypatch):
    path = tmp_path / "bomb.png"
    Image.fromarray(_random(30, 30)).save(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(ValueError, match="cannot be read.*bomb"):
            read_pixels(path)
