"""The metrics of one list, taken at every output."""

import keras


def stage_metrics(metrics, num_outputs, argument):
    """Returns metrics in Keras' form: one list for each output.

    Args:
        metrics: List of Keras metrics or names, or `None`.
        num_outputs: Integer.
        argument: String that names the metrics in errors.

    Returns:
        List of `num_outputs` lists; for one output its list; `None` for `None`.
        Each output has metric objects of its own.

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
    copies = [[_copy(metric) for metric in metrics] for _ in range(num_outputs)]
    return copies if num_outputs > 1 else copies[0]


def named_results(results, output_names, own):
    """Returns results in which every metric has its output's name in front.

    Args:
        results: Dict from Keras' names to values.
        output_names: List of strings.
        own: Set of the names that belong to no output.

    Returns:
        Dict from names to values.
    """
    if len(output_names) > 1:
        return results
    # Keras leaves the name of a single output out.
    return {
        name if name in own else f"{output_names[0]}_{name}": value
        for name, value in results.items()
    }


def _copy(metric):
    if isinstance(metric, keras.metrics.Metric):
        return type(metric).from_config(metric.get_config())
    return metric
