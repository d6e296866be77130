"""The methods by name."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import TypeVar

import torch

from cloak.attack import Attack, Scene
from cloak.config import AttackConfig, Budget, Effort, Strength
from cloak.errors import ConfigError, UsageError
from cloak.evaluation.methods import interop
from cloak.evaluation.methods.base import Deltas, Method, Plan, PlannedMethod, embed, key_of, weights_hash
from cloak.evaluation.methods.fawkes1 import Fawkes1, Fawkes1Settings
from cloak.evaluation.methods.fawkes2 import CHROMA, Fawkes2, Fawkes2Settings
from cloak.evaluation.methods.lowkey import LowKey, LowKeySettings
from cloak.evaluation.methods.noise import noise, nothing
from cloak.evaluation.methods.opom import Opom, OpomSettings
from cloak.evaluation.methods.recipe import Settings
from cloak.evaluation.methods.targets import Targets
from cloak.models import Recogniser, load_lpips
from cloak.photo import FaceBatch

_Settings = TypeVar("_Settings", bound=AttackConfig | Settings | interop.ForeignSettings)

OURS = 5
"""Part of the keys of ours: raise it when the attack changes, and the cloaks of the other methods are kept."""

FAWKES1_SURROGATE = "facenet"
"""Taken if it is among the surrogates: of ours it is the nearest to the extractors of 2020, in network and data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a method is made of.

    Attributes:
        name: of the method.
        surrogates: at least one.
        dssim: of the written face.
        seed: of every random draw.
        device: where to compute.
        steps: in place of the recipe's own number.
        targets: people that targeted methods choose from.
    """

    name: str
    surrogates: tuple[Recogniser, ...]
    dssim: float
    seed: int
    device: torch.device
    steps: int | None
    targets: Targets | None

    @property
    def pool(self) -> Targets:
        """The targets, those that come with the package if there are no others."""
        return self.targets or Targets.shipped()

    def settled(self, settings: _Settings) -> _Settings:
        """Return settings with the number of steps asked for."""
        return settings if self.steps is None else replace(settings, steps=self.steps)

    def method(
        self,
        plan: Plan,
        *decisive: object,
        surrogates: Sequence[Recogniser] | None = None,
        joint: bool = False,
        scaled: bool = True,
    ) -> PlannedMethod:
        """Make the method.

        Args:
            plan: where its deltas come from.
            decisive: what decides the pixels beside name, seed and surrogates.
            surrogates: those that it uses, if not all.
            joint: see `Method`.
            scaled: whether its deltas are scaled to have the DSSIM asked for.
        """
        used = self.surrogates if surrogates is None else surrogates
        dssim = self.dssim if scaled else None
        return PlannedMethod(
            name=self.name,
            key=key_of(self.name, self.seed, dssim, *decisive, surrogates=used),
            surrogates=tuple(surrogate.name for surrogate in used),
            joint=joint,
            plan=plan,
            device=self.device,
            seed=self.seed,
            dssim=dssim,
        )


def open_method(
    text: str,
    *,
    surrogates: Sequence[Recogniser],
    budget: Budget | None = None,
    seed: int = 0,
    device: str | torch.device = "cpu",
    steps: int | None = None,
    targets: Targets | None = None,
) -> Method:
    """Make a method.

    Args:
        text: one of `METHODS`.
        surrogates: recognisers whose gradients it may use, on `device`.
        budget: its DSSIM is what every method is scaled to reach, but for ours, which keep the whole budget of their
            strength, and "none". That of "ours:balanced" by default.
        seed: of every random draw.
        device: where to compute.
        steps: gradient steps in place of the recipe's own number, for trials.
        targets: people that "fawkes1" and "fawkes2" choose whom to look like from. Three come with the package; people
            of the evaluation who are neither protected nor in a gallery are better.

    Raises:
        UsageError: there is no method of that name.
        ConfigError: there is no surrogate, and it needs one.
        MissingExtraError: it needs a package that is not installed.
        WeightsError: it needs LPIPS, which cannot be had.
    """
    if text not in _MAKERS:
        raise UsageError(f"unknown method {text!r}: choose from {', '.join(METHODS)}")
    if not surrogates and text not in _WITHOUT:
        raise ConfigError(f"{text} needs at least one surrogate, got none")
    order = Order(
        name=text,
        surrogates=tuple(surrogates),
        dssim=(budget or Budget()).dssim,
        seed=seed,
        device=torch.device(device),
        steps=steps,
        targets=targets,
    )
    return _MAKERS[text](order)


def _none(order: Order) -> Method:
    return order.method(nothing, surrogates=(), scaled=False)


def _noise(order: Order) -> Method:
    return order.method(noise(order.seed), surrogates=())


def _ours(strength: Strength = Strength.BALANCED, effort: Effort = Effort.NORMAL) -> Callable[[Order], Method]:
    """Ours as the command has it: nothing is scaled, all three numbers of the budget hold."""

    def make(order: Order) -> Method:
        config = order.settled(AttackConfig.preset(strength, effort, seed=order.seed))
        attack = Attack(order.surrogates, config)
        return order.method(lambda _batches, _people: attack, config, OURS, scaled=False)

    return make


def _lowkey(order: Order) -> Method:
    settings, lpips = order.settled(LowKeySettings()), load_lpips(device=order.device)
    attack = LowKey(order.surrogates, settings, lpips=lpips, dssim=order.dssim, seed=order.seed)
    return order.method(lambda _batches, _people: attack, settings, weights_hash(lpips))


def _fawkes1(order: Order) -> Method:
    named = [surrogate for surrogate in order.surrogates if surrogate.name == FAWKES1_SURROGATE]
    used = tuple(named or order.surrogates)[:1]
    settings, pool = order.settled(Fawkes1Settings()), order.pool

    def plan(batches: Sequence[FaceBatch], people: torch.Tensor) -> Deltas:
        (goals,) = _targets(pool, batches, people, used)

        def deltas(batch: FaceBatch) -> torch.Tensor:
            aim = goals[batch.photo.to(goals.device)]
            return Fawkes1(used, settings, target=aim, dssim=order.dssim, seed=order.seed)(batch)

        return deltas

    return order.method(plan, settings, pool.key, surrogates=used, joint=True)


def _fawkes2(recipe: Fawkes2Settings) -> Callable[[Order], Method]:
    def make(order: Order) -> Method:
        settings, pool, used = order.settled(recipe), order.pool, order.surrogates

        def plan(batches: Sequence[FaceBatch], people: torch.Tensor) -> Deltas:
            goals = _targets(pool, batches, people, used)

            def deltas(batch: FaceBatch) -> torch.Tensor:
                aims = [goal[batch.photo.to(goal.device)] for goal in goals]
                return Fawkes2(used, settings, targets=aims, dssim=order.dssim, seed=order.seed)(batch)

            return deltas

        return order.method(plan, settings, pool.key, joint=True)

    return make


def _targets(
    pool: Targets, batches: Sequence[FaceBatch], people: torch.Tensor, surrogates: Sequence[Recogniser]
) -> list[torch.Tensor]:
    """Choose a target for each person: what each photo is to look like, (photos, D) for each surrogate."""
    scenes = [Scene.of(batch, surrogates[0].template.device) for batch in batches]
    own = [torch.cat(parts) for parts in zip(*(embed(scene, surrogates) for scene in scenes), strict=True)]
    photos = torch.cat([batch.photo.cpu() for batch in batches])
    rows = [people[photos] == person for person in sorted(set(people.tolist()))]
    chosen = pool.farthest([[part[some.to(part.device)] for part in own] for some in rows], surrogates)
    goals = [part.new_zeros(len(people), part.shape[1]) for part in own]
    for some, targets in zip(rows, chosen, strict=True):
        for goal, target in zip(goals, targets, strict=True):
            goal[photos[some].to(goal.device)] = target
    return goals


def _opom(order: Order) -> Method:
    settings = order.settled(OpomSettings())
    plan = Opom(order.surrogates, settings, dssim=order.dssim, seed=order.seed)
    return order.method(plan, settings, joint=True)


def _pgd(order: Order) -> Method:
    settings = order.settled(interop.PGD)
    return _foreign(order, interop.pgd(settings), settings, "foolbox")


def _mifgsm(order: Order) -> Method:
    settings = order.settled(interop.MIFGSM)
    return _foreign(order, interop.mifgsm(settings), settings, "torchattacks")


def _foreign(order: Order, attacker: interop.Attacker, settings: interop.ForeignSettings, package: str) -> Method:
    attack = interop.Foreign(order.surrogates, attacker, dssim=order.dssim, seed=order.seed)
    thresholds = [dict(surrogate.thresholds) for surrogate in order.surrogates]
    return order.method(attack.plan, settings, thresholds, version(package))


_WITHOUT = ("none", "noise")

_MAKERS: Mapping[str, Callable[[Order], Method]] = {
    **{f"ours:{strength}": _ours(strength) for strength in Strength},
    **{f"ours:{effort}": _ours(effort=effort) for effort in Effort if effort is not Effort.NORMAL},
    "fawkes1": _fawkes1,
    "lowkey": _lowkey,
    "fawkes2": _fawkes2(Fawkes2Settings()),
    "fawkes2:chroma": _fawkes2(CHROMA),
    "opom": _opom,
    "pgd": _pgd,
    "mifgsm": _mifgsm,
    "noise": _noise,
    "none": _none,
}

METHODS = tuple(_MAKERS)
"""What `open_method` knows."""
