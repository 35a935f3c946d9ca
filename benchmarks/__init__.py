"""Measurements behind the package's choices and claims; `README.md` lists them."""
