"""CurveLogger: the anytime curve of every epoch in a file."""

import dataclasses
import os
from typing import Any

import keras

from keras_anytime.callbacks.epoch_file import check_epoch_file
from keras_anytime.callbacks.epoch_file import write_epoch
from keras_anytime.evaluation import AnytimeCurve
from keras_anytime.evaluation import curve_from_predictions
from keras_anytime.evaluation.inference import check_data
from keras_anytime.evaluation.inference import predict_label_sets
from keras_anytime.files import check_writable
from keras_anytime.files import user_path
from keras_anytime.stages import outputs as outputs_lib
from keras_anytime.stages.cost import stage_costs

# The values of each stage that an epoch's row holds, where the task has them.
_STAGE_VALUES = (
    "top1_error",
    "top5_error",
    "loss",
    "error",
    "miou",
    "calibration_error",
)


class CurveLogger(keras.callbacks.Callback):
    """Computes the anytime curve after every epoch and writes it to a file.

    Each epoch costs one pass over `data`. Of several label sets, the curve is
    that of the first.

    The CSV file has one row per epoch: `epoch`, `average_error`,
    `overthinking_rate`, and for each stage `stage_k_top1_error`,
    `stage_k_top5_error` (if there are more than five classes), `stage_k_loss`
    and `stage_k_calibration_error`; of a task other than the choice of one
    class `stage_k_error`, and what else it has, such as `stage_k_miou`. See
    `ka.evaluation.AnytimeCurve`. A resumed training continues the file. The
    file is complete at any moment.

    `keras.callbacks.CSVLogger` and `keras.callbacks.TensorBoard` write the logs
    of `fit`, which lack the values of a whole curve: calibration, overthinking
    and the average error. `log_dir` shows these in TensorBoard beside what
    Keras' `TensorBoard` writes.

    ```python
    curves = ka.callbacks.CurveLogger((images, labels), "run/curves.csv")
    model.fit(images, labels, epochs=2, callbacks=[curves], verbose=0)
    print(curves.curve)
    ```

    Args:
        data: Pair `(x, y)` of arrays, or batches of such pairs; see
            `ka.evaluation.predict_stages`.
        path: String or path of the CSV file. `None` writes no file.
        log_dir: String or path of a folder for TensorBoard. `None` writes none.
        batch_size: Integer. Examples per batch if `data` is arrays.

    Attributes:
        curve: The `ka.evaluation.AnytimeCurve` of the last epoch; `None` before
            the first one ends.

    Raises:
        ImportError: Before training, if a `log_dir` is given and TensorFlow or
            TensorBoard is missing.
        OSError: Before training, if a file cannot be written.
        ContentError: Before training, if the CSV file exists and is not a file
            of epochs.
        ValueError: Before training, if the model cannot be evaluated on `data`.
    """

    def __init__(
        self,
        data: Any,
        path: str | os.PathLike | None = None,
        log_dir: str | os.PathLike | None = None,
        batch_size: int = 128,
    ) -> None:
        super().__init__()
        self.data = data
        self.path = None if path is None else user_path(path)
        self.log_dir = None if log_dir is None else user_path(log_dir)
        self.batch_size = batch_size
        self.curve: AnytimeCurve | None = None
        self._writer: Any = None

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        # The costs depend on the graph alone: computed once for all epochs.
        self._costs = stage_costs(self.model)
        self._label_set = (self.model.label_sets or (None,))[0]
        if self.path is not None:
            check_epoch_file(self.path)
        check_data(self.model, self.data, [self._label_set], self.batch_size)
        if self.log_dir is not None:
            try:
                import tensorboard  # noqa: F401  (TensorFlow writes with it)
                import tensorflow as tf
            except ImportError as error:
                raise ImportError(
                    "`log_dir` needs TensorFlow and TensorBoard: "
                    "pip install 'keras-anytime[tensorflow,tensorboard]'"
                ) from error
            check_writable(self.log_dir / "events")
            self._writer = tf.summary.create_file_writer(str(self.log_dir))

    def on_epoch_end(
        self, epoch: int, logs: dict[str, Any] | None = None
    ) -> None:
        predictions = predict_label_sets(
            self.model, self.data, [self._label_set], self.batch_size
        )
        self.curve = curve_from_predictions(
            predictions[self._label_set], self._costs
        )
        values = self._values(self.curve)
        if self.path is not None:
            cells = {name: f"{value:.6g}" for name, value in values.items()}
            write_epoch(self.path, epoch, cells)
        if self._writer is not None:
            import tensorflow as tf

            with self._writer.as_default(step=epoch + 1):
                for name, value in values.items():
                    tf.summary.scalar(f"anytime/{name}", value)
            self._writer.flush()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        if self._writer is not None:
            self._writer.close()

    def _values(self, curve):
        """Returns the values of a curve's row, by column."""
        values = {
            "average_error": curve.average_error,
            "overthinking_rate": curve.overthinking_rate,
        }
        numbers = outputs_lib.stage_numbers(self.model.output_names)
        for k, point in zip(numbers, curve.points, strict=True):
            point_values = dataclasses.asdict(point)
            for name in _STAGE_VALUES:
                if point_values.get(name) is not None:
                    values[f"stage_{k}_{name}"] = point_values[name]
        return values
