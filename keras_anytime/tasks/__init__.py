"""Tasks: what the outputs of a network mean.

`ka.tasks.Classification`, `Binary`, `MultiLabel`, `Regression` and
`Segmentation` say how labels are checked, which error an example has, how
certain an answer is, and which losses fit. They need NumPy only.
"""

from keras_anytime.tasks.base import Task
from keras_anytime.tasks.binary import Binary
from keras_anytime.tasks.binary import MultiLabel
from keras_anytime.tasks.classification import Classification
from keras_anytime.tasks.inference import infer
from keras_anytime.tasks.regression import Regression
from keras_anytime.tasks.segmentation import Segmentation
from keras_anytime.tasks.serialization import deserialize
from keras_anytime.tasks.serialization import get
from keras_anytime.tasks.serialization import serialize

__all__ = [
    "Binary",
    "Classification",
    "MultiLabel",
    "Regression",
    "Segmentation",
    "Task",
    "deserialize",
    "get",
    "infer",
    "serialize",
]
