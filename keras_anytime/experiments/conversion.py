"""The conversion of a saved Keras model to an anytime network."""

import keras

from keras_anytime import convert
from keras_anytime.experiments.conversion_settings import ConversionSettings
from keras_anytime.files import check_writable
from keras_anytime.files import user_path
from keras_anytime.saving.archives import check_archive
from keras_anytime.stages.cost import stage_costs


def convert_model(settings: ConversionSettings) -> None:
    """Adds heads to a saved model, and saves and prints the result.

    Args:
        settings: The settings of the conversion.

    Raises:
        ValueError: If a setting is wrong, or the model cannot be converted.
        OSError: If a file cannot be read or written.
        FloatingPointError: If a weight is not finite.
    """
    task = settings.wanted_task()
    path = user_path(settings.model)
    check_archive(path)
    for output in filter(None, (settings.output, settings.cuts)):
        check_writable(output)
    try:
        model = keras.models.load_model(path, compile=False)
    except Exception as error:
        # Keras raises many types of errors.
        raise ValueError(
            "The file cannot be loaded as a model. Received: "
            f"--model={settings.model}, {type(error).__name__}: {error}"
        ) from error
    network = convert.add_heads(
        model,
        task,
        settings.places(),
        width=settings.width or None,
        max_head_share=settings.max_head_share,
    )
    if settings.cuts:
        convert.cut_points(model).to_csv(settings.cuts)
    network.save(settings.output)
    costs = stage_costs(network)
    for k, cost in enumerate(costs, start=1):
        reads = ", ".join(network.step(k).input)
        print(
            f"stage {k}: {cost.macs / costs[-1].macs:.1%} of the multiply-adds,"
            f" step reads {reads}"
        )
    print(f"Written: {settings.output}")
