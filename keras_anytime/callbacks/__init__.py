"""Callbacks for `fit`: checkpoints, logs, progress and learning rates.

All of Keras' own callbacks work too. Each docstring here says how the callback
relates to the one of Keras that is nearest.
"""

from keras_anytime.callbacks.chance import ChanceError
from keras_anytime.callbacks.chance import StopAtChance
from keras_anytime.callbacks.checkpoint import StageCheckpoint
from keras_anytime.callbacks.cosines import GradientCosines
from keras_anytime.callbacks.curve import CurveLogger
from keras_anytime.callbacks.log import EpochLog
from keras_anytime.callbacks.probabilities import SamplerProbabilities
from keras_anytime.callbacks.progress import StageProgress
from keras_anytime.callbacks.schedule import StepDecay
from keras_anytime.callbacks.weights import LossWeights
from keras_anytime.training.nan import StopOnNaN
from keras_anytime.training.resume import Resume

__all__ = [
    "ChanceError",
    "CurveLogger",
    "EpochLog",
    "GradientCosines",
    "LossWeights",
    "Resume",
    "SamplerProbabilities",
    "StageCheckpoint",
    "StageProgress",
    "StepDecay",
    "StopAtChance",
    "StopOnNaN",
]
