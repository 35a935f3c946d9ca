"""Log densities with their data, for examples, tests and benchmarks."""

from pmcmc.targets.arma11 import arma11 as arma11
from pmcmc.targets.banana import banana as banana
from pmcmc.targets.base import Reference as Reference
from pmcmc.targets.base import Target as Target
from pmcmc.targets.base import Transition as Transition
from pmcmc.targets.correlated_gaussian import correlated_gaussian as correlated_gaussian
from pmcmc.targets.eight_schools import eight_schools as eight_schools
from pmcmc.targets.eight_schools import eight_schools_gibbs as eight_schools_gibbs
from pmcmc.targets.funnel import funnel as funnel
from pmcmc.targets.garch11 import garch11 as garch11
from pmcmc.targets.gaussian_process import gaussian_process as gaussian_process
from pmcmc.targets.german_credit import german_credit as german_credit
from pmcmc.targets.hmm import hmm as hmm
from pmcmc.targets.item_response import item_response as item_response
from pmcmc.targets.local_linear_trend import local_linear_trend as local_linear_trend
from pmcmc.targets.logistic_regression import logistic_regression as logistic_regression
from pmcmc.targets.lotka_volterra import lotka_volterra as lotka_volterra
from pmcmc.targets.mixtures import gaussian_mixture as gaussian_mixture
from pmcmc.targets.mixtures import two_well as two_well
from pmcmc.targets.one_compartment import one_compartment as one_compartment
from pmcmc.targets.seir_age_groups import seir_age_groups as seir_age_groups
from pmcmc.targets.sir import sir as sir
from pmcmc.targets.stochastic_volatility import stochastic_volatility as stochastic_volatility
