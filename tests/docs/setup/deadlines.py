"""Exported networks: nested, even, separate ones and another priority."""

import keras_anytime as ka
from tests.testing import digits
from tests.testing import tiny_net

images, labels = digits(16)
image = images[0]
nets = {
    "nested": tiny_net(),
    "even": tiny_net("w1-w2-w3-w4"),
    **{
        f"w{width}": tiny_net("w1", filters=(2 * width,)) for width in (1, 2, 4)
    },
}
for name, net in nets.items():
    ka.export.tflite(net, f"exports/{name}.tflite", subnets=False)
ka.export.tflite(nets["nested"], "run/anytime.tflite", subnets=False)

# The page's last example has one more network, timed as the others.
SHORTER = {
    '"late_first"': '"nested"',
    "time_answers(predictors, images)": (
        "time_answers(predictors, images, repetitions=1)"
    ),
}


def check(folder, printed):
    assert "top-1 error under deadlines, 16 inputs" in printed
    assert "baseline: even, nested: nested, oracle: w1, w2, w4" in printed
    assert (folder / "run" / "anytime.tflite.latency.json").exists()
    assert (folder / "run" / "deadlines.png").exists()
