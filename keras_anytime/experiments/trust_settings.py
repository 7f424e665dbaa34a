"""Settings of the recipe that measures how far answers can be trusted."""

import dataclasses

from keras_anytime.evaluation.risk_control import check_risk
from keras_anytime.experiments.settings import DataLocation
from keras_anytime.experiments.settings import setting


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrustSettings(DataLocation):
    """Settings for `keras_anytime.experiments.trust.measure_trust`."""

    output: str | None = setting("JSON file to write.", None)
    net: str = setting(
        "A network that ships trained: a name of ka.nets.pretrained().",
        "width_resnet10",
    )
    weights: str = setting("The weights of --net.", "cifar10")
    split: str | None = setting(
        "Images that training has not seen; that of the network's card, if not "
        "given.",
        None,
    )
    test_split: str = setting("Further images to measure errors on.", "test")
    repetitions: int = setting(
        "Random divisions of --split, and random samples of it.",
        100,
        lower_bound=1,
    )
    risks: list[str] = setting(
        "Bounds of what early answers may lose.",
        ["0.005", "0.01", "0.02", "0.05"],
    )
    risk_level: float = setting("How likely a bound is to hold.", 0.9)
    seed: int = setting("Seed of divisions and samples.", 0)

    def bounds(self) -> list[float]:
        """Returns the bounds.

        Raises:
            ValueError: If one is no number between 0 and 1, or there is none.
        """
        risks = self.numbers("risks")
        if risks is None:
            raise ValueError("--risks must be numbers. Received: none")
        for risk in risks:
            check_risk(risk, self.risk_level)
        return risks
