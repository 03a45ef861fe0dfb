from pathlib import Path

import pytest

from analysis.__main__ import main


def test_a_folder_without_a_study_is_one_line_and_exit_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(tmp_path)]) == 2
    err = capsys.readouterr().err
    assert "holds no study" in err
    assert err.count("\n") == 1
