"""Report of errors under deadlines, from evaluations of finished runs."""

import json
import shlex
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from keras_anytime.experiments.collecting.finished import RowRuns
from keras_anytime.experiments.collecting.oracle_rows import STAGE
from keras_anytime.experiments.collecting.oracle_rows import anytime_rows
from keras_anytime.experiments.collecting.oracle_rows import position
from keras_anytime.experiments.collecting.pictures import values_picture
from keras_anytime.experiments.collecting.tables import Cell
from keras_anytime.experiments.collecting.tables import CollectedReport
from keras_anytime.experiments.collecting.tables import Line
from keras_anytime.experiments.collecting.tables import Table
from keras_anytime.experiments.papers.experiment import Experiment

_NET = "net"
_ROLES = ("runs", "baseline", "oracle")


def deadlines(
    experiment: Experiment, rows: Sequence[RowRuns]
) -> CollectedReport:
    """Reports errors under deadlines, for each nested network.

    Deadlines need latencies, which `recipes/evaluate.py` measures on the
    machine that it runs on. Where that was not done, a note has the command;
    its results, in `evaluation` of the first run's folder, are shown here.

    Args:
        experiment: The `Experiment`. `options["panels"]` is a dict from names
            to dicts from `"runs"`, `"baseline"` and `"oracle"` to nets; without
            it, each net with rows of an oracle, which have a label `stage`, is
            a panel, and the first net without them is the baseline.
        rows: Its `RowRuns`.
    """
    lines, notes, pictures = [], [], {}
    for name, roles in _panels(experiment, rows).items():
        nested = _of_net(anytime_rows(rows), roles["runs"])
        baseline = _of_net(anytime_rows(rows), roles.get("baseline"))
        oracle = sorted(
            _of_net(
                (row for row in rows if STAGE in row.labels),
                roles.get("oracle"),
            ),
            key=lambda row: position(row.labels[STAGE]),
        )
        missing = [
            row.row.name
            for row in (*nested, *baseline, *oracle)
            if not row.runs
        ]
        if missing or not nested or not oracle:
            wanted = ", ".join(missing) or "a nested network and an oracle"
            notes.append(f"{name}: not complete, no run of {wanted}.")
            continue
        marked = any(row.marked for row in (*nested, *baseline, *oracle))
        result = nested[0].runs[0].folder.path / "evaluation" / "deadlines.json"
        if not result.is_file():
            command = evaluate_command(nested[0], baseline, oracle)
            notes.append(f"{name}: to measure it, `{command}`.")
            continue
        panel = _lines(name, json.loads(result.read_text()), marked)
        lines += panel
        pictures[name] = values_picture(
            Table(name, tuple(panel)), f"{name}: error (%)"
        )
    table = Table(
        "Errors in % under deadlines, as shares of the mean latency of the "
        "largest network",
        tuple(lines),
    )
    if len(pictures) == 1:
        pictures = {"": next(iter(pictures.values()))}
    return CollectedReport({"": table}, pictures, tuple(notes))


def evaluate_command(
    nested: RowRuns, baseline: Sequence[RowRuns], oracle: Sequence[RowRuns]
) -> str:
    """Returns the command that measures errors under deadlines.

    Args:
        nested: The `RowRuns` of the nested network.
        baseline: Those of the baseline; may be empty.
        oracle: Those of the separate networks, smallest first.
    """
    flags = {
        "runs": [run.folder.path for run in nested.runs],
        "baseline": [row.runs[0].folder.path for row in baseline[:1]],
        "oracle": [row.runs[0].folder.path for row in oracle],
    }
    return shlex.join(
        [
            "python",
            "recipes/evaluate.py",
            *(
                f"--{flag}={','.join(map(str, paths))}"
                for flag, paths in flags.items()
                if paths
            ),
        ]
    )


def _panels(
    experiment: Experiment, rows: Sequence[RowRuns]
) -> Mapping[str, Mapping[str, str]]:
    """Returns the nets of each panel, by their roles."""
    panels = experiment.options.get("panels")
    if panels is None:
        nets = [row.labels[_NET] for row in rows if STAGE in row.labels]
        others = [
            row.labels[_NET]
            for row in anytime_rows(rows)
            if row.labels[_NET] not in nets
        ]
        baseline = {"baseline": others[0]} if others else {}
        return {net: {"runs": net, "oracle": net, **baseline} for net in nets}
    for name, roles in panels.items():
        if not {"runs", "oracle"} <= set(roles) <= set(_ROLES):
            raise ValueError(
                "Each of options['panels'] must be a dict with the nets of "
                f"{', '.join(_ROLES)}. Received: {name!r}: {dict(roles)}"
            )
    return panels


def _of_net(rows: Iterable[RowRuns], net: str | None) -> list[RowRuns]:
    return [row for row in rows if row.labels.get(_NET) == net]


def _lines(
    name: str, simulation: Mapping[str, Any], marked: bool
) -> list[Line]:
    """Returns a line for each scheme of a `DeadlineSimulation` in JSON."""
    largest = float(simulation["largest_ms"])
    # JSON has no infinity: no deadline is null.
    columns = [
        "none" if deadline is None else f"{deadline / largest:.0%}"
        for deadline in simulation["deadlines_ms"]
    ]
    return [
        Line(
            {"networks": name, "scheme": scheme.replace("_", " ")},
            {
                column: Cell(100 * error)
                for column, error in zip(columns, errors, strict=True)
            },
            None,
            marked,
        )
        for scheme, errors in simulation["errors"].items()
    ]
