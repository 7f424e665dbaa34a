"""The papers' anytime networks.

Builders make the network of one family for any input shape and classes:

- nested: `width_nested_resnet`, `sparse_resnet`;
- cascades, with heads along the depth: `cascade_sparse_resnet`, `res_ann`,
  `dense_ann`, `msdnet`, `shallow_resnext`;
- thin subnetworks: `inclusive_resnext`, `inclusive_sparse_resnext`.

Builders take the same arguments in the same order: `input_shape`, `classes`,
the stages (`nesting` or `num_stages`), the size (`units` and `filters`, one
number per block), `stem`, `l2`, `synchronized`, `name`.

Names give the papers' configurations: `names` lists them, `get` builds one,
and `describe` gives what its stages cost.

Some networks ship trained: `pretrained` lists their weights, `get(weights=...)`
loads them, and `facts` tells what is known of them.

Other networks are made from these: `ensemble` joins trained networks into an
`ExponentialEnsemble`, and `independent` builds one separate network per stage.

`plot_structure` draws the units and stages of any `AnytimeModel`.
"""

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
from keras_anytime.nets.weight_files import facts
from keras_anytime.nets.weight_files import pretrained
from keras_anytime.nets.width_nested_resnet import width_nested_resnet

__all__ = [
    # Builders.
    "width_nested_resnet",
    "sparse_resnet",
    "cascade_sparse_resnet",
    "res_ann",
    "dense_ann",
    "msdnet",
    "shallow_resnext",
    "inclusive_resnext",
    "inclusive_sparse_resnext",
    # Networks by name.
    "names",
    "get",
    "describe",
    # Trained networks.
    "pretrained",
    "facts",
    # Networks made from other networks.
    "ensemble",
    "ExponentialEnsemble",
    "independent",
    # Drawing.
    "plot_structure",
]
