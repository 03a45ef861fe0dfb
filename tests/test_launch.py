"""The command line: what it refuses, in one line and before anything is written or started."""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

import launch
from tests.conftest import SHARED

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command in an empty folder and return its exit code, output and errors."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, str, str]:
        code = launch.main(list(arguments))
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def _csv(folder: Path, *, rows: int = 600, labels: int | None = None, **columns: object) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    frame = pd.DataFrame({"a": range(rows), "b": 1.5} | columns)
    frame.to_csv(folder / "train.csv", index=False)
    frame.assign(label=0 if labels is None else labels).to_csv(folder / "test.csv", index=False)
    return folder


SEARCH = ("--space", "lightmmoe")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "nothing to do"),
        (("--space", "lightmoe"), "no search space 'lightmoe'; known: lightmmoe"),
        (("--space", "my.module:SPACE"), "cannot be imported"),
        ((*SEARCH, "--data", "smdd"), "unknown data set 'smdd'; known are"),
        ((*SEARCH, "--data", "smd"), "needs --data-root"),
        ((*SEARCH, "--data", "smd", "--data-root", "/no/such"), "does not exist"),
        ((*SEARCH, "--series", "sample-9"), "unknown series 'sample-9'"),
        ((*SEARCH, "--series", "../sample-1"), "is a path"),
        ((*SEARCH, "--objective", "f1"), "no objective 'f1'"),
        ((*SEARCH, "--set", "windw=8"), "no parameter 'windw'"),
        ((*SEARCH, "--set", "window"), "write --set NAME=VALUE"),
        ((*SEARCH, "--set", "window=100"), "`window` is 100, but must be at least 1 and at most 64"),
        ((*SEARCH, "--set", "sg_ratio=much"), "`sg_ratio` is 'much', but must be a number"),
        ((*SEARCH, "--range", "window=9..10"), "holds none of its choices"),
        ((*SEARCH, "--range", "scaling=once,twice"), "is not searched"),
        ((*SEARCH, "--range", "n_experts=0..9"), "`n_experts` is 0"),
        ((*SEARCH, "--trials", "0"), "`--trials` is 0"),
        ((*SEARCH, "--trials", "many"), "invalid int value: 'many'"),
        ((*SEARCH, "--max-epochs", "-1"), "`--max-epochs` is -1"),
        ((*SEARCH, "--reduction-factor", "1"), "use --scheduler fifo"),
        ((*SEARCH, "--sampler", "grid"), "must be one of tpe, random"),
        ((*SEARCH, "--labelled-by", "feature"), "must be one of time, series"),
        ((*SEARCH, "--no-such-flag"), "unrecognized arguments: --no-such-flag"),
        ((*SEARCH, "--name", "../escape"), "`--name` is '../escape'"),
        ((*SEARCH, "--address", "ray://host:10001"), "Ray Client"),
        ((*SEARCH, "--address", "127.0.0.1:1"), "nothing answers there"),
        ((*SEARCH, "--gpus-per-trial", "64"), "PyTorch sees"),
        ((*SEARCH, "--address", "somewhere"), "must be `auto` or HOST:PORT"),
        ((*SEARCH, "--max-concurrent", "0"), "`--max-concurrent` is 0"),
        ((*SEARCH, "--config", "none.yaml"), "cannot be read"),
        ((*SEARCH, "--enqueue", "none.yaml"), "cannot be read"),
        ((*SEARCH, "--check-objective", "-1"), "`--check-objective` is -1"),
        (("--resume", "nowhere"), "holds no study"),
        (("--resume", "nowhere", "--seed", "1"), "only --trials, --check-objective, --add-seeds and where"),
        (("--ablate", "all"), "nothing to do"),
        ((*SEARCH, "--ablate", "gates"), "`--ablate` names 'gates', but the space's factors are experts, gate"),
        ((*SEARCH, "--ablate", "gate", "--trials", "5"), "`--trials` is for a search"),
        ((*SEARCH, "--ablate", "gate", "--seeds", "0"), "`--seeds` is 0"),
        ((*SEARCH, "--ablate", "gate", "--factorial", "gate"), "takes two or more different factors"),
        ((*SEARCH, "--ablate", "gate", "--region", "some"), "`--region` is 'some'"),
        ((*SEARCH, "--ablate", "gate", "--path"), "the base is the published one"),
        ((*SEARCH, "--ablate", "gate", "--from", "nowhere"), "nowhere holds no study"),
        (("--ablate", "gate", "--from", "nowhere"), "nowhere holds no study"),
        ((*SEARCH, "--retune", "5"), "`--retune` is for ablations"),
        ((*SEARCH, "--add-seeds", "5"), "name its folder by --resume"),
        (("--resume", "nowhere", "--add-seeds", "5"), "holds no study"),
        (("--describe", "lightmoe"), "no search space"),
    ],
)
def test_wrong_input_is_one_line_and_exit_2(run: Run, tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    code, out, err = run(*arguments)
    assert code == 2
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert said in err
    assert list(tmp_path.iterdir()) == []


def test_no_cluster_on_this_machine(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cluster.runtime._find_local_cluster", lambda: None)
    code, _, err = run(*SEARCH, "--address", "auto")
    assert code == 2
    assert "no Ray cluster runs on this machine" in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda folder: (folder / "test.csv").write_text(""), "is empty"),
        (lambda folder: (folder / "train.csv").write_text("a,b\n"), "has no rows"),
        (lambda folder: (folder / "test.csv").unlink(), "is not there"),
        (lambda folder: _csv(folder, c=1.0) and (folder / "train.csv").write_text("a,b\n1,2\n"), "adds 'c'"),
        (lambda folder: _csv(folder, b=[1.0] * 599 + [None]), "missing or infinite"),
        (lambda folder: _csv(folder, b="x"), "not a number"),
        (lambda folder: _csv(folder, labels=2), "a label is 0 (normal) or 1 (anomalous)"),
        (lambda folder: _csv(folder, rows=100), "needs at least 128"),
    ],
)
def test_wrong_data_is_one_line_and_exit_2(
    run: Run, tmp_path: Path, spoil: Callable[[Path], object], said: str
) -> None:
    folder = _csv(tmp_path / "own" / "series")
    spoil(folder)
    options = ("--data", "csv", "--data-root", str(tmp_path / "own"), "--objective", "val_loss")
    code, _, err = run(*SEARCH, *options)
    assert code == 2
    assert err.count("\n") == 1
    assert said in err
    assert [path.name for path in tmp_path.iterdir()] == ["own"]


def test_a_wrong_number_of_labels(run: Run, tmp_path: Path) -> None:
    for part in ("train", "test"):
        (tmp_path / "smd" / part).mkdir(parents=True)
        (tmp_path / "smd" / part / "machine-1-1.txt").write_text("0.1,0.2\n" * 200)
    (tmp_path / "smd" / "test_label").mkdir()
    (tmp_path / "smd" / "test_label" / "machine-1-1.txt").write_text("0\n" * 199)
    code, _, err = run(*SEARCH, "--data", "smd", "--data-root", str(tmp_path / "smd"))
    assert code == 2
    assert "has 199 lines" in err


def test_a_study_of_that_name_is_left_alone(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "results" / "mine"
    folder.mkdir(parents=True)
    (folder / "study.json").write_text("{}")
    code, _, err = run(*SEARCH, "--name", "mine")
    assert code == 2
    assert "--resume results/mine" in err
    (folder / "study.json").unlink()
    (folder / "thesis.txt").write_text("precious")
    code, _, err = run(*SEARCH, "--name", "mine")
    assert code == 2
    assert "is no study" in err
    assert [path.name for path in folder.iterdir()] == ["thesis.txt"]


def test_a_folder_that_cannot_be_written(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    code, _, err = run(*SEARCH, "--results", "file")
    assert code == 2
    assert "not a folder" in err
    code, _, err = run(*SEARCH, "--results", "/proc/results")
    assert code == 2
    assert "cannot be written" in err


def test_without_test_labels_there_is_nothing_to_check_an_objective_against(run: Run, tmp_path: Path) -> None:
    _csv(tmp_path / "own" / "series")
    options = ("--data", "csv", "--data-root", str(tmp_path / "own"), "--objective", "val_loss")
    code, _, err = run(*SEARCH, *options, "--check-objective", "5", "--dry-run")
    assert code == 2
    assert "no series has a labelled event in its untouched part" in err


def test_a_question_cannot_be_changed_by_a_resume(run: Run) -> None:
    code, _, err = run("--resume", "results/x", "--max-epochs", "9")
    assert code == 2
    assert "--max-epochs cannot be given with --resume" in err


def test_enqueued_configurations_are_checked(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "listed.yaml"
    for content, said in (
        ("window: 8", "must hold a list"),
        ("[{windw: 8}]", "configuration 1 to enqueue: lightmmoe has no parameter 'windw'"),
        ("[{window: 16}, {window: 7}]", "configuration 2 to enqueue: `window` is 7, but this study searches 8, 16"),
        ("[a: b: c", "no valid YAML"),
    ):
        path.write_text(content)
        code, _, err = run(*SEARCH, "--enqueue", str(path))
        assert code == 2
        assert err.count("\n") == 1
        assert said in err


def test_a_study_file_and_flags_that_win_over_it(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(
        "space: lightmmoe\nseries: [sample-1]\nmax-epochs: 9\nset: {window: 8, n_experts: 2}\n"
        "range: {sg_ratio: 0..0.5}\nenqueue: [{n_kernels: 4}]\n"
    )
    settings = launch.read_settings(["--config", str(path), "--max-epochs", "3", "--set", "window=32"])
    assert settings["space"] == "lightmmoe"
    assert settings["max_epochs"] == 3
    assert settings["fixed"] == {"window": 32, "n_experts": 2}
    assert settings["ranges"] == {"sg_ratio": "0..0.5"}
    assert settings["enqueue"] == [{"n_kernels": 4}]


def test_unknown_settings_of_a_study_file_are_named(run: Run, tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text("space: lightmmoe\ntrails: 5\n")
    code, _, err = run("--config", "study.yaml")
    assert code == 2
    assert "no setting 'trails'" in err


def test_spaces_are_listed_and_described(run: Run) -> None:
    code, out, _ = run("--list-spaces")
    assert code == 0
    assert "lightmmoe" in out
    code, out, _ = run("--describe", "lightmmoe")
    assert code == 0
    assert "232,390" in out
    assert "unless n_experts = 1" in out
    assert "average [-9]" in out


def test_a_dry_run_starts_and_writes_nothing(run: Run, tmp_path: Path) -> None:
    code, out, _ = run(*SEARCH, "--dry-run", "--trials", "27", "--max-epochs", "9", "--set", "window=8")
    assert code == 0
    for expected in ("fixed at 8", "epoch 1", "epoch 3", "about", "s an epoch", "27 trials"):
        assert expected in out
    assert list(tmp_path.iterdir()) == []


def test_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        launch.main(["--help"])
    assert stopped.value.code == 0
    out = capsys.readouterr().out
    assert "python launch.py --space lightmmoe" in out
    assert "--labelled-by" in out


@pytest.mark.shared
@pytest.mark.skipif(not (SHARED / "data").is_dir(), reason="needs the real data in ../shared/data")
def test_too_few_events_say_what_to_do(run: Run, tmp_path: Path) -> None:
    """The official text sample: four and six events are too few for the labelled objective."""
    root = SHARED / "data" / "smd_official_sample"
    code, _, err = run(*SEARCH, "--data", "smd", "--data-root", str(root))
    assert code == 2
    assert "3 labelled events on either side" in err
    assert "--objective val_loss" in err
    code, out, _ = run(*SEARCH, "--data", "smd", "--data-root", str(root), "--objective", "val_loss", "--dry-run")
    assert code == 0
    assert "minimize val_loss" in out


def test_json_is_the_last_line(local_ray: None, run: Run, tmp_path: Path) -> None:
    small = [part for name in ("expert_hidden", "n_kernels") for part in ("--set", f"{name}=4")]
    code, out, _ = run(
        *SEARCH, "--series", "sample-1", "--trials", "2", "--max-epochs", "1", "--confirm-top", "0", "--json",
        "--name", "short", *small, "--set", "batch_size=256",
    )  # fmt: skip
    assert code == 0
    summary = json.loads(out.strip().splitlines()[-1])
    assert summary["study"] == "results/short"
    assert summary["exit_reason"] == "finished"
    assert summary["trials"] == {"COMPLETED": 8}  # two searched, sum of squares, random under five seeds
    assert summary["best"]["config"]["batch_size"] == 256
    assert (tmp_path / "results" / "short" / "report" / "report.html").is_file()
