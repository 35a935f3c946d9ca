"""Pieces of HTML, with all text escaped."""

import base64
import html
from collections.abc import Iterable, Sequence
from typing import Any

_LONGEST = 120  # characters of a name


def text(value: Any) -> str:
    """A value as escaped text; a very long one is cut."""
    words = str(value)
    return html.escape(words if len(words) <= _LONGEST else words[: _LONGEST - 3] + "...")


def section(title: str, *parts: str) -> str:
    """A heading with its content."""
    return f"<section><h2>{text(title)}</h2>\n" + "\n".join(parts) + "</section>"


def paragraph(words: Any, kind: str = "") -> str:
    """A paragraph with a class of the style sheet."""
    return f'<p class="{kind}">{html.escape(str(words))}</p>'


def pairs(rows: Iterable[tuple[str, Any]]) -> str:
    """Names and values, one pair per row."""
    cells = (f"<tr><th>{text(a)}</th><td>{html.escape(str(b))}</td></tr>" for a, b in rows)
    return f'<div class="wide"><table class="pairs">{"".join(cells)}</table></div>'


def table(names: Sequence[Any], rows: Iterable[Sequence[Any]]) -> str:
    """Rows of cells under the names of their columns; the first cell of a row names it."""
    head = "".join(f"<th>{text(name)}</th>" for name in names)
    body = "".join(
        f"<tr><th>{text(first)}</th>{''.join(f'<td>{text(cell)}</td>' for cell in rest)}</tr>"
        for first, *rest in rows
    )
    return f'<div class="wide"><table><tr>{head}</tr>{body}</table></div>'


def picture(png: bytes, words: str) -> str:
    """A picture embedded in the page."""
    data = base64.b64encode(png).decode()
    return f'<img src="data:image/png;base64,{data}" alt="{html.escape(words, quote=True)}">'
