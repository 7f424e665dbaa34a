"""The export of a trained network to LiteRT files, measured if asked."""

import dataclasses
import sys
from collections.abc import Mapping
from typing import Any

from keras_anytime import data
from keras_anytime import evaluation
from keras_anytime import export
from keras_anytime import nets
from keras_anytime.evaluation.curve import AnytimeCurve
from keras_anytime.experiments.export_settings import ExportSettings
from keras_anytime.experiments.exported_risk import read_risk
from keras_anytime.experiments.model_file import data_arguments
from keras_anytime.experiments.training_data import REPRESENTATIVE
from keras_anytime.experiments.training_data import first_images
from keras_anytime.loading import load_model
from keras_anytime.model import AnytimeModel
from keras_anytime.training.data_info import remember


def export_tflite(settings: ExportSettings) -> None:
    """Exports a network as one file for each variant, and prints their paths.

    Args:
        settings: The settings of the export.

    Raises:
        ValueError: If a setting is wrong, or data and network do not match.
        ImportError: If a package is missing.
        OSError: If a file cannot be read or written.
        FloatingPointError: If weights are not finite, or a stage loses more
            accuracy than it may.
    """
    settings.check_source()
    paths = settings.paths()
    settings, model = _network(settings)
    arguments: dict[str, Any] = {
        "stages": settings.stage_numbers(),
        "pixels": settings.pixel_input(),
        "subnets": settings.subnets,
        "dense_subnets": settings.dense_subnets,
        "batch_size": settings.batch_size,
        "thresholds": settings.numbers("thresholds"),
        "temperatures": settings.numbers("temperatures"),
        "product_answers": settings.product_answers,
        "risk": _risk(settings, model),
        "keep_names": settings.keep_names,
        "curve": _curve(settings),
    }
    if settings.data:
        remember(
            model,
            data.info(
                settings.data,
                settings.data_dir,
                **data_arguments(model, settings.data, settings.data_dir),
            ),
        )
    images = None
    if set(paths) & set(export.CALIBRATED):
        images = _images(settings, model, settings.representative_split, 0)
    if settings.verify:
        _export_verified(settings, model, images, arguments)
    else:
        for variant, path in paths.items():
            quantization = None if variant == "float32" else variant
            export.tflite(model, path, quantization, images, **arguments)
    if model.data_info is None:
        print(
            "The manifest does not say how images are prepared, so that "
            "keras-anytime-run cannot run the file: give --data.",
            file=sys.stderr,
        )
    for path in paths.values():
        print(f"Written: {path} and {path}.json")


def _network(
    settings: ExportSettings,
) -> tuple[ExportSettings, AnytimeModel]:
    """Returns settings and network; what a card has completes the settings."""
    if settings.model is not None:
        return settings, load_model(settings.model)
    assert settings.net and settings.weights, "the settings were checked"
    facts = nets.facts(settings.net, settings.weights)
    if settings.risk and not (
        settings.temperatures or settings.product_answers
    ):
        raise ValueError(
            "The confidences of --net depend on temperatures: give with --risk "
            "the --temperatures, or --product_answers, that --thresholds were "
            f"chosen with. Received: --risk={','.join(settings.risk)}"
        )
    of_card = _calibration(settings, facts)
    if not settings.data:
        of_card["representative_split"] = first_images(
            facts["training"]["train_split"], REPRESENTATIVE
        )
        of_card["verify_split"] = facts["evaluation"]["split"]
    missing = {
        name: value
        for name, value in of_card.items()
        if not getattr(settings, name)
    }
    model = nets.get(
        settings.net,
        facts["input_shape"],
        facts["classes"],
        weights=settings.weights,
    )
    return dataclasses.replace(settings, **missing), model


def _calibration(
    settings: ExportSettings, facts: Mapping[str, Any]
) -> dict[str, Any]:
    """Returns temperatures and thresholds of the stages, as settings.

    They belong together: thresholds were chosen on the confidences of each
    stage alone, divided by these temperatures.
    """
    if settings.thresholds or settings.temperatures:
        return {}
    temperatures, thresholds = facts["temperatures"], facts["thresholds"]
    stages = settings.stage_numbers() or range(1, len(temperatures) + 1)
    if not all(0 < stage <= len(temperatures) for stage in stages):
        # The export refuses these stages.
        return {}
    of_card = {
        "temperatures": [str(temperatures[stage - 1]) for stage in stages]
    }
    if not settings.product_answers:
        of_card["thresholds"] = [
            str(thresholds[stage - 1]) for stage in stages[:-1]
        ]
    return of_card


def _risk(
    settings: ExportSettings, model: AnytimeModel
) -> evaluation.RiskControl | None:
    """Returns what the thresholds were chosen for, as the flags say."""
    return read_risk(
        settings.risk,
        thresholds=settings.numbers("thresholds"),
        stages=settings.stage_numbers() or range(1, model.num_stages + 1),
        temperatures=settings.numbers("temperatures"),
        product_answers=settings.product_answers,
    )


def _curve(settings: ExportSettings) -> AnytimeCurve | None:
    """Returns the curve of a network that ships trained, which its card has.

    Its errors are those of each stage alone, and not those of products.
    """
    if (
        settings.net is None
        or settings.weights is None
        or settings.product_answers
    ):
        return None
    facts = nets.facts(settings.net, settings.weights)
    return AnytimeCurve.from_dict(facts["evaluation"]["curve"])


def _export_verified(
    settings: ExportSettings,
    model: AnytimeModel,
    representative: Any,
    arguments: dict[str, Any],
) -> None:
    """Exports variants that are accurate enough, and prints their accuracy."""
    try:
        results = export.export_verified(
            model,
            settings.paths(),
            _images(settings, model, settings.verify_split, 1),
            representative=representative,
            max_accuracy_drop=settings.max_accuracy_drop,
            **arguments,
        )
    except export.AccuracyDropError as error:
        print(export.verification_table(error.results))
        raise
    print(export.verification_table(results))


def _images(
    settings: ExportSettings,
    model: AnytimeModel,
    split: str | None,
    default: int,
) -> Any:
    """Returns a split without augmentation, or the default one of the two."""
    name = (model.data_info or {}).get("name")
    if name is None:
        raise ValueError("Images to run it on are needed: give --data.")
    loaded = data.load(
        name,
        splits=split and (split, split),
        augment=False,
        data_dir=settings.data_dir,
        **data_arguments(model, name, settings.data_dir),
    )
    return loaded[1 if split else default]
