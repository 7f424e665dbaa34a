"""Step: what one stage adds, from named features to named features."""

import keras
import numpy as np


@keras.saving.register_keras_serializable(package="keras_anytime")
class Step(keras.Model):
    """What one stage adds, as a model from named features to named features.

    Call arguments:
        features: Dict of tensors or arrays with at least the names in `input`;
            what else it holds is ignored.

    Returns:
        Dict of tensors: `"logits"` and the features that later steps need.

    Raises:
        ValueError: If a feature is missing.
    """

    def __call__(self, features, **kwargs):
        missing = sorted(set(self.input) - set(features))
        if missing:
            raise ValueError(
                f"{self.name} needs the features {missing} of earlier steps. "
                f"Received: features={sorted(features)}"
            )
        chosen = {name: features[name] for name in self.input}
        if any(isinstance(value, np.ndarray) for value in chosen.values()):
            chosen = keras.tree.map_structure(
                keras.ops.convert_to_tensor, chosen
            )
        return super().__call__(chosen, **kwargs)
