"""How far an ablation has come, also when its driver died."""

from collections import Counter
from typing import Literal

from analysis.ablation.runs import FROZEN, RETUNED, SEARCH
from analysis.records import Records

AblationPhase = Literal["ablation", "test", "finished", "failed"]


def find_ablation_phase(records: Records) -> AblationPhase:
    """Tell whether runs, or only their tests, are missing; an ablation whose base never completed has failed."""
    base, frozen = records.study["ablation"]["base"]["config_hash"], records.of_stage(FROZEN)
    if records.log.is_over:
        ran = any(trial.status == "COMPLETED" for trial in frozen if trial.config_hash == base)
        return "finished" if ran else "failed"
    begun = Counter(trial.config_hash for trial in frozen)
    training = [*frozen, *records.of_stage(RETUNED), *records.of_stage(SEARCH)]
    if not records.log.test_opened or any(trial.status == "RUNNING" for trial in training):
        return "ablation"
    return "test" if all(number >= (records.log.seeds or 0) for number in begun.values()) else "ablation"
