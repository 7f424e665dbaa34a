"""The runtime of exported networks on devices; never imports Keras."""

from keras_anytime.runtime.backends import LoadError
from keras_anytime.runtime.latency import StepLatency
from keras_anytime.runtime.memory import FileMemory
from keras_anytime.runtime.memory import file_memory
from keras_anytime.runtime.predictor import AnytimePredictor
from keras_anytime.runtime.stage_result import StageResult
from keras_anytime.runtime.timing import ProgramTimes
from keras_anytime.runtime.timing import TimedAnswers
from keras_anytime.runtime.timing import time_answers
from keras_anytime.runtime.timing import time_programs

__all__ = [
    "AnytimePredictor",
    "FileMemory",
    "LoadError",
    "ProgramTimes",
    "StageResult",
    "StepLatency",
    "TimedAnswers",
    "file_memory",
    "time_answers",
    "time_programs",
]
