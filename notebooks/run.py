"""Execute notebooks in place: `python notebooks/run.py notebooks/*.ipynb`."""

import sys

import nbformat
from nbclient import NotebookClient


def main(paths: list[str]) -> None:
    """Execute each and store what it prints, without what depends on the machine."""
    for path in paths:
        notebook = nbformat.read(path, as_version=4)
        NotebookClient(notebook, record_timing=False, kernel_name="python3").execute()
        notebook.metadata["language_info"] = {"name": "python"}
        nbformat.write(notebook, path)
        print(path)


if __name__ == "__main__":
    main(sys.argv[1:])
