"""Numbers and values as a person reads them; the same text in HTML, Markdown and on a terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from analysis.intervals import Interval, RankCorrelation

NOT_RECORDED = "not recorded"


def format_score(value: float | None) -> str:
    """Write a score: three decimals, fewer for large ones."""
    if value is None:
        return "-"
    return f"{value:.3f}" if abs(value) < 1000 else f"{value:.4g}"


def format_signed(value: float) -> str:
    """Write a difference with its sign."""
    text = format_score(value)
    # A tiny negative number would be written "-0.000".
    return "0.000" if float(text) == 0 else text if value < 0 else f"+{text}"


def format_interval(interval: Interval | None) -> str:
    """Write a mean with its bounds: ``0.741 [0.712, 0.770]``."""
    return "-" if interval is None else _join(interval, format_score)


def format_difference(interval: Interval | None) -> str:
    """Write a difference with its bounds, each with its sign: ``+0.120 [+0.080, +0.160]``."""
    return "-" if interval is None else _join(interval, format_signed)


def format_correlation(correlation: RankCorrelation | None) -> str:
    """Write a correlation with its bounds and its sign: ``+0.62 [+0.25, +0.83]``."""
    if correlation is None:
        return "-"
    bounds = [] if correlation.low is None else [correlation.low, correlation.high]
    texts = ["0.00" if abs(value or 0) < 0.005 else f"{value:+.2f}" for value in (correlation.value, *bounds)]
    return f"{texts[0]} [{texts[1]}, {texts[2]}]" if bounds else texts[0]


def format_count(number: int | None) -> str:
    """Write a whole number with its thousands apart."""
    return "-" if number is None else f"{number:,}"


def format_seconds(seconds: float | None) -> str:
    """Write a duration in the units a person would choose."""
    if seconds is None:
        return "-"
    if seconds < 100:
        return f"{seconds:.1f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60:02d} min"


def format_minutes(minutes: float) -> str:
    """Write trial-minutes, as hours where they are many."""
    if minutes >= 120:
        return f"{minutes / 60:.1f} trial-hours"
    return f"{minutes:.1f} trial-minutes" if minutes < 10 else f"{minutes:.0f} trial-minutes"


def format_quantity(value: float | None, digits: int = 3) -> str:
    """Write a measured quantity with so many significant digits, without an exponent."""
    if value is None:
        return "-"
    if value != 0 and abs(value) < 0.01:
        return "< 0.01"
    return f"{value:,.0f}" if abs(value) >= 10 ** (digits - 1) else f"{value:.{digits}g}"


def format_share(share: float) -> str:
    """Write a share in percent."""
    return f"{100 * share:.0f} %"


def format_value(value: object) -> str:
    """Write a hyperparameter as a person reads it: numbers to six digits."""
    return f"{value:.6g}" if isinstance(value, float) else format_exactly(value)


def format_exactly(value: object) -> str:
    """Write a hyperparameter as it is given on the command line, to its last digit."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, float) else str(value)


def format_range(parameter: Mapping[str, Any]) -> str:
    """Write a searched range as ``study.json`` describes it."""
    if "choices" in parameter:
        text = ", ".join(format_value(choice) for choice in parameter["choices"])
    else:
        text = f"{parameter['low']:g}..{parameter['high']:g}{' (log)' if parameter['log'] else ''}"
        if "absent" in parameter:
            text = f"{format_value(parameter['absent'])}, or {text}"
    return f"{text}; {parameter['condition']}" if parameter.get("condition") else text


def join_names(names: Sequence[str], most: int = 8) -> str:
    """Join names for a line of text, the first few of many."""
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown


def count(number: int, noun: str, plural: str | None = None) -> str:
    """Write a number of things: ``1 seed``, ``5 seeds``."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def _join(interval: Interval, write: Any) -> str:
    if interval.low is None or interval.high is None:
        return str(write(interval.mean))
    return f"{write(interval.mean)} [{write(interval.low)}, {write(interval.high)}]"
