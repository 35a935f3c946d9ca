"""The oldest versions of what the package depends on, as `pyproject.toml` allows: `name==version`.

`python oldest.py [EXTRA ...]` prints those of the package itself and of some of its extras.
"""

import pathlib
import re
import sys
import tomllib

pyproject = pathlib.Path(__file__).parents[1] / "pyproject.toml"
project = tomllib.loads(pyproject.read_text())["project"]
needed = list(project["dependencies"])
for extra in sys.argv[1:]:
    needed += project["optional-dependencies"][extra]
for requirement in needed:
    name, version = re.fullmatch(r"([\w-]+)>=([\d.]+)", requirement).groups()
    print(f"{name}=={version}")
