"""Measurements behind the choices and the promises of the package; `README.md` lists them."""
