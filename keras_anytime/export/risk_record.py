"""The record in a manifest of the risk that its thresholds control."""

from collections.abc import Mapping
from typing import Any

from keras_anytime.evaluation.risk_control import RiskControl


def risk_record(
    control: RiskControl | None, exported: Mapping[str, Any]
) -> dict[str, Any] | None:
    """Returns what thresholds were chosen for, as `Manifest` has it.

    The promise is about the answers that it was chosen on, so that the export
    must give these.

    Args:
        control: A `RiskControl`, or `None`.
        exported: Dict with what the export has of `thresholds`, `stages`,
            `product_answers`, `temperatures` and the first `label_set`.

    Raises:
        ValueError: If it is something else, or of other answers.
    """
    if control is None:
        return None
    if not isinstance(control, RiskControl):
        raise ValueError(
            "`risk` is a `RiskControl`, as from "
            "`ka.evaluation.risk_controlled_thresholds`. "
            f"Received: risk={control!r}"
        )
    for name, value in exported.items():
        chosen = getattr(control, name)
        if _plain(name, value, control) != _plain(name, chosen, control):
            raise ValueError(
                f"The risk was controlled with other {_WORDS[name]}: export "
                "with those of the `RiskControl`, or choose thresholds on "
                "predictions of what is exported. Received: "
                f"{name}={value!r}, and {chosen!r} in `risk`"
            )
    return control.record


_WORDS = {
    "thresholds": "thresholds",
    "stages": "stages",
    "product_answers": "answers, products or each stage alone",
    "temperatures": "temperatures",
    "label_set": "labels than those of the first label set",
}


def _plain(name: str, value: Any, control: RiskControl) -> Any:
    """Returns a value in the form in which it is compared."""
    if name == "temperatures" and control.product_answers:
        return None  # They change no product answer.
    if name == "temperatures" and value is None:
        return (1.0,) * len(control.stages)
    if name == "label_set" and control.label_set is None:
        return None  # It is not known.
    return value
