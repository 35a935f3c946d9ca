"""The code of the documentation runs as it is printed."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PRINTED = {
    "README.md": ["pmcmc.Result: 4 x 2,000 draws", "ess_bulk"],
    "docs/blackjax.md": ["decisions identical: True", "kernel      AlgorithmKernel"],
    "docs/numpyro.md": ["sites       mu (), tau ()", "school", "Number of divergences"],
    "docs/kernels.md": ["HMC(step_size=0.45", "sd 0.9"],
    "docs/warmup.md": ["MALA(step_size=", "accepts 0.", "pmcmc.BurnIn: stationary", "the loop: "],
    "docs/solvers.md": ["newton  ", "sweeps, gamma 0.00", "exponent -"],
}


LIBRARIES = {"docs/blackjax.md": "blackjax", "docs/numpyro.md": "numpyro"}


@pytest.mark.parametrize("page", PRINTED)
def test_example_runs(page, capsys):
    library = LIBRARIES.get(page)
    if library is not None:
        pytest.importorskip(library)
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), flags=re.DOTALL)
    assert len(blocks) == 1
    exec(blocks[0], {})
    printed = capsys.readouterr().out
    for text in PRINTED[page]:
        assert text in printed


def test_every_page_is_tested():
    assert {f"docs/{path.name}" for path in ROOT.glob("docs/*.md")} < set(PRINTED)


def test_every_method_has_a_line_in_the_documentation():
    from pmcmc import solvers

    page = (ROOT / "docs" / "solvers.md").read_text()
    for name in {*solvers.PRESETS} - {"auto"}:
        assert f'| `"{name}"` |' in page
    for kind in (solvers.Structure, solvers.Damping, solvers.Guess):
        for cls in kind.__subclasses__():
            assert cls.__name__ not in dir(solvers) or f"`{cls.__name__}" in page, cls


def test_every_kernel_and_every_target_has_a_line_in_the_documentation():
    import inspect

    import pmcmc

    page = (ROOT / "docs" / "kernels.md").read_text()
    for name, value in vars(pmcmc.kernels).items():
        if inspect.isclass(value) and issubclass(value, pmcmc.kernels.Kernel):
            assert inspect.isabstract(value) or f"| `{name}(" in page, name
    for name, value in vars(pmcmc.targets).items():
        assert not inspect.isroutine(value) or f"`{name}(" in page, name
