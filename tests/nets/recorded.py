"""What the stages of the papers' networks cost, recorded.

Building all of them takes minutes. So a change is held against the file of
their costs: that their arguments are those it was made with, and that its
numbers are the published ones. The complete suite builds them anew.

    python -m tests.nets.recorded

writes the file again, where a change of a network is meant.
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
    found = catalogue.complete(configuration.builder, configuration.defaults)
    named = {"builder": configuration.builder.__name__, **found}
    return json.loads(json.dumps(named))


def costs(name):
    """Returns the recorded `StageCost` of each stage."""
    return [StageCost(*one) for one in _recorded()[name]["stages"]]


def recorded_arguments():
    """Returns a dict from the networks' names to the arguments recorded."""
    return {name: one["arguments"] for name, one in _recorded().items()}


def _recorded():
    return json.loads(_PATH.read_text())


def main():
    found = {}
    for name in ka.nets.names():
        stages = ka.evaluation.stage_costs(ka.nets.get(name))
        found[name] = {
            "arguments": arguments(name),
            "stages": [dataclasses.astuple(stage) for stage in stages],
        }
        print(name, flush=True)
    lines = (
        f"{json.dumps(name)}: {json.dumps(one)}" for name, one in found.items()
    )
    _PATH.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
