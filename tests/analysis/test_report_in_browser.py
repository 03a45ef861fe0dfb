"""The page in a real browser: it opens without a complaint, in both themes and on a phone."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from analysis.report import write_report

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium; install it by apt-get install chromium"),
]

Open = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def open_page(tmp_path: Path) -> Open:
    def open_page(page: Path, *flags: str) -> subprocess.CompletedProcess[str]:
        assert CHROMIUM is not None
        command = [
            CHROMIUM,
            *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
            *("--disable-background-networking", "--disable-component-update", "--hide-scrollbars"),
            *("--enable-logging=stderr", f"--user-data-dir={tmp_path / 'profile'}"),
            *flags,
            page.as_uri(),
        ]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)

    return open_page


@pytest.fixture
def page(finished: Path) -> Path:
    return write_report(finished).html


def test_it_opens_without_a_complaint(page: Path, open_page: Open) -> None:
    opened = open_page(page, "--dump-dom")
    assert "CONSOLE" not in opened.stderr
    assert "Best configuration: search-0001, event F1 (log) 0.720 [0.697, 0.743]" in opened.stdout
    assert "What to hold against this result" in opened.stdout
    assert opened.stdout.count("</svg>") == 6


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_but_tables_is_wider_than_the_screen(page: Path, tmp_path: Path, open_page: Open, width: int) -> None:
    frame = tmp_path / "frame.html"
    frame.write_text(
        f"""<iframe id="page" style="width:{width}px;height:800px;border:0"></iframe><p id="found">waiting</p>
        <script>
        const frame = document.getElementById("page");
        frame.onload = () => {{
          const root = frame.contentDocument.documentElement;
          document.getElementById("found").textContent = `${{root.scrollWidth}} of ${{root.clientWidth}}`;
        }};
        frame.src = "{page.as_uri()}";
        </script>"""
    )
    opened = open_page(frame, "--dump-dom", "--allow-file-access-from-files", "--virtual-time-budget=5000")
    assert f">{width} of {width}<" in opened.stdout


def test_the_dark_theme_is_dark(page: Path, tmp_path: Path, open_page: Open) -> None:
    from PIL import Image

    brightness = {}
    for theme, flag in (("light", "preferredColorScheme=1"), ("dark", "preferredColorScheme=0")):
        picture = tmp_path / f"{theme}.png"
        open_page(page, f"--screenshot={picture}", "--window-size=1280,900", f"--blink-settings={flag}")
        with Image.open(picture) as image:
            brightness[theme] = image.convert("L").getpixel((5, 5))
    assert brightness["light"] > 240
    assert brightness["dark"] < 40
