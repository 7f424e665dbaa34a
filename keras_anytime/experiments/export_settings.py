"""Settings of an export: the flags of `keras-anytime-export`."""

import dataclasses
import pathlib

from keras_anytime.experiments.settings import Settings
from keras_anytime.experiments.settings import setting


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExportSettings(Settings):
    """Settings for `keras_anytime.experiments.export.export_tflite`."""

    model: str | None = setting(
        "A trained .keras file; or give --net and --weights.", None
    )
    net: str | None = setting(
        "A network that ships trained: a name of ka.nets.pretrained().", None
    )
    weights: str | None = setting(
        "The weights of --net. Splits are then those of its card, unless "
        "given, and so are temperatures and thresholds, unless one is.",
        None,
    )
    output: str = setting(".tflite file to write.")
    data: str | None = setting(
        "Data set whose classes and pixels go in the manifest, and that "
        "--verify and integers are measured on; that of the model's training, "
        "if not given.",
        None,
    )
    data_dir: str | None = setting("Folder of prepared TFDS data.", None)
    quantization: list[str] = setting(
        "Variants: float32, float16, dynamic, int4, int8, int16x8, int8_qat. "
        "Of several, each other than float32 has its name added to the file's.",
        ["float32"],
    )
    stages: list[str] | None = setting(
        "Stages to export; all, if not given.", None
    )
    pixels: str = setting(
        "true, or a size such as 240x320: the file takes uint8 pixels, and "
        "resizes and normalizes them itself.",
        "false",
    )
    subnets: bool = setting(
        "Have each stage alone beside the steps, which takes a device's "
        "memory.",
        True,
    )
    dense_subnets: bool = setting(
        "Make one dense convolution of a layer's slices.", False
    )
    verify: bool = setting(
        "Measure each stage of each file on --verify_split.", False
    )
    max_accuracy_drop: float | None = setting(
        "With --verify: percentage points that a stage may lose. If one loses "
        "more, nothing is written.",
        None,
    )
    verify_split: str | None = setting(
        "Split to measure on; that of evaluation, if empty.", None
    )
    representative_split: str | None = setting(
        "Split to calibrate integers on, the first 200 images, and to train "
        "int8_qat on, all of it; that of training, if empty.",
        None,
    )
    thresholds: list[str] = setting(
        "Confidences above which the answers of stages before the last are "
        "final, as in budget.csv of keras-anytime-evaluate.",
        [],
    )
    temperatures: list[str] = setting(
        "Numbers that divide the logits of each stage before its confidence, "
        "as from ka.evaluation.fit_temperatures.",
        [],
    )
    product_answers: bool = setting(
        "Let probabilities and confidences be those of product answers; "
        "thresholds and errors of the card of --net do not hold for them, and "
        "are left out.",
        False,
    )
    risk: list[str] = setting(
        "What --thresholds were chosen for: risk, level and number of "
        "examples, as in risk_control.csv of keras-anytime-evaluate, with the "
        "same --temperatures or --product_answers. The manifest says it.",
        [],
    )
    batch_size: int = setting("Images per call.", 1, lower_bound=1)
    keep_names: bool = setting("Keep the names of tensors inside.", False)

    def check_source(self) -> None:
        """Raises an error if it is not said once which network to export.

        Raises:
            ValueError: If there is no network, or two.
        """
        if {self.net is None, self.weights is None} != {self.model is not None}:
            raise ValueError(
                "Give either --model, or --net and --weights. Received: "
                f"--model={self.model}, --net={self.net}, "
                f"--weights={self.weights}"
            )

    def paths(self) -> dict[str, str]:
        """Returns a dict from the variants to the files to write.

        Raises:
            ValueError: If there is no variant.
        """
        if not self.quantization:
            raise ValueError(
                "--quantization must name a variant, such as float32. "
                "Received: none"
            )
        if len(self.quantization) == 1:
            return {self.quantization[0]: self.output}
        whole = pathlib.Path(self.output)
        return {
            variant: str(
                whole
                if variant == "float32"
                else whole.with_name(f"{whole.stem}_{variant}{whole.suffix}")
            )
            for variant in self.quantization
        }

    def stage_numbers(self) -> list[int] | None:
        """Returns the stages to export, or `None` for all.

        Raises:
            ValueError: If an entry is no whole number.
        """
        if self.stages is None:
            return None
        try:
            return [int(stage) for stage in self.stages]
        except ValueError as error:
            raise ValueError(
                "--stages must be whole numbers. "
                f"Received: {','.join(self.stages)}"
            ) from error

    def pixel_input(self) -> bool | tuple[int, int]:
        """Returns whether the file takes pixels, or the size of them.

        Raises:
            ValueError: If `pixels` is neither true, false nor a size.
        """
        if self.pixels in ("true", "false"):
            return self.pixels == "true"
        height, _, width = self.pixels.partition("x")
        try:
            return int(height), int(width)
        except ValueError as error:
            raise ValueError(
                "--pixels must be true, false or a size such as 240x320. "
                f"Received: {self.pixels}"
            ) from error
