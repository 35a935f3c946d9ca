"""`result.report_html`: one page that says what there is, and runs nothing."""

import html
import sys
from html.parser import HTMLParser

import jax.numpy as jnp
import numpy as np
import pytest

import pmcmc

HOSTILE = '<script>alert("x")<img onerror=x> & $\\frac{1$'
LARGEST = 3_000_000  # bytes
ALLOWED = {
    "html", "head", "meta", "title", "style", "body", "h1", "h2", "section", "p", "div", "table",
    "tr", "th", "td", "img",
}  # fmt: skip


class Page(HTMLParser):
    """The tags, attributes and words of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.words = set(), [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.attributes += attributes

    def handle_data(self, data):
        self.words.append(data)


def logdensity(x):
    return -0.5 * sum(jnp.sum(value**2) for value in x.values())


@pytest.fixture(scope="module")
def result():
    x0 = {HOSTILE: np.zeros((4, 2)), "plain": np.zeros(4)}
    kernel = pmcmc.MALA(step_size=0.6)
    return pmcmc.sample(logdensity, x0, 400, kernel=kernel, n_chains=4, solver="quasi")


def test_the_page_shows_hostile_names_and_runs_nothing(result, tmp_path):
    path = result.report_html(tmp_path / "out.html")
    text = path.read_text(encoding="utf-8")
    page = Page(text)
    assert page.tags <= ALLOWED
    assert html.escape(HOSTILE) in text
    assert any(word.startswith(HOSTILE) for word in page.words)
    sources = [value for name, value in page.attributes if name in ("src", "href")]
    assert len(sources) == 2
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert len(text) < LARGEST


def test_the_page_has_the_figures(result, tmp_path):
    words = " ".join(Page(result.report_html(str(tmp_path / "out.html")).read_text()).words)
    assert f"{result.info.residual.max():.2g}" in words
    assert f"{result.info.sweeps.max():,} for 400 steps" in words
    assert "MALA(step_size=0.6)" in words
    mean = float(result.summary().loc["plain", "mean"])
    assert f"{mean:.3f}".rstrip("0") in words
    sections = ("problem found", "What was run", "Summary", "Draws", "Evidence", "Time", "Versions")
    for text in sections:
        assert text in words


def test_the_page_warns_first(tmp_path):
    def narrow(x):
        return -0.5 * jnp.sum(x**2) * 1e6

    stuck = pmcmc.sample(narrow, np.ones(2), 300, kernel=pmcmc.MALA(1.0), solver="sequential")
    words = [w for w in Page(stuck.report_html(tmp_path / "x.html").read_text()).words if w.strip()]
    found = pmcmc.diagnostics.report(stuck).findings
    assert found
    start = words.index(pmcmc.diagnostics.report(stuck).verdict)
    assert words[start + 1] == " ".join(found[0])
    assert words.index("What was run") > start


def test_many_numbers_stay_small(tmp_path):
    wide = pmcmc.sample(
        lambda x: -0.5 * jnp.sum(x**2),
        np.zeros(320),
        60,
        kernel=pmcmc.MALA(0.01),
        solver="sequential",
    )
    path = wide.report_html(tmp_path / "wide.html")
    assert path.stat().st_size < LARGEST
    assert "The first 300 of 320 numbers" in path.read_text()


def test_a_missing_folder_is_named(result, tmp_path):
    with pytest.raises(ValueError, match=r"folder that exists, got .*nowhere.*write result\."):
        result.report_html(tmp_path / "nowhere" / "out.html")


def test_without_matplotlib_it_says_what_to_install(result, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"pip install 'pmcmc\[plots\]'"):
        result.report_html(tmp_path / "out.html")
    assert not (tmp_path / "out.html").exists()
