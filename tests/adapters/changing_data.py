"""Models of data that change in place between two calls."""

import collections
import functools
from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import pandas as pd
import xarray as xr
from scipy import stats

import pmcmc

DATA = np.random.default_rng(0).normal(size=6)
POINT = {"mu": jnp.asarray(0.3)}
TINY = dict(n_steps=2, kernel=pmcmc.MALA(0.1), solver="sequential")
Pair = collections.namedtuple("Pair", "y sd")


def observe(y):
    numpyro.sample("y", dist.Normal(numpyro.sample("mu", dist.Normal(0, 1)), 1), obs=y)


def expected(y):
    """The log density at `POINT`, by SciPy."""
    return stats.norm.logpdf(0.3) + stats.norm(0.3, 1).logpdf(np.asarray(y, float)).sum()


# --- each case: a model, its argument (or none), the change, and what the data then are


def array():
    y = DATA.copy()
    return observe, [y], lambda: y.__iadd__(1), lambda: y


def dictionary():
    y = {"y": DATA.copy()}
    return (lambda d: observe(d["y"])), [y], lambda: y["y"].__iadd__(1), lambda: y["y"]


def dictionary_entry():
    y = {"y": DATA.copy()}
    return (lambda d: observe(d["y"])), [y], lambda: y.update(y=DATA + 1), lambda: y["y"]


def list_of_numbers():
    y = list(DATA)
    return (lambda y: observe(jnp.asarray(y))), [y], lambda: y.append(2.0), lambda: y


def named_tuple():
    y = DATA.copy()
    return (lambda d: observe(d.y)), [Pair(y, 1.0)], lambda: y.__iadd__(1), lambda: y


def column_replaced():
    table = pd.DataFrame({"y": DATA})

    def change():
        table["y"] = DATA + 1

    return (lambda t: observe(t["y"].to_numpy())), [table], change, lambda: table["y"]


def column_changed():
    table = pd.DataFrame({"y": DATA})

    def change():
        table.loc[:, "y"] += 1

    return (lambda t: observe(t["y"].to_numpy())), [table], change, lambda: table["y"]


def namespace():
    space = SimpleNamespace(y=DATA.copy())
    return (lambda s: observe(s.y)), [space], lambda: setattr(space, "y", DATA + 1), lambda: space.y


def dataset():
    data = xr.Dataset({"y": ("case", DATA.copy())})
    return (
        (lambda d: observe(d["y"].values)),
        [data],
        lambda: data.update(data + 1),
        lambda: data["y"].values,
    )


def rows():
    """An array of objects."""
    y = np.empty(2, object)
    y[:] = [DATA[:3].copy(), DATA[3:].copy()]
    model = lambda y: observe(jnp.concatenate(list(map(jnp.asarray, y))))  # noqa: E731
    return model, [y], lambda: y[0].__iadd__(1), lambda: np.concatenate(list(y))


def masked():
    y = np.ma.array(DATA, mask=[True] * 3 + [False] * 3)
    return (
        (lambda y: observe(np.asarray(y.compressed()))),
        [y],
        lambda: setattr(y, "mask", [False] * 6),
        y.compressed,
    )


def method():
    class Regression:
        y = DATA

        def model(self):
            observe(self.y)

    one = Regression()
    return one.model, [], lambda: setattr(one, "y", DATA + 1), lambda: one.y


def bound_in_a_partial():
    y = DATA.copy()
    return functools.partial(observe, y=y), [], lambda: y.__iadd__(1), lambda: y


def closure_over_an_array():
    y = DATA.copy()
    return (lambda: observe(y)), [], lambda: y.__iadd__(1), lambda: y


def closure_over_a_list():
    y = [DATA]
    return (
        (lambda: observe(jnp.concatenate(y))),
        [],
        lambda: y.append(DATA),
        lambda: np.concatenate(y),
    )


def default():
    y = DATA.copy()
    return (lambda y=y: observe(y)), [], lambda: y.__iadd__(1), lambda: y


MODULE_DATA = {"y": DATA}


def observe_module_data():
    observe(helper())


def helper():
    return MODULE_DATA["y"]


def module_global():
    def change():
        MODULE_DATA["y"] = MODULE_DATA["y"] + 1

    return observe_module_data, [], change, lambda: MODULE_DATA["y"]


def looked_up_by_name():
    def change():
        MODULE_DATA["y"] = MODULE_DATA["y"] + 1

    model = lambda: observe(globals()["MODULE_DATA"]["y"])  # noqa: E731
    return model, [], change, lambda: MODULE_DATA["y"]


def object_of_a_class():
    class Data:
        y = DATA

    return (lambda d: observe(d.y)), [Data()], lambda: setattr(Data, "y", DATA + 1), lambda: Data.y


CASES = [
    array,
    dictionary,
    dictionary_entry,
    list_of_numbers,
    named_tuple,
    column_replaced,
    column_changed,
    namespace,
    dataset,
    rows,
    masked,
    method,
    bound_in_a_partial,
    closure_over_an_array,
    closure_over_a_list,
    default,
    module_global,
    looked_up_by_name,
    object_of_a_class,
]
# What belongs to a class or a module does not come as an argument.
COPIED = [array, dictionary, dictionary_entry, list_of_numbers, named_tuple, column_replaced]
COPIED += [column_changed, namespace, dataset, rows, masked]
