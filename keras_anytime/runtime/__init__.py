"""Running exported networks on devices; never imports Keras."""

from keras_anytime.runtime.backends import LoadError
from keras_anytime.runtime.benchmark import FileMemory
from keras_anytime.runtime.benchmark import ProgramTimes
from keras_anytime.runtime.benchmark import file_memory
from keras_anytime.runtime.benchmark import time_programs
from keras_anytime.runtime.job import StageResult
from keras_anytime.runtime.latency import StepLatency
from keras_anytime.runtime.predictor import AnytimePredictor
from keras_anytime.runtime.timing import MeasuredAnswers
from keras_anytime.runtime.timing import measure_answers

__all__ = [
    "AnytimePredictor",
    "FileMemory",
    "LoadError",
    "MeasuredAnswers",
    "ProgramTimes",
    "StageResult",
    "StepLatency",
    "file_memory",
    "measure_answers",
    "time_programs",
]
