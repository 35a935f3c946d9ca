"""The code of the README runs as it is printed."""

import re
from pathlib import Path

README = (Path(__file__).parents[1] / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


def test_readme_example_runs(capsys):
    assert len(BLOCKS) == 1
    exec(BLOCKS[0], {})
    printed = capsys.readouterr().out
    assert "pmcmc.Result: 4 x 2,000 draws" in printed
    assert "ess_bulk" in printed
