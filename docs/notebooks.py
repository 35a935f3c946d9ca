"""The notebooks as pages: text, code, and what it printed and drew when it ran."""

import base64
import json
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

_FOLDER = Path(__file__).parents[1] / "notebooks"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Called by MkDocs with the files of the site."""
    for path in sorted(_FOLDER.glob("*.ipynb")):
        pictures: dict[str, bytes] = {}
        cells = json.loads(path.read_text())["cells"]
        parts = [part for cell in cells for part in _parts(cell, path.stem, pictures)]
        page = "\n\n".join(part for part in parts if part)
        files.append(File.generated(config, f"notebooks/{path.stem}.md", content=page))
        for name, content in pictures.items():
            files.append(File.generated(config, f"notebooks/{name}", content=content))
    return files


def _parts(cell: dict, stem: str, pictures: dict[str, bytes]) -> list[str]:
    """Markdown of a cell; adds to `pictures`, by file name."""
    text = "".join(cell["source"])
    if cell["cell_type"] == "markdown":
        text = re.sub(r"\n\nTo run this elsewhere.*", "", text)  # of no use on a page
        text = re.sub(r"\]\((\w+)\.ipynb\)", r"](\1.md)", text)
        return [text.replace("](../docs/", "](../")]
    parts = [f"```python\n{text}\n```"]
    for output in cell["outputs"]:
        data = {name: "".join(lines) for name, lines in output.get("data", {}).items()}
        if "image/png" in data:
            name = f"{stem}_{len(pictures)}.png"
            pictures[name] = base64.b64decode(data["image/png"])
            parts.append(f"![What the code above draws]({name})")
        elif "text/html" in data:
            parts.append(_table(data["text/html"]))
        else:
            printed = "".join(output.get("text", "")) or data.get("text/plain", "")
            parts.append(f"```text\n{printed.rstrip()}\n```")
    return parts


def _table(html: str) -> str:
    """A table of pandas as the theme knows it: without styles, on lines of one block."""
    found = re.search(r"<table.*</table>", html, flags=re.DOTALL)
    if found is None:
        return html
    bare = re.sub(r"<(table|tr)[^>]*>", r"<\1>", found.group())
    return re.sub(r"\s*\n\s*", "\n", bare)
