"""Formulas of the documentation become MathML when the site is built."""

import importlib.util
from pathlib import Path

import pytest

pytest.importorskip("latex2mathml")
PATH = Path(__file__).parents[1] / "docs" / "formulas.py"


@pytest.fixture(scope="module")
def typeset():
    specification = importlib.util.spec_from_file_location("formulas", PATH)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module.on_page_markdown


def test_formulas_are_typeset(typeset):
    line = typeset("The state $s_t$, or\n$x$.")
    assert line.startswith('The state <span><math xmlns="http://www.w3.org/1998/Math/MathML"')
    # A line of Markdown that begins with a block would be cut out of its paragraph.
    assert "\n<span><math" in line
    assert "<msub><mi>s</mi><mi>t</mi></msub>" in line
    assert 'display="block"' in typeset("$$\na + b\n$$")


@pytest.mark.parametrize(
    "text", ["`$HOME`", "```bash\necho $A $B\n```", "    pay $5", "costs $5 a\nday, or $6"]
)
def test_what_is_no_formula_is_left_alone(typeset, text):
    assert typeset(text) == text
