"""Formulas between dollars, `$a$` or `$$a$$`, as MathML: browsers typeset it without a script."""

import re

from latex2mathml.converter import convert

_CODE = r"```.*?```|`[^`\n]*`"
_FORMULA = re.compile(rf"({_CODE})|\$\$(.+?)\$\$|\$([^$\n]+?)\$", flags=re.DOTALL)


def on_page_markdown(markdown: str, **_: object) -> str:
    """Called by MkDocs with the text of each page."""

    def typeset(found: re.Match[str]) -> str:
        code, block, inline = found.groups()
        if code:
            return code
        display = "block" if block else "inline"
        return convert((block or inline).strip(), display=display)

    return _FORMULA.sub(typeset, markdown)
