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
        if block:
            return convert(block.strip(), display="block")
        # In a span, since Markdown takes a line that begins with `<math>` for a block.
        return f"<span>{convert(inline.strip(), display='inline')}</span>"

    return _FORMULA.sub(typeset, markdown)
