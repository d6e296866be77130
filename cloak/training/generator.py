"""Training of the generator: the objective, views and budget of the search, over many faces instead of many steps."""

import copy
import hashlib
import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save

from cloak.attack import Scene, Surrogate, dodge, look
from cloak.attack.amortised import Amortised
from cloak.config import Budget, Views
from cloak.errors import ConfigError
from cloak.evaluation.progress import Progress, silent
from cloak.files import check_folder, write
from cloak.models import Profile
from cloak.models.networks.generator import Generator
from cloak.names import shown
from cloak.networks import Networks
from cloak.training.faces import TrainingFaces, choose, gather


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratorConfig:
    """How a generator is trained.

    Attributes:
        widths: see `Generator`.
        depths: see `Generator`.
        steps: of Adam.
        batch: faces in a step.
        surrogates: how many judge each step, in turn; on a GPU all of them.
        rate: learning rate of the network, after a short warm-up; it falls along a cosine.
        pattern_rate: learning rate of the pattern that all faces share.
        margin: see `AttackConfig`.
        budget: what may be seen; its DSSIM is the middle of what is trained for.
        spread: budgets are drawn between 1 / spread and spread times that DSSIM.
        views: see `AttackConfig`.
        average: share of the old weights in the running mean that is kept.
        seed: of every random draw.
    """

    widths: tuple[int, ...] = (48, 72, 96)
    depths: tuple[int, ...] = (1, 1, 2)
    steps: int = 8000
    batch: int = 8
    surrogates: int = 1
    rate: float = 3e-3
    pattern_rate: float = 0.3
    margin: float = 0.1
    budget: Budget = field(default_factory=Budget)
    spread: float = 1.5
    views: Views = field(default_factory=Views)
    average: float = 0.998
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.steps, self.batch, self.surrogates) < 1:
            raise ConfigError("steps, batch and surrogates must be at least 1")


STATE, WEIGHTS = "state.safetensors", "generator.safetensors"
"""What a training can go on from, and what it is for: weights as float16."""

ADAM = ("exp_avg", "exp_avg_sq", "step")


class Training:
    """A training that can be interrupted and goes on where it was.

    Args:
        config: see there.
        faces: to train on.
        surrogates: judges; their names are those of `faces.references`.
        folder: for `STATE`, `WEIGHTS` and `log.jsonl`; a training that is in it goes on.

    Raises:
        ConfigError: the folder has a training with other settings.
    """

    def __init__(
        self, config: GeneratorConfig, faces: TrainingFaces, surrogates: Mapping[str, Surrogate], folder: Path
    ) -> None:
        self.config = config
        self.faces = faces
        self.surrogates = surrogates
        self.folder = folder
        self.device = next(iter(surrogates.values())).template.device
        with torch.random.fork_rng(devices=[]):  # layers draw their first weights from the global generator
            torch.manual_seed(config.seed)
            network = Generator(config.widths, config.depths)
        self.network = network.to(self.device).to(memory_format=torch.channels_last)
        self.mean = copy.deepcopy(self.network)
        own = [each for name, each in self.network.named_parameters() if name != "pattern"]
        self.optimiser = torch.optim.Adam(
            [{"params": own, "lr": config.rate}, {"params": [self.network.pattern], "lr": config.pattern_rate}],
            betas=(0.9, 0.99),
        )
        self.generator = torch.Generator().manual_seed(config.seed)
        self.step = 0
        self._resume()

    def run(self, *, every: int = 100, advance: Callable[[], None] = lambda: None) -> None:
        """Train to the end; log and keep the state every so many steps."""
        losses, began = [], time.perf_counter()
        while self.step < self.config.steps:
            losses.append(self._train())
            self.step += 1
            advance()
            if self.step % every == 0 or self.step == self.config.steps:
                seconds = (time.perf_counter() - began) / len(losses)
                self._keep({"step": self.step, "loss": sum(losses) / len(losses), "seconds": seconds})
                losses, began = [], time.perf_counter()

    def _train(self) -> float:
        rows = torch.randint(len(self.faces), (self.config.batch,), generator=self.generator)
        luck = torch.rand(2, generator=self.generator).tolist()
        batch = self.faces.batch(rows, self.device, mirrored=luck[0] < 0.5)
        scene = Scene.of(batch, self.device)
        dssim = self.config.budget.dssim * self.config.spread ** (2 * luck[1] - 1)
        budget = Budget(**asdict(self.config.budget) | {"dssim": dssim})
        changed = scene.apply(Amortised(self.network)(scene, budget))
        loss = torch.stack([self._loss(changed, scene, rows, name) for name in self._judges()]).mean()
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # PyTorch has no types for it
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self._set_rate()
        self.optimiser.step()
        with torch.no_grad():
            for kept, now in zip(self.mean.parameters(), self.network.parameters(), strict=True):
                kept.lerp_(now, 1 - min(self.config.average, self.step / (self.step + 10)))
        return float(loss.detach())

    def _loss(self, changed: torch.Tensor, scene: Scene, rows: torch.Tensor, name: str) -> torch.Tensor:
        surrogate = self.surrogates[name]
        view = look(changed, scene.landmarks, surrogate, self.config.views, self.generator)
        return dodge(surrogate(view), self.faces.references[name][rows].to(self.device), self.config.margin).mean()

    def _judges(self) -> Sequence[str]:
        names = list(self.surrogates)
        first = self.step * self.config.surrogates
        return [names[(first + index) % len(names)] for index in range(min(self.config.surrogates, len(names)))]

    def _set_rate(self) -> None:
        share = 0.5 + 0.5 * math.cos(math.pi * self.step / self.config.steps)
        share *= min(1.0, (self.step + 1) / 100)
        rates = (self.config.rate, self.config.pattern_rate)
        for group, rate in zip(self.optimiser.param_groups, rates, strict=True):
            group["lr"] = rate * share

    def _keep(self, told: dict[str, Any]) -> None:
        tensors = {"chance": self.generator.get_state()}
        for kind, module in (("network", self.network), ("mean", self.mean)):
            tensors |= {f"{kind}.{name}": each.contiguous() for name, each in module.state_dict().items()}
        for name, parameter in self.network.named_parameters():
            state = self.optimiser.state[parameter]
            tensors |= {f"adam.{name}.{key}": state[key].contiguous() for key in ADAM}
        settings = {"config": json.dumps(asdict(self.config)), "step": str(self.step)}
        write(self.folder / STATE, save(tensors, settings), overwrite=True)
        weights = {name: each.half().contiguous() for name, each in self.mean.state_dict().items()}
        write(self.folder / WEIGHTS, save(weights, settings), overwrite=True)
        with (self.folder / "log.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps(told) + "\n")

    def _resume(self) -> None:
        path = self.folder / STATE
        if not path.exists():
            return
        with safe_open(path, "pt") as file:
            settings = file.metadata()
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 -- not a mapping
        if json.loads(settings["config"]) != json.loads(json.dumps(asdict(self.config))):
            raise ConfigError(f"{shown(path)} is of a training with other settings: choose another folder")
        self.step = int(settings["step"])
        self.generator.set_state(tensors["chance"])
        for kind, module in (("network", self.network), ("mean", self.mean)):
            module.load_state_dict(
                {name.removeprefix(f"{kind}."): each for name, each in tensors.items() if name.startswith(f"{kind}.")}
            )
        for name, parameter in self.network.named_parameters():
            kept = {key: tensors[f"adam.{name}.{key}"] for key in ADAM}
            # Adam wants the number of its step on the processor, the rest where the parameter is.
            self.optimiser.state[parameter] = {
                key: each if key == "step" else each.to(parameter) for key, each in kept.items()
            }


def train_generator(
    photos: Path,
    folder: Path,
    config: GeneratorConfig,
    *,
    letters: tuple[str, str] | None = None,
    most: int = 1600,
    weights: Profile = Profile.OPEN,
    device: torch.device,
    progress: Progress = silent,
) -> Path:
    """Train a generator on a folder of photos, or go on with it.

    Args:
        photos: folder of folders, one a person.
        folder: see `Training`; faces are kept there too.
        config: how.
        letters: only people whose names start with a letter in this range.
        most: photos at most.
        weights: which surrogates.
        device: where to compute.
        progress: told of photos and steps.

    Returns:
        The file with the weights.

    Raises:
        DatasetError: there are no faces.
        ConfigError: the folder has a training with other settings.
        WeightsError: the networks cannot be had.
    """
    check_folder(folder)
    networks = Networks(weights, device)
    surrogates = {surrogate.name: surrogate for surrogate in networks.surrogates}
    chosen = choose(photos, letters, most=most, seed=config.seed)
    kept = folder / f"faces-{_key(chosen, surrogates)}.safetensors"
    if not kept.exists():
        with progress("Reading photos", len(chosen)) as advance:
            gather(chosen, networks.detector, surrogates, seed=config.seed, advance=advance).save(kept)
    training = Training(config, TrainingFaces.load(kept), surrogates, folder)
    with progress("Training", config.steps - training.step) as advance:
        training.run(advance=advance)
    return folder / WEIGHTS


def _key(photos: Sequence[Path], surrogates: Mapping[str, Surrogate]) -> str:
    told = [(str(path), path.stat().st_size) for path in photos]
    return hashlib.sha256(repr((told, sorted(surrogates))).encode()).hexdigest()[:16]
