r"""Draws the structure pictures of the page on networks.

    python docs/draw_structures.py

Each picture shows a small network of one family. `docs/images` gets a file
`structure_<family>.png` for each; names after the command draw only these.
"""

import pathlib
import sys

import PIL.Image

import keras_anytime as ka

FOLDER = pathlib.Path(__file__).parent / "images"
IMAGE = (32, 32, 3)

NETWORKS = {
    "width_nested_resnet": {"units": (2, 2), "filters": (16, 32)},
    "sparse_resnet": {
        "nesting": "w1d1-w2d2-w4d4",
        "units": (4, 4),
        "filters": (16, 32),
    },
    "cascade_sparse_resnet": {
        "num_stages": 3,
        "units": (4, 4),
        "filters": (16, 32),
    },
    "res_ann": {"units": (2, 2), "filters": (16, 32)},
    "dense_ann": {
        "layers_per_block": (4, 4),
        "growth": 12,
        "first_head": 2,
        "head_every": 2,
        "stem": "cifar",
    },
    "msdnet": {"num_stages": 4, "first_head": 2, "head_every": 1},
    "inclusive_sparse_resnext": {
        "num_stages": 3,
        "units": (2, 2),
        "filters": (48, 96),
    },
    "inclusive_resnext": {
        "num_stages": 3,
        "units": (2, 2),
        "filters": (48, 96),
        "branches": 6,
    },
    "shallow_resnext": {"units": (3, 2), "filters": (16, 32)},
}


def main(families):
    """Draws the named families; all, if none is named."""
    for family in families or NETWORKS:
        network = getattr(ka.nets, family)(IMAGE, 10, **NETWORKS[family])
        path = FOLDER / f"structure_{family}.png"
        ka.nets.plot_structure(network, path)
        # A palette makes the files a third of the size.
        picture = PIL.Image.open(path).convert("RGB")
        picture.quantize(64).save(path, optimize=True)
        print(f"{path}: {path.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main(sys.argv[1:])
