"""The flag of exports that says what thresholds were chosen for."""

from collections.abc import Sequence
from typing import Any

from keras_anytime.evaluation.risk_control import RiskControl


def read_risk(
    entries: Sequence[str] | None, **exported: Any
) -> RiskControl | None:
    """Returns the risk that a flag says was controlled for what is exported.

    Args:
        entries: Sequence of three numbers as text: risk, level and number of
            examples; empty or `None` if there are none.
        **exported: What is exported: fields of `RiskControl`.

    Raises:
        ValueError: If an entry is missing or no number, or there are no such
            thresholds.
    """
    if not entries:
        return None
    if exported["thresholds"] is None:
        raise ValueError(
            "--risk is what --thresholds were chosen for: give these too. "
            f"Received: --risk={','.join(entries)}"
        )
    try:
        risk, level, examples = entries
        numbers = float(risk), float(level), int(examples)
    except ValueError as error:
        raise ValueError(
            "--risk must be risk, level and number of examples, such as "
            f"0.01,0.9,2500. Received: {','.join(entries)}"
        ) from error
    return RiskControl(
        risk=numbers[0],
        level=numbers[1],
        examples=numbers[2],
        bound="wsr",
        **exported,
    )
