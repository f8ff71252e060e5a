"""cluster.yaml is what `ray up` accepts."""

from pathlib import Path

import yaml
from ray.autoscaler._private.util import prepare_config, validate_config

ROOT = Path(__file__).parents[2]


def test_ray_accepts_the_cluster_configuration() -> None:
    config = prepare_config(yaml.safe_load((ROOT / "cluster.yaml").read_text()))
    validate_config(config)
    assert config["max_workers"] == 2
    assert config["provider"]["type"] == "local"
