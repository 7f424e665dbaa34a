"""Measuring anytime networks: cost, error against cost, plots."""

from keras_anytime.cost import StageCost
from keras_anytime.cost import stage_costs
from keras_anytime.evaluation.curve import AnytimeCurve
from keras_anytime.evaluation.curve import CurvePoint
from keras_anytime.evaluation.curve import anytime_curve
from keras_anytime.evaluation.inflation import CostInflation
from keras_anytime.evaluation.inflation import ensemble_cost_inflation

__all__ = [
    "AnytimeCurve",
    "CostInflation",
    "CurvePoint",
    "StageCost",
    "anytime_curve",
    "ensemble_cost_inflation",
    "stage_costs",
]
