"""Running exported networks on devices; never imports Keras."""

from keras_anytime.runtime.backends import LoadError
from keras_anytime.runtime.job import StageResult
from keras_anytime.runtime.latency import StepLatency
from keras_anytime.runtime.measuring import MeasuredAnswers
from keras_anytime.runtime.measuring import measure_answers
from keras_anytime.runtime.predictor import AnytimePredictor

__all__ = [
    "AnytimePredictor",
    "LoadError",
    "MeasuredAnswers",
    "StageResult",
    "StepLatency",
    "measure_answers",
]
