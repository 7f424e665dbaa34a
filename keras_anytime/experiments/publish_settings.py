"""Settings of a publication: the flags of `recipes/publish.py`."""

import dataclasses

from keras_anytime.experiments.settings import DataLocation
from keras_anytime.experiments.settings import setting


@dataclasses.dataclass(frozen=True, kw_only=True)
class PublishSettings(DataLocation):
    """Settings for `keras_anytime.experiments.publish.publish`."""

    run: str = setting("Folder of the finished run.")
    net: str = setting("The network of the run: a name of `ka.nets.names()`.")
    weights: str = setting(
        "Name of the weights, for `ka.nets.get(weights=...)`: lowercase "
        "letters, digits and underscores."
    )
    cards: str = setting("Folder of the model cards.", "docs/models")
    repetitions: int = setting(
        "Runs of each exported file that are timed.", 200, lower_bound=1
    )
