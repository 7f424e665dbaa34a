"""The table of converted networks of `keras.applications`."""

import os
import time
from typing import Any

import keras

from keras_anytime import convert
from keras_anytime.files import check_writable
from keras_anytime.files.csv_files import write_csv
from keras_anytime.stages.cost import head_costs
from keras_anytime.stages.cost import stage_costs

NETWORKS = (
    "MobileNetV2",
    "MobileNetV3Small",
    "EfficientNetV2B0",
    "ResNet50V2",
    "DenseNet121",
    "ConvNeXtTiny",
)


def write_table(csv: str | os.PathLike, size: int = 96) -> None:
    """Converts each network, and writes a line for each of its cuts.

    Args:
        csv: Path of the CSV file.
        size: Integer. Height and width of the images.

    Raises:
        OSError: If the file cannot be written.
    """
    check_writable(csv)
    rows: list[dict[str, Any]] = []
    for name in NETWORKS:
        rows += network_rows(name, size)
        print("\n".join(map(str, rows[-2:])), flush=True)
        write_csv(csv, rows)


def network_rows(name: str, size: int) -> list[dict[str, Any]]:
    """Returns the lines of a network, one for each cut.

    Args:
        name: String. A function of `keras.applications`.
        size: Integer. Height and width of the images.
    """
    keras.backend.clear_session()
    shape = (size, size, 3)
    network = getattr(keras.applications, name)(
        input_shape=shape, weights=None, classes=10
    )
    start = time.perf_counter()
    model = convert.add_heads(network, 10, at=(0.25, 0.5))
    seconds = time.perf_counter() - start
    costs = stage_costs(model)
    points = {point.layer: point for point in convert.cut_points(network)}
    rows = []
    for k, cost in enumerate(costs[:-1], start=1):
        (layer,) = set(model.step(k + 1).input) & set(points)
        macs, _ = head_costs(costs)[k - 1]
        rows.append(
            {
                "network": name,
                "size": size,
                "cuts": len(points),
                "wanted": (0.25, 0.5)[k - 1],
                "layer": layer,
                "shape": "x".join(map(str, points[layer].shape)),
                "share": f"{points[layer].share:.4f}",
                "bytes": points[layer].bytes,
                "head_share": f"{macs / cost.step_macs:.4f}",
                "seconds": f"{seconds:.2f}",
            }
        )
    return rows
