"""Solvers, structures, damping and guesses. Each is one row here; states have 4 numbers."""

import jax.numpy as jnp
import numpy as np

import pmcmc
from pmcmc import solvers

SOLVERS = {
    "sequential": pmcmc.Sequential(),
    "quasi": pmcmc.ParallelNewton(),
    "quasi, window 10": pmcmc.ParallelNewton(basis=None, window=10),
    "quasi, window 7, starved": pmcmc.ParallelNewton(basis=None, window=7, max_sweeps=1),
    "quasi, window 16, short of sweeps": pmcmc.ParallelNewton(basis=None, window=16, max_sweeps=3),
}

STRUCTURES = {
    "dense": solvers.Dense(),
    "diagonal": solvers.Diagonal(),
    "diagonal, 3 probes": solvers.Diagonal(n_probes=3),
    "diagonal, exact": solvers.Diagonal(n_probes=None),
    "blocks": solvers.DiagonalBlocks(),
    "blocks, 2 probes": solvers.DiagonalBlocks(n_probes=2),
    "blocks, exact": solvers.DiagonalBlocks(n_probes=None),
    "scaled identity": solvers.ScaledIdentity(),
    "identity": solvers.ScaledIdentity(1.0),
    "zero": solvers.ScaledIdentity(0.0),
    "picard": solvers.Identity(),
    "jacobi": solvers.Zero(),
    "dense blocks": solvers.DenseBlocks(2),
    "dense blocks, exact": solvers.DenseBlocks(2, n_probes=None),
    "permutation": solvers.Permutation(lambda s, u: jnp.argsort(u["normal"])),
    "diagonal, given": solvers.GivenDiagonal(lambda s, u: 0.5 + 0.0 * u["normal"]),
    "dense, by differences": solvers.Differences(solvers.Dense()),
    "dense, held": solvers.Lagged(solvers.Dense(), every=3),
    "diagonal, fixed": solvers.Constant(solvers.Diagonal(), np.array([0.5, 0.4, 0.3, 0.2])),
}

DAMPINGS = {
    "clip": solvers.Clip(rho=0.9),
    "clip, not negative": solvers.Clip(rho=0.9, low=0.0),
    "scale": solvers.Scale(k=0.2),
    "scale per step": solvers.Scale(k=np.linspace(0.0, 1.0, 400)),
    "ELK": solvers.ELK(),
    "ELK, adaptive": solvers.ELK(is_adaptive=True),
}

GUESSES = {
    "constant": solvers.ConstantGuess(),
    "finished": solvers.LastStateGuess(),
    "jacobi": solvers.JacobiGuess(),
    "random": solvers.RandomGuess(mean=0.1, sd=0.5),
    "surrogate": solvers.SurrogateGuess(lambda s, u: 0.9 * s + u["normal"]),
}

_BASIS = np.linalg.qr(np.random.default_rng(5).normal(size=(4, 4)))[0]


def _newton(**choices):
    return pmcmc.ParallelNewton(**{"window": 40, "fallback": None, "basis": None} | choices)


METHODS = (
    {name: _newton(jacobian=structure) for name, structure in STRUCTURES.items()}
    | {
        f"{of}, {name}": _newton(jacobian=STRUCTURES[of], damping=damping)
        for of, name, damping in [
            (of, name, damping)
            for name, damping in DAMPINGS.items()
            for of in ("dense", "diagonal", "blocks")
            if of == "diagonal" or name in ("clip", "ELK")
        ]
    }
    | {f"diagonal, {name} guess": _newton(guess=guess) for name, guess in GUESSES.items()}
    | {
        "diagonal, in a basis": _newton(basis=_BASIS),
        "blocks, in a basis": _newton(
            jacobian=solvers.DiagonalBlocks(), basis=np.linalg.qr(_BASIS[:2, :2])[0]
        ),
        "diagonal, wide window": _newton(window=150),
        "permutation, scale": _newton(
            jacobian=STRUCTURES["permutation"], damping=solvers.Scale(0.3)
        ),
        "dense blocks, ELK": _newton(jacobian=STRUCTURES["dense blocks"], damping=solvers.ELK()),
        "jacobi, Anderson": _newton(jacobian=solvers.Zero(), acceleration=solvers.Anderson()),
        "diagonal, Broyden": _newton(acceleration=solvers.Broyden(memory=5)),
    }
)
