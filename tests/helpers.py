"""Oracles and tables that the tests share. A solver, kernel or recursion is one row here."""

import math

import jax
import jax.numpy as jnp
import numpy as np

import pmcmc
from pmcmc import solvers

# --- log densities, each as a JAX function and as an independent NumPy one with its gradient.


def gaussian(x):
    """Independent normals with standard deviations 1, 1/2, 1/3, ..."""
    return -0.5 * jnp.sum((x * jnp.arange(1, x.shape[-1] + 1)) ** 2)


def gaussian_numpy(x):
    precision = np.arange(1, len(x) + 1) ** 2
    return -0.5 * np.sum(precision * x**2), -precision * x


def double_well(x):
    """Two modes in the first coordinate, coupled to the others."""
    return -((x[0] ** 2 - 1) ** 2) / 4 - 0.5 * jnp.sum((x[1:] - 0.5 * x[0]) ** 2)


def double_well_numpy(x):
    rest = x[1:] - 0.5 * x[0]
    value = -((x[0] ** 2 - 1) ** 2) / 4 - 0.5 * np.sum(rest**2)
    first = -x[0] * (x[0] ** 2 - 1) + 0.5 * np.sum(rest)
    return value, np.concatenate([[first], -rest])


def _value_by_callback(x):
    return jax.pure_callback(
        lambda v: np.float64(-0.5 * np.sum(np.asarray(v) ** 2)),
        jax.ShapeDtypeStruct((), x.dtype),
        x,
        vmap_method="sequential",
    )


# A standard normal whose gradient JAX cannot differentiate in forward mode.
reverse_mode_only = jax.custom_vjp(_value_by_callback)
reverse_mode_only.defvjp(
    lambda x: (_value_by_callback(x), (x, _value_by_callback(x))),
    lambda r, c: (-r[0] * c + 0 * r[1],),
)


DENSITIES = {
    "gaussian": (gaussian, gaussian_numpy),
    "double well": (double_well, double_well_numpy),
}


def mala_loop(logdensity_numpy, x0, step_size, noise):
    """MALA as the textbook writes it, one step at a time: positions and decisions."""
    x = np.array(x0)
    positions, decisions, rates = [], [], []
    for normal, uniform in zip(np.asarray(noise.normal), np.asarray(noise.uniform), strict=True):
        value, grad = logdensity_numpy(x)
        proposal = x + step_size * grad + math.sqrt(2 * step_size) * normal
        new_value, new_grad = logdensity_numpy(proposal)

        def log_q(to, start, drift):
            return -np.sum((to - start - step_size * drift) ** 2) / (4 * step_size)

        log_ratio = new_value - value + log_q(x, proposal, new_grad) - log_q(proposal, x, grad)
        rates.append(math.exp(min(0.0, log_ratio)))
        decisions.append(math.log(uniform) < log_ratio)
        if decisions[-1]:
            x = proposal
        positions.append(x)
    return np.array(positions), np.array(decisions), np.array(rates)


def noise_of(kernel, key, chain, n_steps, dim):
    """The noise that `sample` documents: a function of key, chain and step."""
    chain_key = jax.random.fold_in(key, chain)
    step_keys = jax.vmap(lambda step: jax.random.fold_in(chain_key, step))(jnp.arange(n_steps))
    return jax.vmap(lambda step_key: kernel.draw_noise(step_key, jnp.zeros(dim)))(step_keys)


# --- kernels, each with a step in NumPy: `(logdensity_numpy, x, noise) -> (x', is_accepted, rate)`.
# Positions of 4 numbers, noise as NumPy arrays.

METRIC = np.array(
    [[1.2, 0.3, 0.0, -0.1], [0.3, 0.8, 0.2, 0.0], [0.0, 0.2, 0.5, 0.1], [-0.1, 0.0, 0.1, 1.0]]
)
SCALES = np.array([0.5, 1.5, 0.8, 1.2])


def as_matrix(inverse_mass_matrix):
    if inverse_mass_matrix is None:
        return np.eye(4)
    return np.diag(inverse_mass_matrix) if inverse_mass_matrix.ndim == 1 else inverse_mass_matrix


def decided(x, proposal, log_ratio, uniform):
    is_accepted = math.log(uniform) < log_ratio
    return (proposal if is_accepted else x), is_accepted, math.exp(min(0.0, log_ratio))


def langevin_numpy(kernel, density, x, noise):
    drift = kernel.step_size * as_matrix(kernel.inverse_mass_matrix) @ density(x)[1]
    return x + drift + math.sqrt(2 * kernel.step_size) * noise.normal, True, 1.0


def preconditioned_mala_numpy(kernel, density, x, noise):
    matrix = as_matrix(kernel.inverse_mass_matrix)
    precision = np.linalg.inv(matrix)
    proposal, _, _ = langevin_numpy(kernel, density, x, noise)

    def log_q(to, start):
        offset = to - start - kernel.step_size * matrix @ density(start)[1]
        return -offset @ precision @ offset / (4 * kernel.step_size)

    log_ratio = density(proposal)[0] - density(x)[0] + log_q(x, proposal) - log_q(proposal, x)
    return decided(x, proposal, log_ratio, noise.uniform)


def random_walk_kernel_numpy(kernel, density, x, noise):
    proposal = x + kernel.step_size * noise.move
    return decided(x, proposal, density(proposal)[0] - density(x)[0], noise.uniform)


def barker_numpy(kernel, density, x, noise):
    """The density of the proposal is `2 mu(z) / (1 + exp(-z * gradient))`, `mu` symmetric."""
    z = kernel.step_size * noise.normal
    gradient = density(x)[1]
    z = np.where(noise.sign < 1 / (1 + np.exp(-z * gradient)), z, -z)
    proposal = x + z
    forth = np.prod(1 / (1 + np.exp(-z * gradient)))
    back = np.prod(1 / (1 + np.exp(z * density(proposal)[1])))
    ratio = density(proposal)[0] - density(x)[0] + math.log(back / forth)
    return decided(x, proposal, ratio, noise.uniform)


def hmc_kernel_numpy(kernel, density, x, noise):
    matrix, step_size = as_matrix(kernel.inverse_mass_matrix), kernel.step_size
    spread = 1 + kernel.jitter * (2 * noise.jitter - 1)
    position, momentum = x, noise.momentum
    for _ in range(max(1, round(float(kernel.num_integration_steps * spread)))):
        momentum = momentum + step_size / 2 * density(position)[1]
        position = position + step_size * matrix @ momentum
        momentum = momentum + step_size / 2 * density(position)[1]
    before = density(x)[0] - noise.momentum @ matrix @ noise.momentum / 2
    after = density(position)[0] - momentum @ matrix @ momentum / 2
    return decided(x, position, after - before, noise.uniform)


def scaled(x, noise):
    """A proposal that is not symmetric: every coordinate times a log-normal factor."""
    return x * jnp.exp(0.3 * noise)


def scaled_log_ratio(x, proposal):
    return jnp.sum(jnp.log(jnp.abs(proposal)) - jnp.log(jnp.abs(x)))


def metropolis_hastings_numpy(kernel, density, x, noise):
    proposal = x * np.exp(0.3 * noise.proposal)
    # q(x|p) / q(p|x) of a log-normal law is |p| / |x|.
    ratio = density(proposal)[0] - density(x)[0] + np.sum(np.log(np.abs(proposal / x)))
    return decided(x, proposal, ratio, noise.uniform)


def two_block_gibbs(x, noise):
    """Gibbs scan of a normal with unit variances and correlation 0.6 of the halves."""
    first = 0.6 * x[2:] + 0.8 * noise[0]
    return jnp.concatenate([first, 0.6 * first + 0.8 * noise[1]])


def two_block_gibbs_numpy(kernel, density, x, noise):
    first = 0.6 * x[2:] + 0.8 * noise[0]
    return np.concatenate([first, 0.6 * first + 0.8 * noise[1]]), True, 1.0


def normal_like(key, x):
    return jax.random.normal(key, x.shape, x.dtype)


KERNELS = {
    "Langevin": (pmcmc.Langevin(0.05), langevin_numpy),
    "Langevin, dense": (pmcmc.Langevin(0.05, METRIC), langevin_numpy),
    "MALA, diagonal": (pmcmc.MALA(0.12, SCALES), preconditioned_mala_numpy),
    "MALA, dense": (pmcmc.MALA(0.12, METRIC), preconditioned_mala_numpy),
    "random walk": (pmcmc.RandomWalkMetropolis(0.3), random_walk_kernel_numpy),
    "random walk, diagonal": (pmcmc.RandomWalkMetropolis(0.3, SCALES), random_walk_kernel_numpy),
    "random walk, dense": (pmcmc.RandomWalkMetropolis(0.3, METRIC), random_walk_kernel_numpy),
    "random walk, Laplace": (
        pmcmc.RandomWalkMetropolis(0.2, draw=jax.random.laplace),
        random_walk_kernel_numpy,
    ),
    "Barker": (pmcmc.Barker(0.4), barker_numpy),
    "Barker, diagonal": (pmcmc.Barker(0.4, SCALES), barker_numpy),
    "HMC": (pmcmc.HMC(0.25, 4), hmc_kernel_numpy),
    "HMC, one step": (pmcmc.HMC(0.3, 1), hmc_kernel_numpy),
    "HMC, diagonal, jittered": (pmcmc.HMC(0.2, 4, SCALES, jitter=0.5), hmc_kernel_numpy),
    "HMC, dense": (pmcmc.HMC(0.25, 4, METRIC), hmc_kernel_numpy),
    "Metropolis-Hastings": (
        pmcmc.MetropolisHastings(scaled, normal_like, scaled_log_ratio),
        metropolis_hastings_numpy,
    ),
    "Gibbs": (
        pmcmc.CustomKernel(two_block_gibbs, lambda key, x: jax.random.normal(key, (2, 2), x.dtype)),
        two_block_gibbs_numpy,
    ),
}


def kernel_loop(step_numpy, kernel, density, x0, noise):
    """A plain Python loop over a kernel's NumPy step: positions, decisions and rates."""
    x, rows = np.array(x0), []
    for t in range(len(jax.tree.leaves(noise)[0])):
        row = jax.tree.map(lambda leaf: np.asarray(leaf[t]), noise)  # noqa: B023
        rows.append(step_numpy(kernel, density, x, row))
        x = rows[-1][0]
    return tuple(map(np.array, zip(*rows, strict=True)))


# --- solvers

SOLVERS = {
    "sequential": pmcmc.Sequential(),
    "quasi": pmcmc.ParallelNewton(),
    "quasi, window 10": pmcmc.ParallelNewton(basis=None, window=10),
    "quasi, window 7, starved": pmcmc.ParallelNewton(basis=None, window=7, max_sweeps=1),
    "quasi, window 16, short of sweeps": pmcmc.ParallelNewton(basis=None, window=16, max_sweeps=3),
}

# --- structures, each with what damps it; states of 4 numbers

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
    "dense, held": solvers.Lagged(solvers.Dense(), every=3),
    "diagonal, fixed": solvers.Constant(solvers.Diagonal(), np.array([0.5, 0.4, 0.3, 0.2])),
}
DAMPINGS = {
    "clip": solvers.Clip(rho=0.9),
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
    }
)

# --- recursions, each as a JAX step and as an independent NumPy one; states of shape (4,), inputs
# of four normal numbers and a uniform one

_MIX = np.array(
    [[0.5, -0.3, 0.2, 0.1], [0.1, 0.6, -0.4, 0.0], [-0.2, 0.3, 0.4, 0.2], [0.1, 0.0, -0.3, 0.5]]
)
_DECAY = np.array([0.9, 0.5, -0.7, 0.99])
_DATA = np.random.default_rng(6).normal(size=(30, 4))
_LABELS = (_DATA @ np.array([1.0, -1.0, 0.5, 0.0]) > 0).astype(float)


def logistic(x):
    logits = jnp.asarray(_DATA) @ x
    return jnp.sum(jnp.asarray(_LABELS) * logits - jax.nn.softplus(logits)) - 0.5 * jnp.sum(x**2)


def logistic_numpy(x):
    logits = _DATA @ x
    value = np.sum(_LABELS * logits - np.logaddexp(0.0, logits)) - 0.5 * np.sum(x**2)
    return value, _DATA.T @ (_LABELS - 1 / (1 + np.exp(-logits))) - x


_MEANS, _VARIANCES = np.array([[-1.4, 0.0], [1.6, 0.0]]), np.array([[0.45, 0.45], [0.54, 0.45]])
_WEIGHTS = np.array([0.49, 0.51]) / np.sqrt(np.prod(_VARIANCES, axis=1))


def two_well_langevin(x, noise, step_size=0.01):
    """Langevin step for a mixture of two normals in the plane (Gonzalez, 2026).

    The gradient is written out: the Jacobian of `jax.grad` of a log-sum-exp loses its digits far
    out, where Newton's iterates pass.
    """
    offsets = x[None] - jnp.asarray(_MEANS)
    squares = jnp.sum(offsets**2 / jnp.asarray(_VARIANCES), axis=1)
    shares = jax.nn.softmax(jnp.asarray(np.log(_WEIGHTS)) - 0.5 * squares)
    grad = -jnp.sum(shares[:, None] * offsets / jnp.asarray(_VARIANCES), axis=0)
    return x + step_size * grad + math.sqrt(2 * step_size) * noise


def two_well_langevin_numpy(x, noise, step_size=0.01):
    offsets = x - _MEANS
    densities = _WEIGHTS * np.exp(-0.5 * np.sum(offsets**2 / _VARIANCES, axis=1))
    grad = -np.sum(densities[:, None] * offsets / _VARIANCES, axis=0) / densities.sum()
    return x + step_size * grad + math.sqrt(2 * step_size) * noise


def two_chains(step):
    """Two chains in the plane side by side, as one of four numbers."""
    return lambda s, u: jnp.concatenate(
        [step(s[:2], u["normal"][:2]), step(s[2:], u["normal"][2:])]
    )


def mala(s, u):
    kernel = pmcmc.MALA(step_size=0.08)
    noise = pmcmc.kernels.MALANoise(u["normal"], u["uniform"])
    return kernel.transition(logistic, kernel.init(logistic, s), noise)[0].position


def mala_numpy(s, u):
    noise = pmcmc.kernels.MALANoise([u["normal"]], [u["uniform"]])
    return mala_loop(logistic_numpy, s, 0.08, noise)[0][0]


def random_walk(s, u):
    proposal = s + 0.5 * u["normal"]
    is_accepted = jnp.log(u["uniform"]) < logistic(proposal) - logistic(s)
    return jnp.where(is_accepted, proposal, s)


def random_walk_numpy(s, u):
    proposal = s + 0.5 * u["normal"]
    ratio = logistic_numpy(proposal)[0] - logistic_numpy(s)[0]
    return proposal if np.log(u["uniform"]) < ratio else s


def hmc(s, u, step_size=0.3, n_leapfrog=3):
    gradient = jax.grad(logistic)
    position, momentum = s, u["normal"] + 0.5 * step_size * gradient(s)
    for i in range(n_leapfrog):
        position = position + step_size * momentum
        size = step_size if i < n_leapfrog - 1 else 0.5 * step_size
        momentum = momentum + size * gradient(position)
    before = logistic(s) - 0.5 * jnp.sum(u["normal"] ** 2)
    after = logistic(position) - 0.5 * jnp.sum(momentum**2)
    return jnp.where(jnp.log(u["uniform"]) < after - before, position, s)


def hmc_numpy(s, u, step_size=0.3, n_leapfrog=3):
    position, momentum = s, u["normal"]
    for _ in range(n_leapfrog):
        momentum = momentum + 0.5 * step_size * logistic_numpy(position)[1]
        position = position + step_size * momentum
        momentum = momentum + 0.5 * step_size * logistic_numpy(position)[1]
    before = logistic_numpy(s)[0] - 0.5 * np.sum(u["normal"] ** 2)
    after = logistic_numpy(position)[0] - 0.5 * np.sum(momentum**2)
    return position if np.log(u["uniform"]) < after - before else s


RECURSIONS = {
    "linear": (
        lambda s, u: jnp.asarray(_DECAY) * s + u["normal"],
        lambda s, u: _DECAY * s + u["normal"],
    ),
    "tanh network": (
        lambda s, u: jnp.tanh(jnp.asarray(_MIX) @ s + u["normal"]),
        lambda s, u: np.tanh(_MIX @ s + u["normal"]),
    ),
    "two-well Langevin": (
        two_chains(two_well_langevin),
        lambda s, u: np.concatenate(
            [
                two_well_langevin_numpy(s[:2], u["normal"][:2]),
                two_well_langevin_numpy(s[2:], u["normal"][2:]),
            ]
        ),
    ),
    "MALA": (mala, mala_numpy),
    "random walk": (random_walk, random_walk_numpy),
    "HMC": (hmc, hmc_numpy),
}


def draw(seed, n_steps):
    """Inputs of the recursions."""
    rng = np.random.default_rng(seed)
    return {"normal": rng.normal(size=(n_steps, 4)), "uniform": rng.uniform(size=n_steps)}


# Errors double every step, so that a sweep finishes few steps and loops in other arithmetic differ.
CHAOTIC = (
    lambda s, u: jnp.mod(2 * s + 0.1 * u, 1.0),
    lambda s, u: np.mod(2 * s + 0.1 * u, 1.0),
)


def loop(step_numpy, s0, inputs):
    """The plain Python loop."""
    states, s = [], np.array(s0)
    for t in range(len(jax.tree.leaves(inputs)[0])):
        s = step_numpy(s, jax.tree.map(lambda u: u[t], inputs))  # noqa: B023
        states.append(s)
    return np.array(states)
