from pathlib import Path

import pytest
import torch

from cloak.errors import UsageError
from cloak.evaluation.settings import EvaluationConfig
from cloak.evaluation.trials import open_victims, trials
from cloak.evaluation.victims import Victim
from cloak.models import load_recogniser

from .tiny_onnx import write_onnx


def config(tmp_path: Path, *victims: str) -> EvaluationConfig:
    return EvaluationConfig(photos=tmp_path, output=tmp_path, methods=("fawkes1", "none"), victims=victims)


def test_a_surrogate_in_a_file_of_its_own_is_known_by_its_answers(tmp_path: Path) -> None:
    """Exported anew, a network has another hash; what it makes of strangers is the same."""
    vectors = torch.nn.functional.normalize(torch.randn(40, 16, generator=torch.Generator().manual_seed(0)))
    others = torch.nn.functional.normalize(torch.randn(40, 16, generator=torch.Generator().manual_seed(1)))
    told = config(tmp_path, str(write_onnx(tmp_path / "exported.onnx")))
    (victim,) = open_victims(told)
    facenet = load_recogniser("facenet")

    rounded = torch.nn.functional.normalize(vectors + 0.05 * others)  # as by weights of 8 bits

    def answers(asked: Victim, *, same: bool) -> torch.Tensor:
        if asked is victim:
            return rounded
        return vectors if same else others

    fawkes, none = trials(told, [victim], [facenet], None, lambda asked: answers(asked, same=True))
    assert fawkes.used(victim)
    assert not none.used(victim)
    fawkes, _ = trials(told, [victim], [facenet], None, lambda asked: answers(asked, same=False))
    assert not fawkes.used(victim)


def test_two_victims_of_one_name_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    paths = [str(write_onnx(folder / "own.onnx")) for folder in (tmp_path, tmp_path / "a")]
    with pytest.raises(UsageError, match="two victims are called own"):
        open_victims(config(tmp_path, *paths))


def test_leaving_out_the_only_surrogate_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="two surrogates"):
        list(
            trials(config(tmp_path, "leave-one-out"), [], [load_recogniser("facenet")], None, lambda _: torch.zeros(0))
        )
