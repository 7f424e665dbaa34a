r"""Measures how far the answers of a network that ships can be trusted.

    python recipes/measure_trust.py --output=runs/trust.json

Without training, on images that the network has not seen: calibration errors
before and after temperatures, product answers and how often answers get worse
from stage to stage, and thresholds with controlled risk, in 100 random
divisions of the images. It takes about five minutes on two CPU cores. Results
are in recipes/results/cifar10_trust.json.
"""

from keras_anytime.commands.process import errors_in_one_line
from keras_anytime.commands.process import started
from keras_anytime.experiments.trust_settings import TrustSettings


def measure_trust(settings):
    with errors_in_one_line(ValueError, OSError):
        # Keras is imported after the flags are read, because it takes seconds.
        from keras_anytime.experiments import trust

        trust.measure_trust(settings)


if __name__ == "__main__":
    with started():
        from keras_anytime.experiments import command_line

        command_line.run(TrustSettings, measure_trust, __doc__)
