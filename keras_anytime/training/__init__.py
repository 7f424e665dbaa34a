"""What training needs beside the graph: gradients per backend, checks."""

import keras

from keras_anytime.training.inputs import check_examples

if keras.backend.backend() != "tensorflow":
    raise ImportError(
        "keras_anytime trains on the TensorFlow backend. "
        f"Received: KERAS_BACKEND={keras.backend.backend()}"
    )

from keras_anytime.training.tensorflow import check_strategy
from keras_anytime.training.tensorflow import combined_gradient
from keras_anytime.training.tensorflow import default_jit_compile

__all__ = [
    "check_examples",
    "check_strategy",
    "combined_gradient",
    "default_jit_compile",
]
