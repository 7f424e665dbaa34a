"""The metrics of one list, taken at every stage."""

import keras


def stage_metrics(metrics, num_stages, argument):
    """Returns metrics in Keras' form: one list for each output.

    Args:
        metrics: List of Keras metrics or names, or `None`.
        num_stages: Integer.
        argument: String that names the metrics in errors.

    Returns:
        List of `num_stages` lists; for one stage its list; `None` for `None`.
        Each stage has metric objects of its own.

    Raises:
        ValueError: If it is not one flat list.
    """
    if metrics is None:
        return None
    if not isinstance(metrics, (list, tuple)) or any(
        isinstance(metric, (list, tuple, dict)) for metric in metrics
    ):
        raise ValueError(
            f"`{argument}` must be one flat list, which serves all stages. "
            f"Received: {argument}={metrics}"
        )
    stages = [[_copy(metric) for metric in metrics] for _ in range(num_stages)]
    return stages if num_stages > 1 else stages[0]


def _copy(metric):
    if isinstance(metric, keras.metrics.Metric):
        return type(metric).from_config(metric.get_config())
    return metric
