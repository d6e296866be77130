"""The attack: deltas that recognisers notice and people do not.

deltas = attack(batch, surrogates, AttackConfig.preset(Strength.BALANCED))
"""

from cloak.attack.budget import Visibility, measure
from cloak.attack.objectives import dodge
from cloak.attack.optimise import Attack, attack
from cloak.attack.projection import fit, project
from cloak.attack.scene import Scene
from cloak.attack.views import Surrogate, align, look, references

__all__ = [
    "Attack",
    "Scene",
    "Surrogate",
    "Visibility",
    "align",
    "attack",
    "dodge",
    "fit",
    "look",
    "measure",
    "project",
    "references",
]
