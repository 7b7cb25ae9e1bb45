"""A problem: the data set, what to predict from what, and the rules a model must pass.

One YAML file in ``problems/`` is one :class:`Problem`. Every part is frozen and refuses unknown keys.
"""

from evenhand.problem.analysis import Analysis
from evenhand.problem.columns import Categorical, FeatureSet, Numeric, Rate, Target
from evenhand.problem.common import BASE, LOWER_IS_BETTER, METRICS
from evenhand.problem.detectors import DETECTORS, AnyDetector, Detector
from evenhand.problem.models import FULL_MODELS, SELF_BALANCING, ExtraCandidate, ModelSpec
from evenhand.problem.neighbour_strategies import (
    AdasynStrategy,
    BorderlineSmoteStrategy,
    EnnStrategy,
    NearMissStrategy,
    NeighbourStrategy,
    SmoteEnnStrategy,
    SmoteStrategy,
    SmoteTomekStrategy,
    TomekStrategy,
)
from evenhand.problem.policies import (
    REVIEW_KEYS,
    Floor,
    Freshness,
    GatePolicy,
    MonitorPolicy,
    Reviewer,
    ReviewPolicy,
    Slice,
)
from evenhand.problem.postprocessing import (
    ARGMAX,
    LABEL_METRICS,
    CapacityDecision,
    CostDecision,
    Decision,
    MultipliersDecision,
    PriorPowerDecision,
    SimpleDecision,
)
from evenhand.problem.problem import Problem, check_classes
from evenhand.problem.reading import parse_problem
from evenhand.problem.simple_strategies import (
    CappedStrategy,
    CostWeightStrategy,
    EffectiveNumberStrategy,
    RoseStrategy,
    SimpleStrategy,
    SimpleStrategyKind,
)
from evenhand.problem.sources import (
    CsvSource,
    ExcelSource,
    FileSource,
    GeoJsonSource,
    KaggleSource,
    Member,
    PackageSource,
    ParquetSource,
    PoliceUkSource,
    Source,
    SyntheticSource,
)
from evenhand.problem.splits import Blocks, ForwardFolds, GroupFolds, Holdout, StratifiedFolds
from evenhand.problem.strategies import AnyStrategy
from evenhand.problem.text import TextAugmentStrategy, TextFeature
from evenhand.problem.tuning import SPACES, Setting, Tuning

__all__ = [
    "ARGMAX",
    "BASE",
    "DETECTORS",
    "FULL_MODELS",
    "LABEL_METRICS",
    "LOWER_IS_BETTER",
    "METRICS",
    "REVIEW_KEYS",
    "SELF_BALANCING",
    "SPACES",
    "AdasynStrategy",
    "Analysis",
    "AnyDetector",
    "AnyStrategy",
    "Blocks",
    "BorderlineSmoteStrategy",
    "CapacityDecision",
    "CappedStrategy",
    "Categorical",
    "CostDecision",
    "CostWeightStrategy",
    "CsvSource",
    "Decision",
    "Detector",
    "EffectiveNumberStrategy",
    "EnnStrategy",
    "ExcelSource",
    "ExtraCandidate",
    "FeatureSet",
    "FileSource",
    "Floor",
    "ForwardFolds",
    "Freshness",
    "GatePolicy",
    "GeoJsonSource",
    "GroupFolds",
    "Holdout",
    "KaggleSource",
    "Member",
    "ModelSpec",
    "MonitorPolicy",
    "MultipliersDecision",
    "NearMissStrategy",
    "NeighbourStrategy",
    "Numeric",
    "PackageSource",
    "ParquetSource",
    "PoliceUkSource",
    "PriorPowerDecision",
    "Problem",
    "Rate",
    "ReviewPolicy",
    "Reviewer",
    "RoseStrategy",
    "Setting",
    "SimpleDecision",
    "SimpleStrategy",
    "SimpleStrategyKind",
    "Slice",
    "SmoteEnnStrategy",
    "SmoteStrategy",
    "SmoteTomekStrategy",
    "Source",
    "StratifiedFolds",
    "SyntheticSource",
    "Target",
    "TextAugmentStrategy",
    "TextFeature",
    "TomekStrategy",
    "Tuning",
    "check_classes",
    "parse_problem",
]
