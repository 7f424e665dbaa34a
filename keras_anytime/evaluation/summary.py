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
    measured = (
        f"Its errors are shares of {curve.examples:,} examples of {data}, with "
        f"{curve.classes} classes{mean}."
    )
    return f"{subject} {measured} {_result(curve)}"


def _result(curve: AnytimeCurve) -> str:
    first, last = curve.points[0], curve.points[-1]
    whole = f"{last.top1_error:.1%}"
    if len(curve.points) == 1:
        return f"It errs in {whole} of them."
    increase = first.top1_error - last.top1_error
    early = f"an answer of stage 1 alone errs in {first.top1_error:.1%}"
    if (
        last.macs
    ):  # The cost of custom layers may be unknown, which counts as 0.
        saved = 1 - first.macs / last.macs
        early += f", and saves {saved:.0%} of the multiply-adds"
    verdict = (
        f"{100 * increase:.1f} percentage points more"
        if increase > 0
        else "no more than with all stages"
    )
    return f"The whole network errs in {whole} of them; {early}: {verdict}."
