"""A page with figures to hover over and to filter, beside the report: self-contained, offline, the same bytes again.

plotly is an extra (``interactive``), of which only its script is used, once on the page. A policy in the page's head
forbids it every request.
"""

from html import escape

from analysis.interactive_figures import InteractiveFigure, make_figures, to_json
from analysis.records import Records
from analysis.summary import Summary

_HEAD = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'unsafe-inline'; \
style-src 'unsafe-inline'; img-src data: blob:">
<title>{title}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; color: #1c2229; background: #fff; margin: 2rem auto; max-width: 72rem;
  padding: 0 1rem; }}
figure {{ margin: 0 0 3rem; }}
figcaption {{ color: #68737f; }}
</style>
</head>
<body>
<h1>{title}</h1>
<p>{lead}</p>
"""
_FIGURE = """<figure>
<h2>{title}</h2>
<div id="figure-{name}"></div>
<figcaption>{caption}</figcaption>
</figure>
"""
_LAYOUT = {
    "height": 480,
    "margin": {"l": 70, "r": 20, "t": 20, "b": 55},
    "font": {"family": "system-ui, sans-serif", "color": "#1c2229"},
    "hoverlabel": {"align": "left"},
    "plot_bgcolor": "#ffffff",
}
_CONFIG = {"displaylogo": False, "responsive": True}


def render_interactive_page(records: Records, summary: Summary) -> str:
    """Render the page.

    Raises:
        ValueError: If plotly is not installed.
    """
    script = load_script()
    figures = make_figures(records, summary)
    head = _HEAD.format(
        title=f"{escape(summary.provenance.study)}: interactive figures",
        lead="The answer, with intervals and what to hold against it, is in report.html; here its data can be looked "
        "through. " + ("" if figures else "Nothing was recorded yet."),
    )
    drawn = "".join(
        _FIGURE.format(name=one.name, title=escape(one.title), caption=escape(one.caption)) for one in figures
    )
    calls = "\n".join(map(_call, figures))
    return f"{head}{drawn}<script>{script}</script>\n<script>\n{calls}\n</script>\n</body>\n</html>\n"


def load_script() -> str:
    """Load plotly's script.

    Raises:
        ValueError: If plotly is not installed.
    """
    try:
        from plotly.offline import get_plotlyjs  # noqa: PLC0415  # an extra that a report does without
    except ImportError:
        raise ValueError(
            'interactive figures need plotly, which is not installed; install the extra: pip install ".[interactive]"'
        ) from None
    return str(get_plotlyjs())


def _call(figure: InteractiveFigure) -> str:
    arguments = (f"figure-{figure.name}", figure.traces, {**_LAYOUT, **figure.layout}, _CONFIG)
    return f"Plotly.newPlot({','.join(map(to_json, arguments))});"
