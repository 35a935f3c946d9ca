"""The plan of the house: where imports point, who may ask for a type, how long things are."""

import ast
import inspect
import pathlib

import pytest

import pmcmc

PACKAGE = pathlib.Path(pmcmc.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
# Each room may import from its own layer and from those before it.
LAYERS = [
    "_version _util",
    "surrogates",
    "kernels solvers targets",
    "_chain",
    "_adaptation",
    "_planning",
    "_arguments _store",
    "_run_info _result _running _external _sample _resume _solve _warmup _plan _burn_in",
    "diagnostics plots",
    "_html",
    "adapters _demo __main__",
]
# What may be longer, and why.
MOST_LINES, MOST_LINES_OF_A_FUNCTION = 250, 60
LONG_FILES = {
    "adapters/numpyro/_mcmc.py": "all that NumPyro's MCMC has, whose place it takes",
}
LONG_FUNCTIONS = {}
LAYER = {room: i for i, rooms in enumerate(LAYERS) for room in rooms.split()}
# A method of results that hands over, and imports when it is called.
HANDED_OVER = {("_result", "_html")}
STRANGERS = {("kernels", "solvers"), ("solvers", "kernels"), ("targets", "solvers")}


def room(module):
    """The room of `pmcmc.room.file`; the root itself has no layer, and imports all."""
    return module.split(".")[1] if "." in module else None


def imports(path):
    module = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module == "pmcmc":
            names = [f"pmcmc.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        for name in names:
            is_ours = name.split(".")[0] == "pmcmc" and room(name) in LAYER
            if is_ours and room(module) != "__init__":
                yield room(module), room(name)


def test_every_room_has_a_layer():
    rooms = {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in FILES}
    assert rooms - {"__init__"} == set(LAYER)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_one_way(path):
    for here, there in imports(path):
        is_one_way = LAYER[there] <= LAYER[here] or (here, there) in HANDED_OVER
        assert is_one_way, f"{here} imports {there}"
        assert (here, there) not in STRANGERS, f"{here} imports {there}"


def concrete(module, base):
    return {
        name: inspect.getsourcefile(value)
        for name, value in vars(module).items()
        if inspect.isclass(value) and issubclass(value, base) and not inspect.isabstract(value)
    }


def test_nobody_asks_which_kernel_or_solver_it_is():
    known = concrete(pmcmc.kernels, pmcmc.kernels.Kernel)
    known |= concrete(pmcmc.solvers, pmcmc.solvers.Solver)
    assert {"HMC", "MALA", "ParallelNewton", "Sequential"} <= set(known)
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or getattr(node.func, "id", "") != "isinstance":
                continue
            names = {x.id for x in ast.walk(node.args[1]) if isinstance(x, ast.Name)}
            if "numpyro" in path.parts:
                names -= {"HMC"}  # NumPyro's own
            for name in names & set(known):
                assert str(path) == known[name], f"{path.name} asks whether it is a {name}"


def test_files_are_short():
    lengths = {path: len(path.read_text().splitlines()) for path in FILES}
    long = {str(path.relative_to(PACKAGE)): n for path, n in lengths.items() if n > MOST_LINES}
    assert not {*long} - {*LONG_FILES}, long


def lines_of(function):
    """Number of lines without the docstring."""
    lines = function.end_lineno - function.lineno + 1
    if ast.get_docstring(function) is not None:
        docstring = function.body[0]
        lines -= docstring.end_lineno - docstring.lineno + 1
    return lines


def test_functions_are_short():
    long = {
        f"{path.relative_to(PACKAGE)}:{node.name}": lines_of(node)
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and lines_of(node) > MOST_LINES_OF_A_FUNCTION
    }
    assert not {*long} - {*LONG_FUNCTIONS}, long
