"""LaTeX as text: everything that a person typed is escaped, and any name at all compiles under pdfLaTeX."""

import re
from collections.abc import Sequence

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "_": r"\_",
    "%": r"\%",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "''",  # the straight one would set a closing one, or be active in German
    "²": r"\textsuperscript{2}",
    "×": r"$\times$",
    "±": r"$\pm$",
    "α": r"$\alpha$",
}
_LETTERS = frozenset("äöüÄÖÜßéèêëÉáàâÁÀçÇñÑóòôÓíîïÍúùûÚøØåÅæÆ")
"""Beyond ASCII, what every installation of LaTeX sets."""


def escape_latex(text: str) -> str:
    """Write a text so that LaTeX sets it as it stands; a character that it may lack is named by its number."""
    return "".join(map(_escape_character, " ".join(text.split())))


def format_bounds(value: str, low: str | None, high: str | None) -> str:
    """Write a number with its bounds in mathematical type, where a minus is one."""
    bounds = "" if low is None or high is None else f" $[{low}, {high}]$"
    return f"${value}${bounds}"


def make_table(
    *, columns: str, head: Sequence[str], groups: Sequence[Sequence[Sequence[str]]], caption: str, label: str, made: str
) -> str:
    r"""Make a floating table with booktabs' rules.

    Args:
        columns: Their types, such as ``lrr``.
        head: Of each column, escaped.
        groups: Rows of escaped cells; a rule parts one group from the next.
        caption: Escaped.
        label: For ``\ref``; whatever does not belong into one is left out.
        made: How the table was made: a comment above it.
    """
    rows = "\n\\midrule\n".join("\n".join(f"{' & '.join(row)} \\\\" for row in group) for group in groups if group)
    return "\n".join(
        [
            f"% {' '.join(made.split())}",
            r"% In the preamble: \usepackage{booktabs}",
            r"\begin{table}",
            r"\centering\small",
            f"\\caption{{{caption}}}",
            f"\\label{{tab:{re.sub(r'[^A-Za-z0-9]+', '-', label).strip('-')}}}",
            f"\\begin{{tabular}}{{{columns}}}",
            r"\toprule",
            f"{' & '.join(head)} \\\\",
            r"\midrule",
            rows,
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def _escape_character(character: str) -> str:
    if character in _SPECIAL:
        return _SPECIAL[character]
    if " " <= character <= "~" or character in _LETTERS:
        return character
    return f"U+{ord(character):04X}"
