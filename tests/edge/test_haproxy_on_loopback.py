"""Ray's built-in HAProxy mode listens on loopback only."""

import os
import subprocess
from pathlib import Path

import pytest

from smartlite.edge import ray_environment

SCRIPT = Path(ray_environment.__file__).with_name("haproxy-on-loopback")
CONFIG = """\
frontend prometheus
    bind :9101
frontend http_frontend
    bind 127.0.0.1:8000
listen stats
  bind *:8404
"""


@pytest.mark.integration
def test_listeners_without_an_address_get_loopback_and_others_stay(tmp_path: Path) -> None:
    config = tmp_path / "haproxy.cfg"
    config.write_text(CONFIG)
    environment = {**os.environ, "HAPROXY_PROGRAM": "/bin/echo"}
    started = subprocess.run(
        [SCRIPT, "-db", "-f", config, "-dR"], env=environment, capture_output=True, text=True, check=True, timeout=10
    )
    assert started.stdout.split() == ["-db", "-f", str(config), "-dR"]
    binds = [line.strip() for line in config.read_text().splitlines() if "bind" in line]
    assert binds == ["bind 127.0.0.1:9101", "bind 127.0.0.1:8000", "bind 127.0.0.1:8404"]


def test_rays_template_still_binds_as_the_script_expects() -> None:
    from ray.serve._private import haproxy_templates

    template = Path(haproxy_templates.__file__).read_text()
    assert "bind :{{ config.metrics_port }}" in template
    assert "bind *:{{ config.stats_port }}" in template
