"""`cloak serve` whose search for a cloak is short: tests of the page are about the page, and have many runs.

All else is as it is: the real command, server, networks, verdicts.
"""

from dataclasses import replace

from cloak.cli.main import main
from cloak.config import AttackConfig, Effort, Strength

_preset = AttackConfig.preset


def short(strength: Strength = Strength.BALANCED, effort: Effort = Effort.NORMAL, *, seed: int = 0) -> AttackConfig:
    """What is behind a strength and an effort, with few of the steps."""
    config = _preset(strength, effort, seed=seed)
    return replace(config, steps=config.steps // 20)


if __name__ == "__main__":
    AttackConfig.preset = short
    main()
