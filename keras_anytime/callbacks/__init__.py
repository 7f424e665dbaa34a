"""Callbacks for training: progress of all stages, checkpoints, resuming."""

from keras_anytime.callbacks.checkpoint import Resume
from keras_anytime.callbacks.checkpoint import StageCheckpoint
from keras_anytime.callbacks.log import EpochLog
from keras_anytime.callbacks.progress import StageProgress

__all__ = ["EpochLog", "Resume", "StageCheckpoint", "StageProgress"]
