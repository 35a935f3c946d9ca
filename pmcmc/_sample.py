"""`sample`: a kernel and a solver put together."""

import dataclasses
import operator
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pmcmc._basis import hessian_basis, pilot_basis
from pmcmc._chain import Runner, check_linearizable
from pmcmc._checks import check_count
from pmcmc._draws import Draws
from pmcmc._evidence import Evidence
from pmcmc._flat import flatten_states
from pmcmc._problem import (
    Problem,
    as_problem,
    check_start,
    init_states,
    with_dtype,
)
from pmcmc._progress import Progress
from pmcmc._result import Info, Result
from pmcmc._warmup import warm_up
from pmcmc.kernels import HMC, MALA, Barker, Kernel, RandomWalkMetropolis
from pmcmc.solvers import (
    Auto,
    Outcome,
    ParallelNewton,
    Solver,
    TrajectoryGuess,
    as_solver,
)

# The first step size of the warm-up is a start for its search only.
_TUNED_KERNELS: dict[str, Kernel] = {
    "mala": MALA(step_size=0.1),
    "hmc": HMC(step_size=0.1, num_integration_steps=10),
    "random_walk": RandomWalkMetropolis(step_size=0.1),
    "barker": Barker(step_size=0.1),
}
_DEFAULT_WARMUP = 1000
_MAX_HESSIAN_DIM = 1000
_WARMUP_STREAM = np.uint32(2**32 - 1)  # no chain has this index


def sample(
    logdensity: Callable[[Any], jax.Array] | None,
    x0: Any,
    n_steps: int,
    *,
    kernel: Kernel | str | None = None,
    solver: Solver | Auto | str = "auto",
    n_chains: int = 1,
    n_warmup: int | None = None,
    thin: int = 1,
    rng_key: jax.Array | int = 0,
    progress: bool | None = None,
) -> Result:
    """Sample a log density by Markov chain Monte Carlo, in parallel over the length of the chain.

    The chain is a function of `rng_key`, kernel and start: the noise of step `t` of chain `c` is
    drawn with `fold_in(fold_in(rng_key, c), t)`. Solvers differ in how they find the chain that
    this noise drives, not in the chain.

    Args:
        logdensity: log density up to a constant, from a position to a real scalar. Pass the same
            function again to use what has been compiled for it; as with `jax.jit`, data that it
            closes over are read the first time only. `None` for a `CustomKernel` without one.
        x0: start, a pytree of float arrays. With `n_chains > 1` each leaf has a leading axis of
            that length, one start a chain; with one chain it has none, and all axes are part of
            the position.
        n_steps: number of steps of each chain.
        kernel: the transition, e.g. `pmcmc.MALA(step_size=0.01)`, of `pmcmc.kernels`; `"mala"`
            (also `None`), `"hmc"`, `"barker"` or `"random_walk"` for one with a step size found in
            the warm-up.
        solver: `"auto"`, `"sequential"`, `"quasi"`, `"newton"`, ... (all are in
            `pmcmc.solvers.PRESETS`), or an instance such as `pmcmc.ParallelNewton(window=128)`.
        n_chains: number of independent chains.
        n_warmup: steps before the draws, dropped, in which the step size of the kernel is tuned,
            if it has an acceptance rate to aim at; `None` for 1,000 where `kernel` is not an
            instance and 0 where it is one.
        thin: keep every `thin`-th step.
        rng_key: a key of `jax.random`, or an integer seed.
        progress: show a line on stderr; `None` to show it where stderr is a terminal.

    Returns:
        Draws with leading axes `(chain, draw)`, statistics of each, and how they came about.

    Raises:
        ValueError: an argument cannot be used; the message says why and what to write.
    """
    for name, value in {"n_steps": n_steps, "n_chains": n_chains, "thin": thin}.items():
        check_count(name, value)
    if thin > n_steps:
        raise ValueError(f"thin must be at most n_steps={n_steps}, got {thin}: write thin=1.")
    n_warmup = _as_n_warmup(n_warmup, kernel)
    given = _as_kernel(kernel)
    solver = as_solver(solver)
    rng_key = _as_key(rng_key)
    problem = as_problem(logdensity, x0, n_chains, given)
    positions = problem.positions
    transition = given.flatten(problem.unravel_one)

    with Progress(progress, n_chains) as line:
        line.say("preparing")
        started = time.perf_counter()
        check_start(problem, transition)
        if isinstance(solver, ParallelNewton) and solver.jacobian.uses_derivatives:
            check_linearizable(problem, transition)
        solver = _resolve(solver, problem, transition, rng_key, n_steps)
        dim = positions.shape[1]
        length = solver.segment_length(n_steps, n_chains, dim, positions.dtype)
        seconds_setup = time.perf_counter() - started

        line.say("compiling")
        started = time.perf_counter()
        runner = Runner(problem.logdensity, solver, length)
        runner.compile(transition, positions, rng_key)
        seconds_compile = time.perf_counter() - started

        started = time.perf_counter()
        warmup = None
        if n_warmup:
            add = line.count("warm-up", n_warmup)
            transition, positions, warmup = warm_up(
                runner,
                transition,
                positions,
                jax.random.fold_in(rng_key, _WARMUP_STREAM),
                n_warmup,
                add,
            )
        seconds_warmup = time.perf_counter() - started

        started = time.perf_counter()
        add = line.count("sampling", n_steps)
        draws = Draws(n_steps, thin)
        evidence = Evidence.none(n_chains)
        for segment in runner.run(transition, positions, rng_key, 0, n_steps):
            draws.append(segment)
            evidence = evidence.add(segment)
            positions = segment.last
            add(segment.positions.shape[1])
        seconds_run = time.perf_counter() - started

    atol, rtol = solver.tolerances(positions.dtype)
    outcomes = [evidence.outcome] if warmup is None else [evidence.outcome, warmup.outcome]
    return Result(
        positions=problem.unravel(draws.positions),
        stats=draws.stats | _constants(transition, draws.stats),
        info=Info(
            kernel=given if given.target_acceptance_rate is None else transition,
            solver=solver,
            device=str(positions.device),
            dtype=np.dtype(positions.dtype),
            n_steps=n_steps,
            sweeps=evidence.sweeps,
            work_per_step=evidence.evaluations / n_steps,
            sequential_steps=evidence.sequential_steps,
            residual=evidence.residual,
            scaled_residual=evidence.scaled_residual,
            outcome=[Outcome(max(codes)) for codes in zip(*outcomes, strict=True)],
            trace=evidence.trace,
            atol=float(atol),
            rtol=float(rtol),
            warmup=warmup,
            seconds_compile=seconds_compile,
            seconds_setup=seconds_setup,
            seconds_warmup=seconds_warmup,
            seconds_run=seconds_run,
        ),
        final_state=_unravel_state(problem, init_states(problem.logdensity, transition, positions)),
    )


def _as_kernel(kernel: Kernel | str | None) -> Kernel:
    if isinstance(kernel, Kernel):
        return kernel
    name = "mala" if kernel is None else kernel
    if isinstance(name, str) and name in _TUNED_KERNELS:
        return _TUNED_KERNELS[name]
    names = ", ".join(map(repr, _TUNED_KERNELS))
    raise ValueError(
        f"kernel must be None, one of {names}, or an instance such as pmcmc.MALA(step_size=0.01), "
        f"got {kernel!r}: write kernel='mala'."
    )


def _constants(kernel: Kernel, stats: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Statistics that are the same in every step."""
    if not hasattr(kernel, "step_size"):
        return {}
    return {"step_size": np.full_like(stats["acceptance_rate"], kernel.step_size)}


def _as_n_warmup(n_warmup: int | None, kernel: Kernel | str | None) -> int:
    is_tuned = isinstance(kernel, Kernel)
    if n_warmup is None:
        return 0 if is_tuned else _DEFAULT_WARMUP
    check_count("n_warmup", n_warmup, minimum=0)
    if n_warmup == 0 and not is_tuned:
        raise ValueError(
            f"n_warmup=0 leaves the step size of kernel={kernel!r} untuned: write an instance such "
            "as kernel=pmcmc.MALA(step_size=0.01), or n_warmup=1000."
        )
    return n_warmup


def _as_key(rng_key: jax.Array | int) -> jax.Array:
    try:
        if isinstance(rng_key, np.ndarray | jax.Array):
            if rng_key.shape == () and jnp.issubdtype(rng_key.dtype, jax.dtypes.prng_key):
                return rng_key
            if rng_key.dtype == np.uint32 and rng_key.ndim == 1:
                return jax.random.wrap_key_data(rng_key)
        if not isinstance(rng_key, bool):
            return jax.random.key(operator.index(rng_key))
    except (TypeError, OverflowError):
        pass  # neither the data of a key nor an integer that fits
    raise ValueError(
        f"rng_key must be one key or an integer below 2**63, got {rng_key!r}: write rng_key=0 or "
        "rng_key=jax.random.key(0)."
    )


def _resolve(
    solver: Solver, problem: Problem, kernel: Kernel, rng_key: jax.Array, n_steps: int
) -> Solver:
    """The solver with its basis found and its guess flattened."""
    if not isinstance(solver, ParallelNewton):
        return solver
    if isinstance(solver.basis, str):
        solver = dataclasses.replace(solver, basis=_find_basis(solver, problem, kernel, rng_key))
    if isinstance(solver.guess, TrajectoryGuess):
        axes: tuple[int, ...] = (n_steps,)
        if problem.has_chain_axis:
            axes = (len(problem.positions), n_steps)
        table = flatten_states(solver.guess.states, problem.layout, axes)
        shape = (len(problem.positions), n_steps, -1)
        solver = dataclasses.replace(solver, guess=TrajectoryGuess(np.reshape(table, shape)))
    return solver


def _find_basis(
    solver: ParallelNewton, problem: Problem, kernel: Kernel, rng_key: jax.Array
) -> jax.Array | None:
    start = problem.positions[0]
    n_parts = solver.jacobian.n_parts
    if solver.basis == "jacobian":
        solver.jacobian.check(1, start.size, start.dtype.itemsize)
        return pilot_basis(
            problem.logdensity, with_dtype(kernel, start.dtype), start, rng_key, n_parts
        )
    # With blocks the parts of the state are position and momentum, which share the basis.
    is_small = start.size <= _MAX_HESSIAN_DIM and solver.jacobian.uses_basis
    is_wanted = solver.basis == "hessian" or (is_small and kernel.uses_gradient)
    if not is_wanted:
        return None
    if problem.logdensity is None:
        raise ValueError("basis='hessian' needs a log density, got None: write basis=None.")
    metric = getattr(with_dtype(kernel, start.dtype), "inverse_mass_matrix", None)
    return hessian_basis(problem.logdensity, start, metric)


def _unravel_state(problem: Problem, state: Any) -> Any:
    """The kernel's state with the vectors in it as pytrees of the structure of `x0`."""
    shape = problem.positions.shape

    def unravel(leaf: jax.Array) -> Any:
        array = np.asarray(leaf)
        tree = problem.unravel(array) if array.shape == shape else array
        return tree if problem.has_chain_axis else jax.tree.map(lambda x: x[0], tree)

    return jax.tree.map(unravel, state)
