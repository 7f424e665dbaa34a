"""The anytime curve of every epoch."""

import dataclasses

import keras

from keras_anytime.callbacks.log import check_epochs
from keras_anytime.callbacks.log import write_epoch
from keras_anytime.evaluation import curve_from_predictions
from keras_anytime.evaluation.inference import check_data
from keras_anytime.evaluation.inference import predict_label_sets
from keras_anytime.files import check_writable
from keras_anytime.files import user_path
from keras_anytime.stages import outputs as outputs_lib
from keras_anytime.stages.cost import stage_costs

# What an epoch's line has of each stage.
_MEASURES = ("top1_error", "top5_error", "loss", "calibration_error")


class CurveLogger(keras.callbacks.Callback):
    """Measures the anytime curve after every epoch.

    It is one pass over `data`, of which it knows more than the logs of
    `validation_data` tell; of several label sets, it measures the first.

    The CSV file has one line per epoch: `epoch`, `average_error`,
    `overthinking_rate`, and for each stage `stage_k_top1_error`,
    `stage_k_top5_error` (of more than five classes), `stage_k_loss` and
    `stage_k_calibration_error`; see `ka.evaluation.AnytimeCurve`. A resumed
    training goes on below the epochs that it has behind it. The file is whole
    at any moment.

    ```python
    ka.callbacks.CurveLogger(val, "run/curves.csv", log_dir="run/logs")
    ```

    Args:
        data: A `tf.data.Dataset` of batches of (images, integer labels), or a
            pair of arrays.
        path: String or path of the CSV file, or `None` for none.
        log_dir: String or path of a folder that gets the same values for
            TensorBoard, or `None` for none.
        batch_size: Integer. Images per batch where `data` is arrays.

    Attributes:
        curve: The `ka.evaluation.AnytimeCurve` of the last epoch; `None`
            before there is one.

    Raises:
        ImportError: In training, if there is a `log_dir` and no TensorFlow or
            TensorBoard.
        OSError: Before training, if a file cannot be written.
        ContentError: Before training, if what is there is no such file.
        ValueError: In training, if the data cannot be measured.
    """

    def __init__(self, data, path=None, log_dir=None, batch_size=128):
        super().__init__()
        self.data = data
        self.path = None if path is None else user_path(path)
        self.log_dir = None if log_dir is None else user_path(log_dir)
        self.batch_size = batch_size
        self.curve = None
        self._writer = None

    def on_train_begin(self, logs=None):
        # They depend on the graph alone.
        self._costs = stage_costs(self.model)
        self._label_set = (self.model.label_sets or (None,))[0]
        if self.path is not None:
            check_epochs(self.path)
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

    def on_epoch_end(self, epoch, logs=None):
        predictions = predict_label_sets(
            self.model, self.data, [self._label_set], self.batch_size
        )
        self.curve = curve_from_predictions(
            predictions[self._label_set], self._costs
        )
        values = self._values()
        if self.path is not None:
            written = {name: f"{one:.6g}" for name, one in values.items()}
            write_epoch(self.path, epoch, written)
        if self._writer is not None:
            import tensorflow as tf

            with self._writer.as_default(step=epoch + 1):
                for name, value in values.items():
                    tf.summary.scalar(f"anytime/{name}", value)
            self._writer.flush()

    def on_train_end(self, logs=None):
        if self._writer is not None:
            self._writer.close()

    def _values(self):
        values = {
            "average_error": self.curve.average_error,
            "overthinking_rate": self.curve.overthinking_rate,
        }
        numbers = outputs_lib.stage_numbers(self.model.output_names)
        for k, point in zip(numbers, self.curve.points, strict=True):
            measured = dataclasses.asdict(point)
            for name in _MEASURES:
                if measured[name] is not None:
                    values[f"stage_{k}_{name}"] = measured[name]
        return values
