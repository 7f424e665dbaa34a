"""The networks of the papers: builders, one module per family, and names."""

from keras_anytime.nets.cascade_sparse_resnet import cascade_sparse_resnet
from keras_anytime.nets.catalogue import describe
from keras_anytime.nets.catalogue import get
from keras_anytime.nets.catalogue import names
from keras_anytime.nets.dense_ann import dense_ann
from keras_anytime.nets.drawing import plot_structure
from keras_anytime.nets.ensemble import ExponentialEnsemble
from keras_anytime.nets.ensemble import ensemble
from keras_anytime.nets.inclusive_resnext import inclusive_resnext
from keras_anytime.nets.inclusive_sparse_resnext import inclusive_sparse_resnext
from keras_anytime.nets.independent import independent
from keras_anytime.nets.msdnet import msdnet
from keras_anytime.nets.res_ann import res_ann
from keras_anytime.nets.shallow_resnext import shallow_resnext
from keras_anytime.nets.sparse_resnet import sparse_resnet
from keras_anytime.nets.width_nested_resnet import width_nested_resnet

__all__ = [
    "ExponentialEnsemble",
    "cascade_sparse_resnet",
    "dense_ann",
    "describe",
    "ensemble",
    "get",
    "inclusive_resnext",
    "inclusive_sparse_resnext",
    "independent",
    "msdnet",
    "names",
    "plot_structure",
    "res_ann",
    "shallow_resnext",
    "sparse_resnet",
    "width_nested_resnet",
]
