r"""Step time and peak memory of every way to train, beside plain `Sum`.

    python tools/benchmark_training.py --filters=16,32,64 --csv=runs/cost.csv
    python tools/benchmark_training.py --net=sparse_resnet \
        --nesting=d1-d2-d4-d8 --units=8,8,8 --filters=16,32,64 --all
    python tools/benchmark_training.py --against=jax
    KERAS_BACKEND=jax python tools/benchmark_training.py --net=width_resnet42 \
        --batch_size=128 --peak_tflops=495

All networks are trained in one process, one step each in turn, so that what
else the machine does falls on all alike. The row `single` is the whole network
with its last output only, trained by Keras alone. Times are medians over the
rounds. So are ratios, given with the lowest and highest; they are to `sum`, or
in a row `a / b` that of `a` to `b`. Memory is what a step takes at its peak
above what stays between steps: activations and gradients, not weights; `-`
where the system does not tell.

With --against, the same networks are trained on another backend too, in a
process that waits while this one computes. With --peak_tflops, `of_peak` is the
share of that many floating-point operations that the convolutions and matrix
products of a step make of it: two for each multiply-add forward, and four for
each in the backward passes that the strategy takes. The peak to give is that of
the numbers computed in: GPUs multiply float32 as TF32 (495 on an H100).

On JAX, `train_on_batch` hands all variables in and out at every step, which
`fit` does not: where steps take milliseconds, as small networks' do on a GPU,
the seconds of epochs in `history.csv` of recipes/train.py are the fair ones.
"""

import os
import sys

from absl import app

from keras_anytime.experiments import command_line
from keras_anytime.experiments.benchmark_settings import (
    TrainingBenchmarkSettings,
)

command_line.define_flags(TrainingBenchmarkSettings)


def main(argv):
    settings = command_line.read_settings(TrainingBenchmarkSettings, argv[1:])
    if settings.against:
        from keras_anytime.experiments.concurrency import SHARING

        os.environ.update(SHARING)
    from keras_anytime.experiments.training_benchmark import TrainingBenchmark

    with command_line.errors_in_one_line(ValueError, OSError):
        benchmark = TrainingBenchmark(settings)
    benchmark.run([sys.executable, *sys.argv])


if __name__ == "__main__":
    app.run(main)
