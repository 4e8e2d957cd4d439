r"""How much a change of the input can move a reconstruction, with no attack on any target.

The reconstruction f maps the zero-filled image z, or the measured k-space y, to an image; a
smoothed network is made a function by freezing its noise samples. f is not holomorphic, so its
Jacobian J is linear over the reals only: complex tensors stand for pairs of real numbers, with
the inner product ``Re<a, b>``.

- `jacobian_norm` is the largest singular value of J: the steepest direction at one point.
- `local_lipschitz` is the largest :math:`\|f(p + d) - f(p)\| / \|d\|` found in a ball.

Both are iterative, so lower bounds of what they estimate; `journal_bound` is the upper bound that
the journal version of SMUG proves.
"""

from smuglib.analysis.jacobian import JacobianNorm, jacobian_norm
from smuglib.analysis.journal_bound import JournalBound, journal_bound
from smuglib.analysis.linearization import Linearization
from smuglib.analysis.lipschitz import local_lipschitz
from smuglib.analysis.spectrum import Spectrum

__all__ = ["JacobianNorm", "JournalBound", "Linearization", "Spectrum", "jacobian_norm"]
__all__ += ["journal_bound", "local_lipschitz"]
