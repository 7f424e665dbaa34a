"""Recorded costs of the stages of the papers' networks.

Building all networks takes minutes. The fast suite therefore compares the
recorded arguments with the catalogue's, and the recorded costs with the
published ones. The complete suite builds the networks again.

After an intended change of a network, write the file again:

    python -m tests.nets.recorded
"""

import dataclasses
import json
import pathlib

import keras_anytime as ka
from keras_anytime.nets import catalogue
from keras_anytime.stages.cost import StageCost

_PATH = pathlib.Path(__file__).with_name("recorded_costs.json")


def arguments(name):
    """Returns all arguments of the builder, as JSON has them."""
    configuration = catalogue.find(name)
    settings = catalogue.complete_arguments(
        configuration.builder, configuration.defaults
    )
    named = {"builder": configuration.builder.__name__, **settings}
    return json.loads(json.dumps(named))


def costs(name):
    """Returns the recorded `StageCost` of each stage."""
    return [StageCost(*values) for values in _recorded()[name]["stages"]]


def recorded_arguments():
    """Returns a dict from the networks' names to the arguments recorded."""
    return {name: entry["arguments"] for name, entry in _recorded().items()}


def _recorded():
    return json.loads(_PATH.read_text())


def main():
    entries = {}
    for name in ka.nets.names():
        stages = ka.evaluation.stage_costs(ka.nets.get(name))
        entries[name] = {
            "arguments": arguments(name),
            "stages": [dataclasses.astuple(stage) for stage in stages],
        }
        print(name, flush=True)
    lines = (
        f"{json.dumps(name)}: {json.dumps(entry)}"
        for name, entry in entries.items()
    )
    _PATH.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
