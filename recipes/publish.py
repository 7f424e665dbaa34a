r"""Ships a trained network with the package: weights, facts and model card.

    python recipes/publish.py --run=runs/width_nest --net=width_resnet10 \
        --weights=cifar10

The folder is the work folder of a finished run of `keras-anytime-train`, with
`--train_split` and `--eval_split`, whose network is the one of `--net`. The
recipe measures it on the run's own splits: errors with intervals, calibration
before and after a temperature for each stage, thresholds for early stopping,
and the errors and times of a float and an int8 file for devices. Temperatures
and thresholds are chosen on the first half of the evaluation split, and
measured on the second.

It writes to `keras_anytime/nets/weights/` and `docs/models/` of the checkout;
`ka.nets.get(..., weights=...)` loads the weights from then on. Commit the three
files. It takes a minute or two on an idle machine; another program on it makes
the times on the card too long.
"""

from keras_anytime.commands.process import errors_in_one_line
from keras_anytime.commands.process import started
from keras_anytime.experiments.publish_settings import PublishSettings


def publish(settings):
    with errors_in_one_line(
        ValueError, ImportError, OSError, FloatingPointError
    ):
        # Keras is imported after the flags are read, because it takes seconds.
        from keras_anytime.experiments import publish as publish_lib

        publish_lib.publish(settings)


if __name__ == "__main__":
    with started():
        from keras_anytime.experiments import command_line

        command_line.run(PublishSettings, publish, __doc__)
