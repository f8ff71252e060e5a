"""What an operator sees and does: listeners, dashboard, an update of the running platform."""

import contextlib
import ipaddress
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import yaml

from tests.platform.load import Load
from tests.platform.running import ROOT, SMARTLITE, RunningPlatform, environment, eventually

pytestmark = [pytest.mark.serve, pytest.mark.models, pytest.mark.enable_socket, pytest.mark.timeout(400)]


def listeners(platform: RunningPlatform) -> dict[tuple[str, int], str]:
    """Address and port of every socket that the process tree listens on, with the program."""
    found = {}
    for process in platform.processes():
        with contextlib.suppress(psutil.Error):
            for connection in process.net_connections(kind="inet"):
                if connection.status == psutil.CONN_LISTEN or (connection.type == 2 and not connection.raddr):
                    found[connection.laddr.ip, connection.laddr.port] = process.name()
    return found


def is_loopback(address: str) -> bool:
    parsed = ipaddress.ip_address(address)
    mapped = getattr(parsed, "ipv4_mapped", None)
    return bool((mapped or parsed).is_loopback)


def test_every_socket_is_on_loopback(platform: RunningPlatform) -> None:
    platform.wait_whole()
    found = listeners(platform)
    named = {int(value) for name, value in platform.settings.items() if name.endswith("_PORT")}
    assert named <= {port for _, port in found}
    assert {where: program for where, program in found.items() if not is_loopback(where[0])} == {}


def applications(platform: RunningPlatform) -> dict[str, Any]:
    answer = httpx.get(f"{platform.dashboard_url}/api/serve/applications/", trust_env=False, timeout=30)
    return dict(answer.json()["applications"]["smartlite"])


def test_the_dashboard_shows_our_deployments_and_where_their_logs_are(platform: RunningPlatform) -> None:
    application = applications(platform)
    assert application["status"] == "RUNNING"
    assert set(application["deployments"]) == {"ingress", "pipeline", "asr", "llm", "tts"}
    for name, deployment in application["deployments"].items():
        assert deployment["status"] == "HEALTHY"
        assert len(deployment["replicas"]) == (2 if name == "ingress" else 1)
        assert all(replica["log_file_path"] for replica in deployment["replicas"])


def test_serve_deploy_updates_the_running_platform_without_a_failed_request(
    platform: RunningPlatform, tmp_path: Path
) -> None:
    platform.wait_whole()
    document = yaml.safe_load((ROOT / "serve_config.yaml").read_text())
    pipeline = next(each for each in document["applications"][0]["deployments"] if each["name"] == "pipeline")
    wanted = pipeline["max_ongoing_requests"] = pipeline["max_ongoing_requests"] + 1
    config = tmp_path / "serve_config.yaml"
    config.write_text(yaml.safe_dump(document))

    def is_updated() -> bool:
        application = applications(platform)
        deployed = application["deployments"]["pipeline"]["deployment_config"]["max_ongoing_requests"]
        return application["status"] == "RUNNING" and deployed == wanted

    with ThreadPoolExecutor(3) as pool, Load(platform.url, pool, lists=2, chats=1) as load:
        deployed = subprocess.run(
            [str(Path(SMARTLITE).with_name("serve")), "deploy", "-a", platform.dashboard_url, str(config)],
            cwd=ROOT,
            env=environment({"RAY_AUTH_MODE": "disabled"}),
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        assert deployed.returncode == 0, deployed.stdout + deployed.stderr
        eventually(is_updated, 60, "an application that runs with the new number")
        load.wait_more(20)
    assert load.failures == []
