"""How good draws are, and how well a recursion suits parallel evaluation.

`compare` compares draws with a reference. `report` says in words what is wrong with draws and what
to do about it. The others take a recursion as in `pmcmc.solve`, run it as a loop, and return
numbers.
"""

from pmcmc.diagnostics._compare import Comparison as Comparison
from pmcmc.diagnostics._compare import compare as compare
from pmcmc.diagnostics._conditioning import Conditioning as Conditioning
from pmcmc.diagnostics._conditioning import conditioning as conditioning
from pmcmc.diagnostics._exponent import lyapunov_exponent as lyapunov_exponent
from pmcmc.diagnostics._exponent import pl_bounds as pl_bounds
from pmcmc.diagnostics._finding import Finding as Finding
from pmcmc.diagnostics._mismatch import Mismatch as Mismatch
from pmcmc.diagnostics._mismatch import error_per_sweep as error_per_sweep
from pmcmc.diagnostics._mismatch import jacobian_mismatch as jacobian_mismatch
from pmcmc.diagnostics._penalties import Penalties as Penalties
from pmcmc.diagnostics._penalties import elk_penalties as elk_penalties
from pmcmc.diagnostics._report import Report as Report
from pmcmc.diagnostics._report import report as report
from pmcmc.diagnostics._same_noise import SameNoise as SameNoise
