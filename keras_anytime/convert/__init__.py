"""Any functional Keras model as an anytime network: where to cut, and heads.

`cut_points` lists the tensors through which everything later passes, and
`add_heads` returns an `AnytimeModel` with a head at some of them.
"""

from keras_anytime.convert.conversion import add_heads
from keras_anytime.convert.cuts import CutPoint
from keras_anytime.convert.cuts import CutPoints
from keras_anytime.convert.cuts import cut_points
from keras_anytime.convert.inlining import inlined
from keras_anytime.convert.pixels import takes_pixels

__all__ = [
    "CutPoint",
    "CutPoints",
    "add_heads",
    "cut_points",
    "inlined",
    "takes_pixels",
]
