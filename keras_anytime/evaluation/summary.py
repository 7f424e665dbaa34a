"""Summarizes an evaluation in three sentences, for the top of a report."""

from keras_anytime.evaluation.curve import AnytimeCurve
from keras_anytime.evaluation.seeds import CurveAggregate


def summary(
    curve: AnytimeCurve | CurveAggregate, data: str, network: str | None = None
) -> str:
    """Summarizes a curve: the network, the data, and the result.

    ```python
    curve = ka.evaluation.anytime_curve(model, (images, labels))
    print(ka.evaluation.summary(curve, "digits, split test"))
    ```

    Args:
        curve: An `AnytimeCurve` or a `CurveAggregate`.
        data: Name of the data, with the measured split.
        network: Name of the network; `None` for the curve's name.

    Returns:
        String of three sentences.
    """
    if isinstance(curve, CurveAggregate):
        curve = curve.mean
    stages = len(curve.points)
    name = network or curve.name
    subject = (
        f"{name} is a network that answers in {stages} stages, each of which "
        "refines the answer before it at more cost."
        if stages > 1
        else f"{name} is a network that answers once."
    )
    mean = (
        f", as the mean of {curve.num_runs} trainings"
        if curve.num_runs > 1
        else ""
    )
    if curve.task is None:
        measured = (
            f"Its errors are shares of {curve.examples:,} examples of {data}, "
            f"with {curve.classes} classes{mean}."
        )
    else:
        measured = (
            f"It answers with {curve.answers}; its {curve.error_name} is "
            f"measured on {curve.examples:,} examples of {data}{mean}."
        )
    return f"{subject} {measured} {_result(curve)}"


def _result(curve: AnytimeCurve) -> str:
    first, last = curve.points[0], curve.points[-1]
    of_classes = curve.task is None
    errs, of_them = ("errs in", " of them") if of_classes else ("errs by", "")
    if not of_classes and curve.error_is_share:
        errs = "has an error of"
    whole = f"{curve.error_text(last.error, 1)}{of_them}"
    if len(curve.points) == 1:
        return f"It {errs} {whole}."
    increase = first.error - last.error
    early = (
        f"an answer of stage 1 alone {errs} {curve.error_text(first.error, 1)}"
    )
    if last.macs:
        # The cost of custom layers may be unknown, which counts as 0.
        saved = 1 - first.macs / last.macs
        early += f", and saves {saved:.0%} of the multiply-adds"
    verdict = (
        (
            f"{100 * increase:.1f} percentage points more"
            if curve.error_is_share
            else f"{increase:.4g} more"
        )
        if increase > 0
        else "no more than with all stages"
    )
    return f"The whole network {errs} {whole}; {early}: {verdict}."
