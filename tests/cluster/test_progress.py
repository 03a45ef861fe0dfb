"""What the live view is told of a study, while it runs and after a resume."""

from pathlib import Path

import numpy as np

from cluster.progress import ProgressMeter
from tests.cluster.simulation import begin, make_engine, make_plan, run, steps


def test_a_look_counts_what_the_log_knows_also_after_a_resume(tmp_path: Path) -> None:
    engine, log = make_engine(tmp_path, make_plan())
    begin(engine, 14)
    phases = []
    driving = steps(engine, n_workers=2, rng=np.random.default_rng(1))
    meter = ProgressMeter()
    for _ in driving:
        look = meter.look(engine.state)
        phases.append(look.phase)
        assert 0 <= look.n_done <= look.n_planned
    assert list(dict.fromkeys(phases)) == ["search", "confirm", "test"]
    search = list(engine.state.of_stage("search"))
    stopped = [trial for trial in search if trial.status == "STOPPED"]
    came, went_on = look.rungs[1]
    assert came == 14
    assert came - went_on == sum(trial.epoch == 1 for trial in stopped)
    assert look.rungs[3][0] == sum(3 in trial.values for trial in search)
    log.close()
    resumed, _ = make_engine(tmp_path, make_plan())
    begin(resumed, 14, 2)
    assert ProgressMeter().look(resumed.state).rungs == look.rungs
    run(resumed)
    last = ProgressMeter().look(resumed.state)
    assert (last.phase, last.n_done, last.n_planned) == ("check", 2, 2)
