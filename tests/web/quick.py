"""`cloak serve` whose search for a cloak is short: tests of the page are about the page, and have many runs.

All else is as it is: the real command, server, networks, verdicts.
"""

from dataclasses import replace

from cloak.cli.main import main
from cloak.config import AttackConfig, Strength

_preset = AttackConfig.preset


def short(strength: Strength = Strength.BALANCED, *, seed: int = 0) -> AttackConfig:
    """What is behind a strength, with few of the steps."""
    config = _preset(strength, seed=seed)
    return replace(config, steps=config.steps // 40)


if __name__ == "__main__":
    AttackConfig.preset = short
    main()
