import keras
import pytest

from keras_anytime.callbacks.direction import direction

# Those that say nothing by themselves.
PLAIN = ("Metric", "Mean", "MeanMetricWrapper", "Sum", "Loss")
SMALLER = ("FalseNegatives", "FalsePositives")


def _classes(module):
    return [
        member
        for member in vars(module).values()
        if isinstance(member, type) and member.__name__ not in PLAIN
    ]


@pytest.mark.parametrize("kind", _classes(keras.metrics))
def test_the_direction_of_each_metric_of_keras_is_known(kind):
    wanted = "max"
    if kind.__name__ in SMALLER or hasattr(keras.losses, kind.__name__):
        wanted = "min"
    if kind.__name__.endswith("Error"):
        wanted = "min"
    if kind is keras.metrics.CosineSimilarity:
        # Only as a loss it is negative.
        wanted = "max"
    metric = kind.__new__(kind)
    assert direction("of_no_meaning", metric) == wanted


@pytest.mark.parametrize("kind", _classes(keras.losses))
def test_of_each_loss_of_keras_less_is_better(kind):
    assert direction(kind.__name__) == "min"


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("accuracy", "max"),
        ("acc", "max"),
        ("AUC", "max"),
        ("auc_3", "max"),
        ("weighted_accuracy", "max"),
        ("top_5_accuracy", "max"),
        ("loss", "min"),
        ("mae", "min"),
        ("mean_squared_error", "min"),
        ("top5_error", "min"),
        ("my_loss", "min"),
        ("cosine_similarity", "min"),
        ("loss_of_accuracy", None),
        ("mean", None),
        ("votes", None),
        ("terror", None),
    ],
)
def test_a_name_tells_the_direction_or_nothing(name, wanted):
    assert direction(name) == wanted


def test_a_metric_of_ones_own_has_the_direction_of_its_class():
    class Mine(keras.metrics.TopKCategoricalAccuracy):
        pass

    assert direction("mine", Mine(name="mine")) == "max"
    assert direction("mine", keras.metrics.Mean(name="mine")) is None
    wrapped = keras.metrics.MeanMetricWrapper(
        keras.losses.cosine_similarity, name="cosine_similarity"
    )
    assert direction(wrapped.name, wrapped) == "min"
    named = keras.metrics.get("cosine_similarity")
    assert direction(named.name, named) == "max"
