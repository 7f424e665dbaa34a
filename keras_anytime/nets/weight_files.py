"""The weights of trained networks that the package ships, and their facts.

`weights/<network>_<weights>.weights.h5` holds the weights in float32, and the
`.json` file beside it what is known of them: their checksum, the data and the
training, errors, calibration and latencies. `recipes/publish.py` writes both.
"""

import hashlib
import json
import pathlib
from typing import Any

from keras_anytime import naming
from keras_anytime.data.info import DatasetInfo
from keras_anytime.files import ContentError
from keras_anytime.files import read_small
from keras_anytime.model import AnytimeModel
from keras_anytime.training.data_info import remember

FOLDER = pathlib.Path(__file__).parent / "weights"
# All files of weights together, so that the package stays small.
MAX_BYTES = 3_000_000
# What loading reads. The others are for people and for exports.
_NEEDED = ("network", "weights", "sha256", "input_shape", "classes", "data")


def pretrained() -> dict[str, tuple[str, ...]]:
    """Returns the networks that the package has weights for.

    ```python
    for name, weights in ka.nets.pretrained().items():
        model = ka.nets.get(name, weights=weights[0])
    ```

    Returns:
        Dict from names of networks to tuples of names of weights, for `get` and
        `facts`.
    """
    found: dict[str, tuple[str, ...]] = {}
    for path in sorted(FOLDER.glob("*.json")):
        facts = _read(path)
        found[facts["network"]] = (
            *found.get(facts["network"], ()),
            facts["weights"],
        )
    return found


def facts(name: str, weights: str) -> dict[str, Any]:
    """Returns what is known of the weights of a trained network.

    ```python
    for name, weights in ka.nets.pretrained().items():
        facts = ka.nets.facts(name, weights[0])
        print(facts["thresholds"], facts["temperatures"])
    ```

    Args:
        name: String, a name in `pretrained()`.
        weights: String, the name of the weights.

    Returns:
        Dict of plain values, which the network's card shows: its checksum
        (`sha256`), `input_shape`, `classes`, `data`, `training`, errors with
        intervals on held-out images (`evaluation`, `test`), `calibration`,
        `temperatures` and `thresholds` for an export, and the exported `files`.

    Raises:
        ValueError: If there are no such weights.
    """
    available = pretrained()
    network = naming.match_name(name, list(available))
    names = available.get(network or "", ())
    match = (
        naming.match_name(weights, list(names))
        if isinstance(weights, str)
        else None
    )
    if network is None or match is None:
        shelf = ", ".join(
            f"{network} with weights {naming.quote_names(of_network)}"
            for network, of_network in available.items()
        )
        raise ValueError(
            "The package has no such weights. "
            + (f"There are: {shelf}. " if shelf else "It has none at all. ")
            + "`ka.load_model` loads a model that you saved. "
            f"Received: weights={weights!r} for name={name!r}"
        )
    return _read(_path(network, match, "json"))


def load(model: AnytimeModel, facts: dict[str, Any]) -> None:
    """Loads weights, and what a model remembers of its data set.

    Args:
        model: An `AnytimeModel`, the network of the facts.
        facts: Dict, as from `facts`.

    Raises:
        ValueError: If the file of weights is damaged.
        OSError: If it cannot be read.
    """
    path = _path(facts["network"], facts["weights"], "weights.h5")
    received = hashlib.sha256(read_small(path, MAX_BYTES)).hexdigest()
    if received != facts["sha256"]:
        raise ContentError(
            "The file of weights is damaged: install the package again. Its "
            f"SHA-256 must be {facts['sha256']}. Received: {received} of "
            f"{str(path)!r}"
        )
    model.load_weights(path)
    remember(model, _data_set(facts))


def _data_set(facts: dict[str, Any]) -> DatasetInfo:
    """Returns the description of the data set that weights were trained on."""
    data = facts["data"]
    return DatasetInfo(
        name=data["name"],
        image_shape=tuple(facts["input_shape"]),
        class_names=tuple(data["class_names"]),
        mean=tuple(data["preprocessing"]["mean"]),
        std=tuple(data["preprocessing"]["std"]),
        scale=data["preprocessing"]["scale"],
    )


def _path(network: str, weights: str, suffix: str) -> pathlib.Path:
    return FOLDER / f"{network}_{weights}.{suffix}"


def _read(path: pathlib.Path) -> dict[str, Any]:
    """Returns the facts in a file.

    Raises:
        ContentError: If the file is damaged.
    """
    try:
        content = json.loads(path.read_text())
        for name in _NEEDED:
            content[name]
    except (ValueError, KeyError, TypeError) as error:
        raise ContentError(
            "The facts of a trained network are damaged: install the package "
            f"again. Received: {str(path)!r}, {type(error).__name__}: {error}"
        ) from error
    return content
