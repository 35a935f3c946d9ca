"""Cheap stand-ins for a log density, one kind per file."""

from pmcmc.surrogates.base import Surrogate as Surrogate
from pmcmc.surrogates.fit import Fit as Fit
from pmcmc.surrogates.fit import fit_polynomial as fit_polynomial
from pmcmc.surrogates.function import FunctionSurrogate as FunctionSurrogate
from pmcmc.surrogates.function import as_surrogate as as_surrogate
from pmcmc.surrogates.gaussian import GaussianSurrogate as GaussianSurrogate
from pmcmc.surrogates.polynomial import PolynomialSurrogate as PolynomialSurrogate
