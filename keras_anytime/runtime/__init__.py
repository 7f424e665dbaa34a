"""Running exported networks on devices; never imports Keras."""

from keras_anytime.runtime.backends import LoadError
from keras_anytime.runtime.measuring import MeasuredAnswers
from keras_anytime.runtime.measuring import measure_answers
from keras_anytime.runtime.predictor import AnytimePredictor
from keras_anytime.runtime.predictor import StageResult

__all__ = [
    "AnytimePredictor",
    "LoadError",
    "MeasuredAnswers",
    "StageResult",
    "measure_answers",
]
