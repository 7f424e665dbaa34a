"""What an evaluation found, in three sentences."""

from keras_anytime.evaluation.seeds import CurveAggregate


def summary(curve, data, network=None):
    """Returns what was measured, on which data, and what follows from it.

    ```python
    summary(curve, "CIFAR-10, split test")
    ```

    Args:
        curve: An `AnytimeCurve`, or a `CurveAggregate`.
        data: String, the name of the data, with the split measured on.
        network: String, the name of the network; `None` for the curve's.

    Returns:
        String of three sentences.
    """
    if isinstance(curve, CurveAggregate):
        curve = curve.mean
    stages = len(curve.points)
    name = network or curve.name
    what = (
        f"{name} is a network that answers in {stages} stages, each of which "
        "refines the answer before it at more cost."
        if stages > 1
        else f"{name} is a network that answers once."
    )
    mean = f", as the mean of {curve.runs} trainings" if curve.runs > 1 else ""
    on = (
        f"Its errors are shares of {curve.examples:,} examples of {data}, with "
        f"{curve.classes} classes{mean}."
    )
    return f"{what} {on} {_follows(curve)}"


def _follows(curve):
    first, last = curve.points[0], curve.points[-1]
    whole = f"{last.top1_error:.1%}"
    if len(curve.points) == 1:
        return f"It errs in {whole} of them."
    more = first.top1_error - last.top1_error
    early = f"an answer of stage 1 alone errs in {first.top1_error:.1%}"
    if last.macs:  # Layers of the user's own may cost nothing that is known.
        saved = 1 - first.macs / last.macs
        early += f", and saves {saved:.0%} of the multiply-adds"
    verdict = (
        f"{100 * more:.1f} percentage points more"
        if more > 0
        else "no more than with all stages"
    )
    return f"The whole network errs in {whole} of them; {early}: {verdict}."
