"""Run the README's Python from where the package is installed: `python readme.py README.md`."""

import pathlib
import re
import sys

(page,) = sys.argv[1:]
blocks = re.findall(r"```python\n(.*?)```", pathlib.Path(page).read_text(), flags=re.DOTALL)
assert len(blocks) == 1, f"{len(blocks)} blocks of Python"
exec(blocks[0], {})
