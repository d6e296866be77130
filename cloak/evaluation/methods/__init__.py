"""The methods that an evaluation compares: ours, published ones as recipes of the same attack, other libraries'."""

from cloak.evaluation.methods.base import Method
from cloak.evaluation.methods.catalogue import METHODS, open_method
from cloak.evaluation.methods.interop import SamePerson
from cloak.evaluation.methods.targets import Targets

__all__ = ["METHODS", "Method", "SamePerson", "Targets", "open_method"]
