"""Measuring anytime networks: cost, error against cost, deadlines, plots."""

from keras_anytime.cost import StageCost
from keras_anytime.cost import stage_costs
from keras_anytime.evaluation.anytime import anytime_curve
from keras_anytime.evaluation.anytime import curve_of
from keras_anytime.evaluation.budget import BudgetCurve
from keras_anytime.evaluation.budget import BudgetPoint
from keras_anytime.evaluation.budget import budget_curve
from keras_anytime.evaluation.budget import confidence_thresholds
from keras_anytime.evaluation.budget import dynamic_evaluation
from keras_anytime.evaluation.curve import AnytimeCurve
from keras_anytime.evaluation.curve import CurvePoint
from keras_anytime.evaluation.deadlines import DeadlineSimulation
from keras_anytime.evaluation.deadlines import simulate_deadlines
from keras_anytime.evaluation.hierarchy import HierarchicalCurve
from keras_anytime.evaluation.hierarchy import hierarchical_curve
from keras_anytime.evaluation.inflation import CostInflation
from keras_anytime.evaluation.inflation import ensemble_cost_inflation
from keras_anytime.evaluation.opening import summary
from keras_anytime.evaluation.optimal import ensemble_curve
from keras_anytime.evaluation.optimal import oracle_curve
from keras_anytime.evaluation.optimal import relative_increase
from keras_anytime.evaluation.plots import plot_budget
from keras_anytime.evaluation.plots import plot_curve
from keras_anytime.evaluation.plots import plot_curves
from keras_anytime.evaluation.plots import plot_deadlines
from keras_anytime.evaluation.plots import plot_label_sets
from keras_anytime.evaluation.plots import plot_latencies
from keras_anytime.evaluation.plots import plot_priorities
from keras_anytime.evaluation.plots import plot_relative_increase
from keras_anytime.evaluation.predictions import Predictions
from keras_anytime.evaluation.predictions import predict_stages
from keras_anytime.evaluation.report import Report
from keras_anytime.evaluation.results import Results
from keras_anytime.evaluation.seeds import Comparison
from keras_anytime.evaluation.seeds import CurveAggregate
from keras_anytime.evaluation.seeds import Spread
from keras_anytime.evaluation.seeds import aggregate
from keras_anytime.evaluation.seeds import compare
from keras_anytime.evaluation.timed import TimedPredictions
from keras_anytime.evaluation.training_plots import plot_cosines
from keras_anytime.evaluation.training_plots import plot_history
from keras_anytime.evaluation.training_plots import plot_loss_weights
from keras_anytime.evaluation.utility import PriorityChoice
from keras_anytime.evaluation.utility import best_priority
from keras_anytime.evaluation.utility import expected_error

__all__ = [
    "AnytimeCurve",
    "BudgetCurve",
    "BudgetPoint",
    "Comparison",
    "CostInflation",
    "CurveAggregate",
    "CurvePoint",
    "DeadlineSimulation",
    "HierarchicalCurve",
    "Predictions",
    "PriorityChoice",
    "Report",
    "Results",
    "Spread",
    "StageCost",
    "TimedPredictions",
    "aggregate",
    "anytime_curve",
    "best_priority",
    "budget_curve",
    "compare",
    "confidence_thresholds",
    "curve_of",
    "dynamic_evaluation",
    "ensemble_cost_inflation",
    "ensemble_curve",
    "expected_error",
    "hierarchical_curve",
    "oracle_curve",
    "plot_budget",
    "plot_cosines",
    "plot_curve",
    "plot_curves",
    "plot_deadlines",
    "plot_history",
    "plot_label_sets",
    "plot_latencies",
    "plot_loss_weights",
    "plot_priorities",
    "plot_relative_increase",
    "predict_stages",
    "relative_increase",
    "simulate_deadlines",
    "stage_costs",
    "summary",
]
