"""Put the protocols' questions to a victim, and write the answers down as rows and curves."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from cloak.evaluation import protocols
from cloak.evaluation.conditions import NONE
from cloak.evaluation.dataset import Cohort, PhotoFile, Subject
from cloak.evaluation.observer import Observer, Seen
from cloak.evaluation.results import Curve, Results
from cloak.evaluation.statistics import FALSE_ACCEPT_RATES, Floats, Impostors
from cloak.evaluation.victims import Victim

RANKS = (1, 5, 10)
STRANGERS = (1e4, 1e6, 1e9)
"""Galleries to extrapolate to."""

CLEAN_SHARES = (0.0, 0.1, 0.5)
BINS = 80
PLOTTED_RATES = np.logspace(-4, 0, 33)
PLOTTED_RANKS = 20
PLOTTED_AT = 1e-3
"""The false accept rate whose threshold is drawn."""

Protected = Callable[[Subject], Sequence[PhotoFile]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """One method before one victim.

    Attributes:
        results: where the answers go.
        observer: sees files.
        cohort: who plays which part.
        method: name.
        protected: returns a subject's written, protected files, in the order of `Subject.protected`.
        victim: who is asked.
        impostors: what the victim makes of strangers.
        strangers: float32 (S, D), what it knows of them.
        surrogate: whether the victim's gradients made the cloaks.
        left_out: whether the victim is a surrogate that was left out.
        protocol: what to file answers under, if not under the letter of the question.
        processed: a condition that the engine puts the clean photos through, too, before it looks at them.
    """

    results: Results
    observer: Observer
    cohort: Cohort
    method: str
    protected: Protected
    victim: Victim
    impostors: Impostors
    strangers: torch.Tensor
    surrogate: bool
    left_out: bool
    protocol: str = ""
    processed: str = NONE

    @property
    def _marked(self) -> str:
        """The method's name in plots, with a mark where the victim is or was one of its surrogates."""
        return self.method + "*" * self.surrogate + "†" * self.left_out

    def verify(self, condition: str) -> None:
        """Protocol A."""
        cloaked, before, clean = self._cloaked(condition), self._before(condition), self._clean()
        for rate in FALSE_ACCEPT_RATES:
            if self.impostors.supports(rate):
                threshold = self.impostors.threshold(rate)
                missed = 1 - protocols.accepted(cloaked, clean, threshold)
                tar = protocols.accepted(before, clean, threshold)
                self._add("A", f"PSR at FAR {rate:g}", missed, tar, condition)
        found, seen = self._found(self.protected, condition), self._found(lambda subject: subject.protected, condition)
        self._add("A", "face found", found, seen, condition)
        if condition == NONE and not self.protocol and self.impostors.supports(PLOTTED_AT):
            self._draw_similarities(cloaked, before, clean)
            self._draw_roc(cloaked, before, clean)

    def identify(self, condition: str) -> None:
        """Protocol B, both ways: a protected photo is searched for, and a clean one among protected profiles."""
        cloaked, before, clean = self._cloaked(condition), self._before(condition), self._clean()
        self._search("protected probe", (cloaked, clean), (before, clean), condition)
        self._search("protected gallery", (clean, cloaked), (clean, before), condition)

    def train(self) -> None:
        """Protocol C: an engine trains on what it finds; everybody protects, or one person among clean ones."""
        trainees = self.cohort.trainees
        test = [self._see(subject.clean) for subject in trainees]
        clean = [self._see(subject.protected) for subject in trainees]
        engines = {"nearest neighbour": protocols.neighbours, "logistic regression": protocols.regression}
        before = {name: engine(clean, test) for name, engine in engines.items()}
        for share in CLEAN_SHARES:
            found = [self._see(_mixed(self.protected(subject), subject.protected, share)) for subject in trainees]
            for name, engine in engines.items():
                measure = f"top-1, everybody protects, {name}, {share:.0%} clean"
                self._add("C", measure, engine(found, test), before[name], NONE)
            alone = protocols.alone(found, clean, test)
            measure = f"top-1, one protects, nearest neighbour, {share:.0%} clean"
            self._add("C", measure, alone, before["nearest neighbour"], NONE)

    def link(self) -> None:
        """Protocol D: which photos of a person lead to which others."""
        cloaked, before, clean = self._cloaked(NONE), self._before(NONE), self._clean()
        for name, ours, theirs, same in (
            ("clean to protected", (clean, cloaked), (clean, before), False),
            ("protected to clean", (cloaked, clean), (before, clean), False),
            ("protected to protected", (cloaked, cloaked), (before, before), True),
            ("clean to clean", (clean, clean), (clean, clean), True),
        ):
            found, plain = (protocols.recall(*pair, self.strangers, same=same) for pair in (ours, theirs))
            self._add("D", f"recall, {name}", found, plain, NONE)

    def _search(self, name: str, ours: "_Pair", theirs: "_Pair", condition: str) -> None:
        found, before = (protocols.ranks(*pair, self.strangers) for pair in (ours, theirs))
        for rank in RANKS:
            self._add(
                "B", f"rank-{rank} hit, {name}", protocols.hits(found, rank), protocols.hits(before, rank), condition
            )
        if condition == NONE:
            self._extrapolate(name, ours, theirs)
            for method, ranks in ((self._marked, found), ("clean", before)):
                y = [float(np.nanmean(protocols.hits(ranks, most))) for most in range(1, PLOTTED_RANKS + 1)]
                self._draw("cmc", f"{method}, {name}", range(1, PLOTTED_RANKS + 1), y)

    def _extrapolate(self, name: str, ours: "_Pair", theirs: "_Pair") -> None:
        tail = self.impostors.tail()
        if tail is None:
            return
        scores = self.impostors.scores
        for count in STRANGERS:
            for normal in (False, True):
                found, before = (
                    np.array(
                        [_mean(tail.first(best, count, scores, normal=normal)) for best in protocols.nearest(*pair)]
                    )
                    for pair in (ours, theirs)
                )
                kind = "normal" if normal else "exponential"
                measure = f"rank-1 hit among {count:.0e} strangers, {name}, {kind} tail"
                self._add("B", measure, found, before, NONE, extrapolated=True)

    def _draw_similarities(self, cloaked: protocols.People, before: protocols.People, clean: protocols.People) -> None:
        edges = np.linspace(-0.5, 1, BINS + 1)
        for name, probes in ((self._marked, cloaked), ("clean", before)):
            scores = torch.cat([each.flatten() for each in protocols.pairs(probes, clean)]).numpy()
            self._draw("similarity", name, edges, np.histogram(scores, edges)[0] / max(1, len(scores)))
        shares = np.histogram(self.impostors.scores, edges)[0] / max(1, len(self.impostors.scores))
        self._draw("similarity", "strangers", edges, shares)

    def _draw_roc(self, cloaked: protocols.People, before: protocols.People, clean: protocols.People) -> None:
        thresholds = [self.impostors.threshold(rate) for rate in PLOTTED_RATES]
        for name, probes in ((self._marked, cloaked), ("clean", before)):
            y = [float(np.nanmean(protocols.accepted(probes, clean, threshold))) for threshold in thresholds]
            self._draw("roc", name, PLOTTED_RATES, y)

    def _draw(self, kind: str, name: str, x: Sequence[float] | Floats | range, y: Sequence[float] | Floats) -> None:
        curve = Curve(
            kind=kind,
            method=name,
            victim=self.victim.name,
            x=tuple(round(float(value), 6) for value in x),
            y=tuple(round(float(value), 5) for value in y),
            threshold=self.impostors.threshold(PLOTTED_AT),
        )
        if curve not in self.results.curves:  # those of clean photos are the same for each method
            self.results.curves.append(curve)

    def _add(
        self,
        protocol: str,
        measure: str,
        protected: Floats,
        clean: Floats,
        condition: str,
        *,
        extrapolated: bool = False,
    ) -> None:
        """Add a row about the people of whom both numbers are known: else the two would be about different people."""
        known = ~np.isnan(protected) & ~np.isnan(clean)
        self.results.add(
            self.protocol or protocol,
            measure,
            np.where(known, protected, np.nan),
            np.where(known, clean, np.nan),
            method=self.method,
            victim=self.victim.name,
            condition=condition,
            surrogate=self.surrogate,
            left_out=self.left_out,
            extrapolated=extrapolated,
        )

    def _found(self, files: Protected, condition: str) -> Floats:
        """Return in which share of each person's files a face is found."""
        seen = (self.observer.recall(files(subject), self.victim, condition) for subject in self.cohort.subjects)
        return np.array([float(one.found.float().mean()) for one in seen])

    def _see(self, files: Sequence[PhotoFile], condition: str = NONE) -> torch.Tensor:
        return self.observer.recall(files, self.victim, condition).present

    def _cloaked(self, condition: str) -> list[torch.Tensor]:
        return [self._see(self.protected(subject), condition) for subject in self.cohort.subjects]

    def _before(self, condition: str) -> list[torch.Tensor]:
        return [self._see(subject.protected, condition) for subject in self.cohort.subjects]

    def _clean(self) -> list[torch.Tensor]:
        return [self._see(subject.clean, self.processed) for subject in self.cohort.subjects]


_Pair = tuple[protocols.People, protocols.People]


def strangers(observer: Observer, cohort: Cohort, victim: Victim, condition: str = NONE) -> Seen:
    """Return what a victim makes of the strangers."""
    return observer.recall(cohort.strangers, victim, condition)


def _mixed(protected: Sequence[PhotoFile], clean: Sequence[PhotoFile], share: float) -> list[PhotoFile]:
    """Replace a share of protected photos, the last ones, by what they were made of."""
    kept = len(protected) - round(share * len(protected))
    return [*protected[:kept], *clean[kept:]]


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else float("nan")
