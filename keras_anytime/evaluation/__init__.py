"""Measuring anytime networks: cost, error against cost, plots."""

from keras_anytime.evaluation.cost import StageCost
from keras_anytime.evaluation.cost import stage_costs
from keras_anytime.evaluation.curve import AnytimeCurve
from keras_anytime.evaluation.curve import CurvePoint
from keras_anytime.evaluation.curve import anytime_curve

__all__ = [
    "AnytimeCurve",
    "CurvePoint",
    "StageCost",
    "anytime_curve",
    "stage_costs",
]
