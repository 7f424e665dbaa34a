"""Pictures of anytime curves."""

from keras_anytime.files import picture_path
from keras_anytime.files import write_beside


def plot_curve(curve, path):
    """Draws top-1 error against multiply-adds; see `AnytimeCurve.plot`."""
    path = picture_path(path)
    try:
        from matplotlib.figure import Figure
        from matplotlib.ticker import PercentFormatter
    except ImportError as error:
        raise ImportError(
            "Plots need Matplotlib: pip install 'keras-anytime[plot]'"
        ) from error

    macs = [point.macs / 1e6 for point in curve.points]
    errors = [100 * point.top1_error for point in curve.points]
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    axes.step(
        [*macs, 1.3 * macs[-1]],
        [*errors, errors[-1]],
        where="post",
        color="#0072b2",
        linewidth=1,
        alpha=0.6,
    )
    axes.plot(macs, errors, "o", color="#0072b2")
    for point, x, y in zip(curve.points, macs, errors, strict=True):
        axes.annotate(
            f"stage {point.stage}: {y:.1f}%",
            (x, y),
            xytext=(6, 6),
            textcoords="offset points",
        )
    axes.set_xlim(0, 1.3 * macs[-1])
    axes.set_ylim(0, max(1.2 * max(errors), 1))
    axes.yaxis.set_major_formatter(PercentFormatter(decimals=1))
    axes.set_xlabel("cost (million multiply-adds per image)")
    axes.set_ylabel("top-1 error")
    axes.set_title(f"{curve.name}, {curve.examples} examples", fontsize=10)
    axes.grid(alpha=0.3)
    write_beside(
        path,
        lambda beside: figure.savefig(beside, dpi=150, format=path.suffix[1:]),
    )
