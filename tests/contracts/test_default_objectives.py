"""No objective is offered that was not measured, and none is a default that ranks backwards.

What was measured is in ``benchmarks/objective_runs.parquet``: random configurations on servers of two data sets.
"""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from objective_ranking import Runs, bootstrap, over_fleet, read_runs, within_series
from objective_table import TABLE

from trainables.tasks.objectives import DEFAULT_OBJECTIVE, DEFAULT_OBJECTIVE_WITHOUT_LABELS, OBJECTIVES

DEFAULTS = (DEFAULT_OBJECTIVE, DEFAULT_OBJECTIVE_WITHOUT_LABELS)


@pytest.fixture(scope="module")
def runs() -> Runs:
    return read_runs(pd.read_parquet(TABLE))


def _find_backwards(runs: Runs, name: str, metric: str) -> list[str]:
    """Name the statistics whose 90 % interval over configurations and series does not lie above zero."""
    mine = runs.only(objectives=[name])
    place = runs.metric_names.index(metric)
    statistics = {"within series": within_series, "over the fleet": over_fleet}
    return [what for what, statistic in statistics.items() if bootstrap(statistic, mine).low[0, place] <= 0]


@pytest.mark.parametrize("name", DEFAULTS)
def test_the_defaults_rank_forwards_on_the_recorded_runs(runs: Runs, name: str) -> None:
    assert _find_backwards(runs, name, OBJECTIVES[name].primary_metric) == []


@pytest.mark.parametrize("name", DEFAULTS)
def test_a_default_that_ranks_backwards_would_be_found(runs: Runs, name: str) -> None:
    turned = replace(runs, objectives=-runs.objectives)
    assert _find_backwards(turned, name, OBJECTIVES[name].primary_metric) == ["within series", "over the fleet"]


def test_every_objective_that_is_offered_was_measured(runs: Runs) -> None:
    assert set(OBJECTIVES) <= set(runs.objective_names)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_the_evidence_is_what_was_measured(runs: Runs, name: str) -> None:
    evidence, place = OBJECTIVES[name].evidence, runs.metric_names.index(OBJECTIVES[name].primary_metric)
    assert evidence is not None
    assert f"{len(runs.series)} servers" in evidence.setting
    for statistic, stated in ((within_series, evidence.within_series), (over_fleet, evidence.over_fleet)):
        found = bootstrap(statistic, runs.only(objectives=[name]))
        measured = (found.value[0, place], found.low[0, place], found.high[0, place])
        assert stated == pytest.approx(measured, abs=0.0051)


def test_the_recorded_runs_are_as_many_as_the_document_says(runs: Runs) -> None:
    n_seeds, n_configurations, n_series = runs.metrics.shape[1:]
    assert (n_seeds, n_configurations, n_series) == (2, 60, 13)
    assert not np.isnan(runs.metrics).any()
