"""Notebooks run, and are stored as they ran."""

import base64
from pathlib import Path

import nbclient
import nbformat
import pytest

FOLDER = Path(__file__).parents[1] / "notebooks"
NAMES = sorted(path.name for path in FOLDER.glob("*.ipynb"))
LARGEST = 400_000  # bytes: small enough to review


def read(name):
    return nbformat.read(FOLDER / name, as_version=4)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_notebook_runs(name, monkeypatch, tmp_path):
    monkeypatch.setenv("PMCMC_SHORT", "1")
    folder = {"metadata": {"path": str(tmp_path)}}
    nbclient.NotebookClient(read(name), kernel_name="python3", resources=folder).execute()


@pytest.mark.parametrize("name", NAMES)
def test_notebook_is_stored_as_it_ran(name):
    assert (FOLDER / name).stat().st_size < LARGEST
    cells = [cell for cell in read(name).cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == [*range(1, len(cells) + 1)]
    outputs = [output for cell in cells for output in cell.outputs]
    assert not any(output.output_type == "error" for output in outputs)
    assert not any(output.get("name") == "stderr" for output in outputs)
    pictures = [
        output.data["image/png"] for output in outputs if "image/png" in output.get("data", ())
    ]
    assert pictures
    assert all(base64.b64decode(picture).startswith(b"\x89PNG") for picture in pictures)


def test_every_notebook_has_a_line_and_says_how_to_run_it_elsewhere():
    page = (FOLDER / "README.md").read_text()
    assert len(NAMES) == 7
    for name in NAMES:
        assert f"]({name}) |" in page
        first = read(name).cells[0].source
        assert '%pip install ".[all]"' in first
        assert "PMCMC_SHORT" in first
