r"""Measures time and peak memory of training steps with each combiner.

    python tools/benchmark_training.py --filters=16,32,64 --csv=runs/cost.csv
    python tools/benchmark_training.py --net=sparse_resnet \
        --nesting=d1-d2-d4-d8 --units=8,8,8 --filters=16,32,64 --all
    python tools/benchmark_training.py --against=jax
    python tools/benchmark_training.py --combiners=mgda,upgrad,nash_mtl
    KERAS_BACKEND=jax python tools/benchmark_training.py --net=width_resnet42 \
        --batch_size=128 --peak_tflops=495

All networks are trained in one process, one training step each in turn, so that
other work of the machine slows all of them down alike. The row `single` is the
whole network with its last output only, trained by Keras alone. Times are
medians over the rounds. Ratios are to the row `sum`, or in a row `a / b` of `a`
to `b`: the median, lowest and highest over the rounds. Memory is the peak
during a training step, above the memory between training steps: activations and
gradients, not weights. It is `-` where the system does not tell.

With --against, the same networks are also trained on another backend, in a
process that waits while this one computes. With --peak_tflops, `of_peak` is the
share of the device's peak that the convolutions and matrix products of a
training step reach: two operations for each multiply-add forward, and four for
each in the backward passes that the strategy takes. The peak depends on the
type of the numbers: GPUs multiply float32 as TF32 (495 on an H100).

On JAX, `train_on_batch` passes all variables in and out at every call, which
`fit` does not. Where a training step takes milliseconds, as that of a small
network on a GPU, compare the seconds of epochs in `history.csv` of
recipes/train.py instead.
"""

import os
import sys

from absl import app

from keras_anytime.commands import process
from keras_anytime.experiments import command_line
from keras_anytime.experiments.benchmark_settings import (
    TrainingBenchmarkSettings,
)

command_line.define_flags(TrainingBenchmarkSettings)


def main(argv):
    settings = command_line.read_settings(TrainingBenchmarkSettings, argv[1:])
    if settings.against:
        from keras_anytime.experiments.concurrency import SHARED_DEVICE

        os.environ.update(SHARED_DEVICE)
    from keras_anytime.experiments.training_benchmark import TrainingBenchmark

    with process.errors_in_one_line(ValueError, OSError):
        benchmark = TrainingBenchmark(settings)
    benchmark.run([sys.executable, *sys.argv])


if __name__ == "__main__":
    app.run(main)
