"""Who is tried, and by whom: methods, their judges, and judges that are not independent."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch

from cloak.errors import UsageError
from cloak.evaluation.methods import Method, Targets, open_method
from cloak.evaluation.settings import LEAVE_ONE_OUT, EvaluationConfig
from cloak.evaluation.victims import RegistryVictim, Victim, open_victim
from cloak.models import Recogniser, artifact

SAME = 0.9
"""Correlation of two recognisers' similarities of strangers from which on they are one: it is .99 of one whose weights
were rounded to 8 bits, .94 where faces are cropped 2 pixels away. Of ten that were trained apart, none has more than
.75 with another, though some have a network, data or makers in common (70 people)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A method, and who judges it.

    Attributes:
        method: of making cloaks.
        name: for tables.
        victims: judges.
        left_out: whether they are surrogates that this method does without.
        known: keys of victims that are its surrogates, by their weights or by their answers.
    """

    method: Method
    name: str
    victims: tuple[Victim, ...]
    left_out: bool = False
    known: frozenset[str] = frozenset()

    def used(self, victim: Victim) -> bool:
        """Say whether a victim is one of the method's surrogates, whatever either is called."""
        return victim.key in self.known

    @property
    def adaptable(self) -> RegistryVictim | None:
        """The first victim that can be trained and is no surrogate."""
        able = (one for one in self.victims if isinstance(one, RegistryVictim) and not self.used(one))
        return None if self.left_out else next(able, None)


def open_victims(config: EvaluationConfig) -> tuple[Victim, ...]:
    """Open the victims that are named.

    Raises:
        UsageError: there is none of a name, or two have one name.
        VictimError: a file cannot be used.
    """
    names = [name for name in config.victims if name != LEAVE_ONE_OUT]
    victims = tuple(open_victim(name, device=config.device) for name in names)
    called = [victim.name for victim in victims]
    if twice := [name for name in called if called.count(name) > 1]:
        raise UsageError(f"two victims are called {twice[0]}: give one another name in the JSON file beside it")
    return victims


def trials(
    config: EvaluationConfig,
    victims: Sequence[Victim],
    surrogates: Sequence[Recogniser],
    targets: Targets | None,
    answers: Callable[[Victim], torch.Tensor],
) -> Iterator[Trial]:
    """Yield all trials.

    Args:
        config: methods, seed, device.
        victims: who judges methods that use all surrogates.
        surrogates: whom methods may use.
        targets: whom targeted methods choose from.
        answers: what a victim makes of the same strangers, float32 (S, D), to find surrogates under another name.
    """
    alike = {victim.key: _alike(victim, surrogates, answers) for victim in victims}
    for text in config.methods:

        def made(used: Sequence[Recogniser], text: str = text) -> Method:
            return open_method(text, surrogates=used, seed=config.seed, device=config.device, targets=targets)

        if victims:
            method = made(surrogates)
            known = frozenset(key for key, names in alike.items() if names & set(method.surrogates))
            yield Trial(method=method, name=text, victims=tuple(victims), known=known)
        if LEAVE_ONE_OUT in config.victims:
            if len(surrogates) < 2:
                raise UsageError("leave-one-out needs two surrogates at least")
            for left in surrogates:
                judge = open_victim(left.name, device=config.device, profile=config.weights)
                others = [one for one in surrogates if one is not left]
                yield Trial(method=made(others), name=text, victims=(judge,), left_out=True)


def _alike(victim: Victim, surrogates: Sequence[Recogniser], answers: Callable[[Victim], torch.Tensor]) -> set[str]:
    """Return the surrogates that a victim is, by the hash of its weights or by what it makes of strangers."""
    same = {one.name for one in surrogates if artifact(one.name).sha256 == victim.weights}
    if isinstance(victim, RegistryVictim):  # has nobody else's weights
        return same
    mine = answers(victim)
    for one in surrogates:
        theirs = answers(RegistryVictim(one.name, device=one.template.device))
        if len(mine) == len(theirs) > 2 and _correlation(mine, theirs) > SAME:
            same.add(one.name)
    return same


def _correlation(mine: torch.Tensor, theirs: torch.Tensor) -> float:
    """Return the correlation of two recognisers' similarities of the same faces, (S, D) and (S, E)."""
    rows, columns = torch.triu_indices(len(mine), len(mine), 1)
    return float(torch.corrcoef(torch.stack([(one @ one.T)[rows, columns] for one in (mine, theirs)]))[0, 1])
