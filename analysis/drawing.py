"""Figures as files: one look in light and dark, the same bytes for the same data.

A figure is drawn once, in the colours of the light theme. In its SVG every colour becomes a CSS variable, so that the
page around it, or the reader's system where it stands alone, chooses the theme; text stays text.
"""

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

WIDTH = 5.0
"""Inches; at 72 points each, a phone shows a figure at about its own size."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Colour:
    """One colour in both themes."""

    light: str
    dark: str


COLOURS = {
    "ink": Colour(light="#1c2229", dark="#e4e8ed"),
    "muted": Colour(light="#68737f", dark="#98a4b1"),
    "faint": Colour(light="#b4bdc7", dark="#55616e"),
    "grid": Colour(light="#e3e7ec", dark="#2a323b"),
    "accent": Colour(light="#1f5fa9", dark="#74b3f7"),
    "second": Colour(light="#a3570a", dark="#e8a557"),
    "bad": Colour(light="#b3322b", dark="#f28b82"),
}
INK, MUTED, FAINT, GRID, ACCENT, SECOND, BAD = (colour.light for colour in COLOURS.values())

_LOOK: Any = {  # to matplotlib's stubs every key is a type of its own
    "text.parse_math": False,  # a dollar sign in a name is a dollar sign
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9.5,
    "axes.titlesize": 9.5,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "xtick.major.size": 3,
    "ytick.major.size": 3,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "legend.labelcolor": INK,
    "figure.constrained_layout.use": True,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """A figure, ready to be written."""

    name: str
    """Of its files, and prefix of the ids inside."""
    title: str
    """What it shows, for those who cannot see it."""
    caption: str
    svg: str
    """To stand inside a page."""
    png: bytes

    @property
    def standalone_svg(self) -> str:
        """The SVG as a file of its own."""
        themes = ("light", "dark")
        light, dark = (
            "".join(f"--fig-{name}:{getattr(colour, theme)};" for name, colour in COLOURS.items()) for theme in themes
        )
        darkened = f"@media (prefers-color-scheme:dark){{svg{{{dark}}}}}"
        style = f"<style>svg{{font-family:system-ui,sans-serif;{light}}}{darkened}</style>"
        opened = self.svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
        return '<?xml version="1.0" encoding="utf-8"?>\n' + opened.replace(">", f">{style}", 1) + "\n"


@contextmanager
def house_style() -> Iterator[None]:
    """Draw in the one look of all figures."""
    with mpl.rc_context():
        mpl.rcdefaults()  # a matplotlibrc of the reader's would change the bytes
        mpl.rcParams.update(_LOOK)
        yield


def new_figure(height: float) -> tuple[Figure, Axes]:
    """Make an empty figure of the common width; call it within :func:`house_style`."""
    figure = Figure(figsize=(WIDTH, height))
    return figure, figure.add_subplot()


def new_panels(heights: Sequence[float], *, share_y: bool = False) -> tuple[Figure, list[Axes]]:
    """Make panels one above the other, with room for a legend above them; call it within :func:`house_style`.

    Args:
        heights: Of the panels with their axes, in inches.
        share_y: Whether all have the first one's limits.
    """
    figure = Figure(figsize=(WIDTH, sum(heights) + 0.45))
    panels = figure.subplots(len(heights), 1, squeeze=False, sharey=share_y, height_ratios=heights)
    return figure, list(panels[:, 0])


def new_grid(number: int, *, height: float) -> tuple[Figure, list[Axes]]:
    """Make panels side by side in twos, each of a height in inches; call it within :func:`house_style`."""
    n_rows = -(-number // 2)
    figure = Figure(figsize=(WIDTH, n_rows * height + 0.6))
    panels = figure.subplots(n_rows, 2, squeeze=False).ravel().tolist()
    for unused in panels[number:]:
        unused.remove()
    return figure, panels[:number]


def zoom(axes: Axes, values: Sequence[float]) -> None:
    """Take a logarithmic scale where a few huge values would flatten all others."""
    lowest, highest = min(values), max(values)
    if lowest > 0 and highest > 100 * lowest and sorted(values)[len(values) // 2] < highest / 20:
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")  # matplotlib's own would be in TeX
        axes.yaxis.set_minor_formatter(NullFormatter())


def finish(figure: Figure, *, name: str, title: str, caption: str) -> Picture:
    """Turn a figure into files; call it within :func:`house_style`."""
    return Picture(name=name, title=title, caption=caption, svg=_to_svg(figure, name, title), png=_to_png(figure))


def _to_svg(figure: Figure, name: str, title: str) -> str:
    buffer = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": name}):  # ids follow from the drawing and the name, not from chance
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :].rstrip()
    # A style inside a page would hold for all of it.
    text = re.sub(r"<(metadata|style)\b.*?</\1>\s*", "", text, flags=re.DOTALL)
    text = re.sub(r"font-family: [^;\"]*; ", "", text)
    text = re.sub(r' transform="rotate\(-0 [^"]*"', "", text)
    text = _keep_ids_apart(text, name)
    text = re.sub(r"<svg [^>]*>", lambda tag: _opening(tag[0], name, title), text, count=1)
    for colour, value in COLOURS.items():
        text = text.replace(value.light, f"var(--fig-{colour}, {value.light})")
    return text


def _keep_ids_apart(text: str, name: str) -> str:
    """Prefix the ids that matplotlib gives in every figure, since one page holds them all; drop the unused ones."""
    used = set(re.findall(r"(?:url\(|href=\")#([^)\"]+)", text))
    text = re.sub(r' id="([^"]+)"', lambda found: f' id="{name}-{found[1]}"' if found[1] in used else "", text)
    return re.sub(r"(url\(|(?:xlink:)?href=\")#", lambda found: f"{found[1].removeprefix('xlink:')}#{name}-", text)


def _opening(tag: str, name: str, title: str) -> str:
    """Write the opening tag: its size follows the page, and a screen reader finds a title."""
    found = re.search(r'viewBox="[^"]*"', tag)
    assert found is not None
    style = 'style="stroke-linejoin: round; stroke-linecap: butt"'
    spoken = f'role="img" aria-labelledby="{name}-title"'
    return f'<svg {found[0]} {style} {spoken}><title id="{name}-title">{escape(title)}</title>'


def _to_png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=160, facecolor="white", metadata={"Software": None})
    return buffer.getvalue()
