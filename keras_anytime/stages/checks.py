"""The check of all that takes an anytime model."""


def check_anytime_model(model):
    """Raises a clear error for what is no anytime model.

    A plain Keras model would fail at the first attribute that it lacks, with a
    message that says nothing of what to do.

    Args:
        model: What is given as an `AnytimeModel`.

    Raises:
        ValueError: If it is none.
    """
    if not hasattr(model, "stage_operations"):
        raise ValueError(
            "This takes an `AnytimeModel`, which has an output of logits for "
            "each stage. Make one of any graph of Keras layers: "
            "`keras_anytime.AnytimeModel(inputs, outputs)`, whose output "
            "layers are named stage_1, stage_2, ... "
            f"Received: a {type(model).__name__}"
        )
