"""Running exported networks on devices; never imports Keras."""

from keras_anytime.runtime.backends import LoadError
from keras_anytime.runtime.timing import FileMemory
from keras_anytime.runtime.timing import ProgramTimes
from keras_anytime.runtime.timing import file_memory
from keras_anytime.runtime.timing import time_programs
from keras_anytime.runtime.job import StageResult
from keras_anytime.runtime.latency import StepLatency
from keras_anytime.runtime.predictor import AnytimePredictor
from keras_anytime.runtime.timing_answers import TimedAnswers
from keras_anytime.runtime.timing_answers import time_answers

__all__ = [
    "AnytimePredictor",
    "FileMemory",
    "LoadError",
    "TimedAnswers",
    "ProgramTimes",
    "StageResult",
    "StepLatency",
    "file_memory",
    "time_answers",
    "time_programs",
]
