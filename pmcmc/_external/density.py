"""`external`: a log density that is any Python function."""

from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pmcmc._external.evaluator import Evaluator
from pmcmc._util.callbacks import ExplainedError
from pmcmc._util.checks import check_count, check_flag, check_positive, short
from pmcmc._util.threads import n_cores


class ExternalLogDensity:
    """A log density that calls a Python function at many positions at once.

    To JAX it is one function of a batch; see `external`.
    """

    def __init__(self, evaluator: Evaluator, n_workers: int, has_gradient: bool, name: str) -> None:
        self._evaluator = evaluator
        self._has_gradient = has_gradient
        self._name = name
        self.evaluations_at_once = n_workers
        self._value = jax.custom_vjp(self._value_alone)
        self._value.defvjp(self._forward, self._backward)

    def __call__(self, position: Any) -> jax.Array:
        """The log density at a position, under any transformation of JAX except forward mode."""
        value: jax.Array = self._value(position)
        return value

    def __repr__(self) -> str:
        return f"pmcmc.external({self._name})"

    @property
    def n_evaluations(self) -> int:
        """Calls of the function so far, repeated ones included."""
        return self._evaluator.n_evaluations

    def _value_alone(self, position: Any) -> jax.Array:
        return self._called(position)[0]

    def _forward(self, position: Any) -> tuple[jax.Array, Any]:
        if not self._has_gradient:
            raise TypeError(
                f"{self!r} was given without gradients: write kernel='random_walk' or "
                "'surrogate_hmc', or external(..., gradient=True) with a function that returns "
                "value and gradient"
            )
        value, gradient = self._called(position)
        return value, gradient

    def _backward(self, gradient: Any, cotangent: jax.Array) -> tuple[Any]:
        return (jax.tree.map(lambda leaf: cotangent * leaf, gradient),)

    def _called(self, position: Any) -> tuple[jax.Array, Any]:
        """Value and gradient (`None` if there is none), by a callback."""
        shapes = jax.tree.map(lambda x: jax.ShapeDtypeStruct(jnp.shape(x), x.dtype), position)
        dtype = jnp.result_type(*jax.tree.leaves(shapes))
        result = (jax.ShapeDtypeStruct((), dtype), shapes if self._has_gradient else None)

        def host(*leaves: Any) -> Any:
            return self._batch(shapes, dtype, leaves)

        called: tuple[jax.Array, Any] = jax.pure_callback(
            host, result, *jax.tree.leaves(position), vmap_method="broadcast_all"
        )
        return called

    def _batch(self, shapes: Any, dtype: Any, leaves: Any) -> Any:
        """Values of a batch of positions, leaves with the same leading axes."""
        structs, treedef = jax.tree.flatten(shapes)
        tables = [np.asarray(leaf) for leaf in leaves]
        axes = tables[0].shape[: tables[0].ndim - len(structs[0].shape)]
        rows = [
            table.reshape(-1, *struct.shape) for table, struct in zip(tables, structs, strict=True)
        ]
        positions = [
            jax.tree.unflatten(treedef, [np.array(table[i]) for table in rows])
            for i in range(len(rows[0]))
        ]
        keys = [b"".join(table[i].tobytes() for table in rows) for i in range(len(rows[0]))]
        results = self._evaluator(keys, positions)
        values = [self._checked(result, shapes) for result in results]
        value = np.array([x for x, _ in values], dtype).reshape(axes)
        if not self._has_gradient:
            return value, None
        gradients = jax.tree.map(
            lambda struct, *parts: (
                np.stack(parts).astype(struct.dtype).reshape((*axes, *struct.shape))
            ),
            shapes,
            *(gradient for _, gradient in values),
        )
        return value, gradients

    def _checked(self, result: Any, shapes: Any) -> tuple[float, Any]:
        """Value and gradient of one evaluation."""
        is_pair = isinstance(result, tuple | list) and len(result) == 2
        value, gradient = result if self._has_gradient and is_pair else (result, None)
        is_number = np.ndim(value) == 0 and np.asarray(value).dtype.kind in "fiu"
        got = jax.tree.map(np.shape, gradient)
        fits = not self._has_gradient or got == jax.tree.map(lambda x: x.shape, shapes)
        if not is_number or not fits:
            what, example = "a real number", "float(value)"
            if self._has_gradient:
                what = "a real number and its gradient, shaped like the position"
                example += ", gradient"
            raise ExplainedError(
                f"the function of {self!r} must return {what}, as in `return {example}`, got "
                f"{short(result)}"
            )
        return float(value), gradient


def external(
    function: Callable[[Any], Any],
    *,
    executor: Executor | None = None,
    n_workers: int | None = None,
    gradient: bool = False,
    timeout: float | None = None,
) -> ExternalLogDensity:
    """Turn a Python function into a log density, e.g. a simulator or a call of another program.

    Pass the result to `sample` like any log density, with `kernel="random_walk"`, `"surrogate_hmc"`
    or `MetropolisHastings` (or `"mala"` if there is a gradient). The proposals of several steps are
    predicted and evaluated at once, one per worker, so many workers make one chain faster
    (`solver="speculative"`, which `"auto"` chooses if there are more workers than chains). The
    chain is the same as a loop's. A surrogate is fitted to the evaluations during the run. Equal
    positions are evaluated once.

    An evaluation is tried once more if it raises an exception, takes too long, or loses its worker.
    A value that is NaN or infinite rejects the proposal.

    Args:
        function: from a position (the structure of `x0`, NumPy arrays) to a number; it is sent to
            the workers as in `concurrent.futures`.
        executor: any `concurrent.futures.Executor`, such as `distributed.Client.get_executor()` or
            `mpi4py.futures.MPIPoolExecutor()`; you have to shut it down. `None` for one process per
            core, which needs `pip install 'pmcmc[external]'`.
        n_workers: number of evaluations that the executor runs at once; `None` for an executor of
            `concurrent.futures`, or for one process per core.
        gradient: whether the function returns a pair: the number, and its gradient with the
            structure of the position.
        timeout: seconds for one evaluation, `None` for no limit. With your own executor, the worker
            continues an evaluation that took too long.

    Raises:
        ValueError: an argument cannot be used.
        RuntimeError: when sampling, an evaluation failed twice; the message has the position.
    """
    if not callable(function):
        raise ValueError(
            f"function must be a function of the position, got {short(function)}: write e.g. "
            "external(lambda x: -0.5 * float(x @ x))."
        )
    check_flag("gradient", gradient)
    if timeout is not None:
        check_positive("timeout", timeout, "timeout=60.0")
    if executor is not None and not callable(getattr(executor, "submit", None)):
        raise ValueError(
            f"executor must have a method submit, as those of concurrent.futures, got "
            f"{short(executor)}: write e.g. executor=ThreadPoolExecutor(8)."
        )
    if n_workers is None:
        n_workers = n_cores() if executor is None else getattr(executor, "_max_workers", None)
        if n_workers is None:
            raise ValueError(
                "n_workers must be the number of evaluations that the executor runs at once, which "
                f"{type(executor).__name__} does not report: write e.g. n_workers=8."
            )
    n_workers = check_count("n_workers", n_workers)
    name = getattr(function, "__name__", type(function).__name__)
    return ExternalLogDensity(
        Evaluator(function, executor, n_workers, timeout), n_workers, gradient, name
    )
