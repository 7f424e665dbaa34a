"""A small network of two tasks, and the same in NumPy."""

import keras
import numpy as np

import keras_anytime as ka

SIZE, CLASSES = 5, 3


def network(seed=0, l2=0.0):
    """Two tasks on a shared layer; only one has a layer of its own.

    Their order is not that of the alphabet.
    """
    keras.utils.set_random_seed(seed)
    x = keras.Input((SIZE,), name="x")
    regularizer = keras.regularizers.L2(l2) if l2 else None
    shared = keras.layers.Dense(
        4, "tanh", kernel_regularizer=regularizer, name="shared"
    )(x)
    own = keras.layers.Dense(4, "tanh", name="own")(shared)
    pose = keras.layers.Dense(CLASSES, name="pose_logits", dtype="float32")(own)
    age = keras.layers.Dense(1, name="age_value", dtype="float32")(shared)
    return ka.MultitaskModel(x, {"pose": pose, "age": age})


def losses():
    """The losses of the two tasks."""
    return {
        "pose": keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        "age": "mse",
    }


def compiled(model, **kwargs):
    """Compiles the network; on TensorFlow it runs eagerly."""
    eager = keras.backend.backend() == "tensorflow"
    arguments = {
        "optimizer": keras.optimizers.SGD(1.0),
        "loss": losses(),
        "run_eagerly": eager,
        **kwargs,
    }
    model.compile(**arguments)
    return model


def examples(count=12, seed=0):
    """Inputs and a dict of labels."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, SIZE)).astype("float32")
    pose = rng.integers(0, CLASSES, count)
    age = rng.normal(size=count).astype("float32")
    return x, {"pose": pose, "age": age}


def reference_losses(weights, x, y):
    """The mean losses of both tasks in float64, by NumPy alone.

    Args:
        weights: List of arrays in the order of `network().get_weights()`,
            which is that of the graph.
        x: Dict from tasks to the inputs of the examples with a label.
        y: Dict from tasks to their labels.
    """
    values = dict(zip(_ORDER, weights, strict=True))

    def dense(inputs, name):
        return inputs @ values[name, "kernel"] + values[name, "bias"]

    def shared(inputs):
        return np.tanh(dense(inputs.astype("float64"), "shared"))

    logits = dense(np.tanh(dense(shared(x["pose"]), "own")), "pose_logits")
    logits = logits - logits.max(-1, keepdims=True)
    logs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    pose = -logs[np.arange(len(logs)), y["pose"]].mean()
    ages = dense(shared(x["age"]), "age_value")[:, 0]
    return np.array([pose, np.square(ages - y["age"]).mean()])


_LAYERS = ("shared", "own", "pose_logits", "age_value")
_ORDER = [(layer, part) for layer in _LAYERS for part in ("kernel", "bias")]


def weights_in_order(model):
    """The weights of the network in the order of `reference_losses`."""
    return [
        np.asarray(getattr(model.get_layer(layer), part)).astype("float64")
        for layer, part in _ORDER
    ]


def reference_gradients(model, x, y):
    """Gradients of both losses as two vectors, by central differences."""
    weights = weights_in_order(model)
    flat = np.concatenate([weight.ravel() for weight in weights])
    cuts = np.cumsum([weight.size for weight in weights])[:-1]

    def at(vector):
        parts = [
            part.reshape(weight.shape)
            for part, weight in zip(
                np.split(vector, cuts), weights, strict=True
            )
        ]
        return reference_losses(parts, x, y)

    step = 1e-5
    rows = [
        (at(flat + move) - at(flat - move)) / (2 * step)
        for move in step * np.eye(flat.size)
    ]
    return np.array(rows).T


def move(model, x, y, **kwargs):
    """What one training step on a whole batch takes off the weights."""
    before = np.concatenate([w.ravel() for w in weights_in_order(model)])
    model.fit(x, y, batch_size=len(x), verbose=0, shuffle=False, **kwargs)
    after = np.concatenate([w.ravel() for w in weights_in_order(model)])
    return before - after
