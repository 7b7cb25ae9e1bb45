"""Small versions of the simulations that check the evidence; the full figures are in docs/evidence.md."""

from benchmarks.coverage import SimulationSetting, coverage
from benchmarks.family_error import METRICS, SCENARIOS, false_claims


def test_intervals_contain_the_true_value_about_as_often_as_they_claim():
    """Nineteen of twenty times, give or take what chance does in 150 simulations."""
    found = coverage(SimulationSetting("two classes", (350, 50)), 150)
    assert len(found) == 8
    for name, share in found.items():
        assert 0.90 <= share <= 0.99, name


def test_strategies_that_do_nothing_are_seldom_found_to_help():
    for scenario in SCENARIOS:
        claims = false_claims(scenario, 40)
        for metric in METRICS:
            assert claims[metric] <= 3, (scenario, metric)
