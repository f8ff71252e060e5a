"""What `smartlite serve` refuses before it starts anything, beside a platform that runs."""

import subprocess
from pathlib import Path

import pytest

from tests.platform.running import ROOT, SMARTLITE, RunningPlatform, choose_ports, environment

pytestmark = [pytest.mark.serve, pytest.mark.models, pytest.mark.enable_socket, pytest.mark.timeout(400)]

CONFIG = ROOT / "serve_config.yaml"


def refusal(settings: dict[str, str], config: Path = CONFIG) -> str:
    """What it says when it ends with the exit code of a wrong configuration."""
    ended = subprocess.run(
        [SMARTLITE, "serve", "--config", str(config)],
        cwd=ROOT,
        env=environment(settings),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert ended.returncode == 2, ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr
    return ended.stderr


@pytest.mark.parametrize(
    "setting", ["SMARTLITE_PORT", "SMARTLITE_DASHBOARD_PORT", "SMARTLITE_RAY_HTTP_PORT", "SMARTLITE_EDGE_STATS_PORT"]
)
def test_a_port_that_is_taken_is_named_with_its_setting(platform: RunningPlatform, setting: str) -> None:
    taken = platform.settings[setting]
    said = refusal({**choose_ports(), setting: taken})
    assert f"Port {taken} is taken" in said
    assert setting in said
    assert platform.readiness()[0] == 200


def test_an_unknown_key_is_named_with_the_nearest_right_one(platform: RunningPlatform, tmp_path: Path) -> None:
    config = tmp_path / "serve_config.yaml"
    config.write_text(CONFIG.read_text().replace("max_reply_tokens:", "max_replytokens:"))
    said = refusal(choose_ports(), config)
    assert "max_replytokens" in said
    assert "Did you mean 'max_reply_tokens'?" in said


def test_an_address_that_others_can_reach_is_refused_without_keys(platform: RunningPlatform) -> None:
    said = refusal({**choose_ports(), "SMARTLITE_HOST": "0.0.0.0", "SMARTLITE_AUTH": "off"})
    assert "SMARTLITE_AUTH" in said
    assert "loopback" in said
