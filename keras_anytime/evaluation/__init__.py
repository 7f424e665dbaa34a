"""Evaluates anytime networks: error against cost, deadlines, seeds, reports."""

from keras_anytime.evaluation import plots
from keras_anytime.evaluation.anytime import anytime_curve
from keras_anytime.evaluation.anytime import curve_from_predictions
from keras_anytime.evaluation.budget import BudgetCurve
from keras_anytime.evaluation.budget import budget_curve
from keras_anytime.evaluation.comparison import Comparison
from keras_anytime.evaluation.comparison import compare
from keras_anytime.evaluation.curve import AnytimeCurve
from keras_anytime.evaluation.deadlines import DeadlineSimulation
from keras_anytime.evaluation.deadlines import simulate_deadlines
from keras_anytime.evaluation.hierarchy import HierarchicalCurve
from keras_anytime.evaluation.hierarchy import hierarchical_curve
from keras_anytime.evaluation.inference import predict_stages
from keras_anytime.evaluation.inflation import ensemble_cost_inflation
from keras_anytime.evaluation.oracles import ensemble_curve
from keras_anytime.evaluation.oracles import oracle_curve
from keras_anytime.evaluation.oracles import relative_increase
from keras_anytime.evaluation.predictions import Predictions
from keras_anytime.evaluation.random_deadlines import PriorityChoice
from keras_anytime.evaluation.random_deadlines import best_priority
from keras_anytime.evaluation.random_deadlines import expected_error
from keras_anytime.evaluation.report import Report
from keras_anytime.evaluation.report_folder import ReportFolder
from keras_anytime.evaluation.risk_control import RiskControl
from keras_anytime.evaluation.risk_control import risk_controlled_thresholds
from keras_anytime.evaluation.seeds import CurveAggregate
from keras_anytime.evaluation.seeds import aggregate
from keras_anytime.evaluation.summary import summary
from keras_anytime.evaluation.temperatures import fit_temperatures
from keras_anytime.evaluation.thresholds import confidence_thresholds
from keras_anytime.evaluation.thresholds import dynamic_evaluation
from keras_anytime.evaluation.timed import TimedPredictions
from keras_anytime.evaluation.win_rates import hoeffding_bound
from keras_anytime.evaluation.win_rates import win_percentage
from keras_anytime.stages.cost import stage_costs

__all__ = [
    "AnytimeCurve",
    "BudgetCurve",
    "Comparison",
    "CurveAggregate",
    "DeadlineSimulation",
    "HierarchicalCurve",
    "Predictions",
    "PriorityChoice",
    "Report",
    "ReportFolder",
    "RiskControl",
    "TimedPredictions",
    "aggregate",
    "anytime_curve",
    "best_priority",
    "budget_curve",
    "compare",
    "confidence_thresholds",
    "curve_from_predictions",
    "dynamic_evaluation",
    "ensemble_cost_inflation",
    "ensemble_curve",
    "expected_error",
    "fit_temperatures",
    "hierarchical_curve",
    "hoeffding_bound",
    "oracle_curve",
    "plots",
    "predict_stages",
    "relative_increase",
    "risk_controlled_thresholds",
    "simulate_deadlines",
    "stage_costs",
    "summary",
    "win_percentage",
]
