"""An ablation on a real Ray: arms in blocks, searches of arms, more seeds, and looks that are declared beforehand."""

import json
import shutil
from pathlib import Path

import pytest

from analysis import load_metrics, load_trials
from cluster.driver import StudyResult, resume_study, run_ablation
from cluster.study import StudySpec

SPEC = StudySpec(
    space="dlinear",
    series=("web-1",),
    max_epochs=2,
    ablate=("decomposition", "individual"),
    factorial=("decomposition", "normalisation"),
    seeds=2,
    retune=2,
    searches=1,
    looks=2,
)


@pytest.fixture(scope="module")
def finished(local_ray: None, tmp_path_factory: pytest.TempPathFactory) -> StudyResult:
    return run_ablation(SPEC, name="parts", results=tmp_path_factory.mktemp("results"))


def test_every_arm_is_tested_in_every_block(finished: StudyResult) -> None:
    trials = load_trials(finished.folder)
    assert finished.reason == "finished"
    frozen = trials[trials["stage"] == "ablate_frozen"]
    arms = {"base", "decomposition=off", "individual=individual"}
    arms |= {f"decomposition={one} normalisation={two}" for one in ("on", "off") for two in ("last", "instance")}
    assert set(frozen["arm"]) == arms
    assert len(frozen) == 2 * len(arms)
    assert frozen["m_test_mse"].notna().all()
    assert frozen.groupby("block")["seed"].nunique().tolist() == [1, 1]
    off = frozen[frozen["arm"] == "decomposition=off"]
    assert (off["factor"] == "decomposition").all()
    assert (off["level"] == "off").all()
    assert set(off["p_decomposition"]) == {False}


def test_the_searches_of_the_arms_are_rows_and_what_they_found_is_run(finished: StudyResult) -> None:
    trials = load_trials(finished.folder)
    searched = trials[trials["stage"] == "search"].groupby(["arm", "block"]).size()
    assert dict(searched) == {(arm, "search-0"): 2 for arm in ("base", "decomposition=off", "individual=individual")}
    retuned = trials[trials["stage"] == "ablate_retuned"]
    assert set(retuned["block"]) == {"search-0/seed-0", "search-0/seed-1"}
    assert retuned["m_test_mse"].notna().all()
    assert (retuned[retuned["arm"] == "decomposition=off"]["p_decomposition"] == False).all()  # noqa: E712


def test_metrics_have_a_value_for_every_block(finished: StudyResult) -> None:
    metrics = load_metrics(finished.folder)
    blocks = metrics[(metrics["name"] == "test_mse") & metrics["series"].notna()]
    tested = load_trials(finished.folder).query("stage in ('ablate_frozen', 'ablate_retuned')")
    assert set(tested["trial_id"]) <= set(blocks["trial_id"])


def test_the_question_is_on_record(finished: StudyResult) -> None:
    study = json.loads((finished.folder / "study.json").read_text())
    ablation = study["ablation"]
    assert (ablation["looks"], ablation["alpha"]) == (2, 0.05)
    assert ablation["region"] == {"value": 0.01, "relative": True}
    assert ablation["base"]["label"] == "published"
    assert {arm["name"] for arm in ablation["arms"]} == {"decomposition=off", "individual=individual"}
    hashes = set(load_trials(finished.folder)["config_hash"])
    assert {arm["config_hash"] for arm in ablation["arms"]} <= hashes
    assert {cell["config_hash"] for cell in ablation["factorial"]["cells"]} <= hashes


def test_more_seeds_keep_what_there_is_until_the_looks_are_spent(finished: StudyResult, tmp_path: Path) -> None:
    folder = tmp_path / "more"
    shutil.copytree(finished.folder, folder)
    before = load_trials(folder).query("stage == 'ablate_frozen'")
    resume_study(folder, add_seeds=1)
    after = load_trials(folder).query("stage == 'ablate_frozen'")
    assert len(after) == len(before) * 3 / 2
    kept = after[after["trial_id"].isin(before["trial_id"])]
    assert kept["m_test_mse"].tolist() == before["m_test_mse"].tolist()
    with pytest.raises(ValueError, match=r"declared 2 looks at its result and they are spent"):
        resume_study(folder, add_seeds=1)


def test_arms_that_changed_are_refused(finished: StudyResult, tmp_path: Path) -> None:
    folder = tmp_path / "changed"
    shutil.copytree(finished.folder, folder)
    study = json.loads((folder / "study.json").read_text())
    study["ablation"]["arms"][0]["level"] = "elsewhere"
    (folder / "study.json").write_text(json.dumps(study))
    with pytest.raises(ValueError, match="are no longer those that it compares"):
        resume_study(folder)


def test_a_search_takes_no_more_seeds(finished: StudyResult, tmp_path: Path) -> None:
    folder = tmp_path / "search"
    shutil.copytree(finished.folder, folder)
    study = json.loads((folder / "study.json").read_text())
    study["ablation"] = None
    study["spec"] |= {"ablate": [], "factorial": [], "retune": 0, "trials": 2}
    (folder / "study.json").write_text(json.dumps(study))
    with pytest.raises(ValueError, match="`--add-seeds` is for ablations"):
        resume_study(folder, add_seeds=1)
