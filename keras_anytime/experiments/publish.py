"""A trained network becomes a part of the package: weights, facts and card."""

import dataclasses
import pathlib
import re
import shutil
import tempfile
from collections.abc import Mapping
from typing import Any

from keras_anytime import nets
from keras_anytime.experiments.model_card import TERMS
from keras_anytime.experiments.model_card import model_card
from keras_anytime.experiments.papers.protocol import flag_lines
from keras_anytime.experiments.publish_measurements import measure
from keras_anytime.experiments.publish_settings import PublishSettings
from keras_anytime.experiments.runs import Run
from keras_anytime.experiments.train_settings import TrainSettings
from keras_anytime.files import atomic_write
from keras_anytime.files import check_writable
from keras_anytime.files import user_path
from keras_anytime.files import write_json
from keras_anytime.files import write_text
from keras_anytime.manifest import checksum
from keras_anytime.model import AnytimeModel
from keras_anytime.nets import catalogue
from keras_anytime.nets import weight_files
from keras_anytime.training.data_info import remember

# What training adds to layers, and answers do not depend on.
_OF_TRAINING = ("kernel_regularizer", "bias_regularizer", "synchronized")


def publish(settings: PublishSettings) -> pathlib.Path:
    """Ships the network of a finished run with the package.

    It measures the network, and writes its weights and facts to
    `keras_anytime/nets/weights/` and its model card to `--cards`.

    Args:
        settings: The settings of the publication.

    Returns:
        The path of the card.

    Raises:
        FileNotFoundError: If the run is not finished.
        ValueError: If a setting is wrong, the network is not the one of that
            name, or the weights are too large.
        ImportError: If a package is missing, such as LiteRT.
        OSError: If data cannot be read, or a file cannot be written.
    """
    run = Run(settings.run, settings.data_dir, settings.download)
    settings = dataclasses.replace(
        settings, net=catalogue.canonical_name(settings.net)
    )
    _check(settings, run)
    name = f"{settings.net}_{settings.weights}"
    card = user_path(settings.cards) / f"{name}.md"
    weights_path = weight_files.FOLDER / f"{name}.weights.h5"
    facts_path = weight_files.FOLDER / f"{name}.json"
    for path in (card, weights_path, facts_path):
        check_writable(path)
    model = untrained_like(run.model, settings.net)
    model.set_weights(run.model.get_weights())
    remember(model, run.info())
    with tempfile.TemporaryDirectory() as folder:
        written = pathlib.Path(folder) / weights_path.name
        model.save_weights(written)
        _check_size(written, weights_path)
        # What is measured is what the file holds.
        model.load_weights(written)
        facts = {
            "network": settings.net,
            "weights": settings.weights,
            "sha256": checksum(written),
            "bytes": written.stat().st_size,
            "input_shape": list(model.input_shape[1:]),
            "classes": model.outputs[0].shape[-1],
            "data": dict(model.data_info or {}),
            "training": _training(run),
            **measure(model, run, settings.repetitions),
        }
        text = model_card(facts)
        atomic_write(weights_path, lambda path: shutil.copyfile(written, path))
    write_json(facts_path, facts)
    write_text(card, text)
    print(text)
    print(f"Written: {weights_path}, {facts_path} and {card}")
    return card


def untrained_like(trained: AnytimeModel, net: str) -> AnytimeModel:
    """Returns a new network of a name, which must be that of a trained one.

    Args:
        trained: The trained `AnytimeModel`.
        net: String, a name of `ka.nets.names()`.

    Raises:
        ValueError: If the networks differ in a layer, in how layers are
            connected, or in the precision.
    """
    model = nets.get(
        net,
        input_shape=tuple(trained.input_shape[1:]),
        classes=trained.outputs[0].shape[-1],
    )
    ours, theirs = structure(model), structure(trained)
    if ours != theirs:
        differing = [
            layer.name
            for layer, own, other in zip(
                trained.layers, ours["layers"], theirs["layers"], strict=False
            )
            if own != other
        ]
        raise ValueError(
            f"The network of the run is not {net}: it has "
            f"{len(trained.layers)} layers instead of {len(model.layers)}"
            + (
                f", and others from {differing[0]!r} on. "
                if differing
                else ". "
            )
            + f"Received: a run of {trained.name!r} with --net={net}"
        )
    return model


def structure(model: AnytimeModel) -> dict[str, Any]:
    """Returns layers and connections, without names and what trains them.

    Two networks of equal structure give the same answers with the same
    weights.

    Args:
        model: An `AnytimeModel`.
    """
    config = model.get_config()
    numbers = {
        layer["name"]: number for number, layer in enumerate(config["layers"])
    }

    def plain(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {
                key: plain(entry)
                for key, entry in value.items()
                if key != "name" or entry not in numbers
                if key not in _OF_TRAINING
            }
        if isinstance(value, list | tuple):
            return [plain(entry) for entry in value]
        return numbers.get(value, value) if isinstance(value, str) else value

    return {
        part: plain(config[part])
        for part in ("layers", "input_layers", "output_layers")
    }


def _check(settings: PublishSettings, run: Run) -> None:
    """Raises an error for what can be wrong before there is work."""
    if settings.net not in nets.names():
        raise ValueError(
            "--net must be a name of `ka.nets.names()`, because a builder has "
            f"no sizes of its own. Received: --net={settings.net}"
        )
    if not re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+)*", settings.weights):
        raise ValueError(
            "--weights must be lowercase letters, digits and underscores. "
            f"Received: --weights={settings.weights}"
        )
    run.folder.check_finished(with_results=True)
    data = run.settings["data"]
    if data not in TERMS:
        raise ValueError(
            "A card states the terms of the data, which are known of "
            f"{', '.join(sorted(TERMS))}: add them to TERMS of "
            "keras_anytime/experiments/model_card.py. "
            f"Received: a run on {data}"
        )
    missing = [
        f"--{name}"
        for name in ("train_split", "eval_split")
        if not run.settings.get(name)
    ]
    if missing:
        raise ValueError(
            "A card names the images that were trained and measured on: train "
            f"with splits of your own. Received: a run without "
            f"{' and '.join(missing)}"
        )
    if run.settings.get("model"):
        raise ValueError(
            "A card has the command that trained the network, which must not "
            "begin with a file: train without --model. Received: a run with "
            f"--model={run.settings['model']}"
        )
    kinds = [task.name for task in run.model.tasks.values()]
    if kinds != ["classification"] or run.model.num_stages < 2:
        raise ValueError(
            "Networks that ship choose one class, in two stages or more. "
            f"Received: {run.model.num_stages} stages of {', '.join(kinds)}"
        )


def _check_size(written: pathlib.Path, destination: pathlib.Path) -> None:
    """Raises a `ValueError` if all weights together become too large."""
    others = sum(
        path.stat().st_size
        for path in weight_files.FOLDER.glob("*.weights.h5")
        if path != destination
    )
    size = written.stat().st_size
    if others + size > weight_files.MAX_BYTES:
        raise ValueError(
            "All weights that ship may take "
            f"{weight_files.MAX_BYTES} bytes together. "
            f"Received: {size} bytes beside {others} of other networks"
        )


def _training(run: Run) -> dict[str, Any]:
    """Returns how the network was trained: flags, seed, time, machine."""
    results = run.folder.read_results()
    defaults = TrainSettings.defaults()
    flags = {
        name: value
        for name, value in run.settings.items()
        if name in defaults and value != defaults[name]
    }
    return {
        "flags": flag_lines(flags),
        "train_split": run.settings["train_split"],
        **{
            name: results.get(name)
            for name in ("seed", "minutes", "commit", "hardware", "versions")
        },
    }
