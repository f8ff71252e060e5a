"""Runs one configuration: a platform, a closed loop, a fixed rate. Must not know which configuration is better."""

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.clips import question
from benchmarks.gateway_compared import PATH, get
from benchmarks.load.connection import Request
from benchmarks.load.curve import Plan, Server, measure_closed, measure_open
from benchmarks.load.stages import MODELS, STAGES, stage_request
from benchmarks.servers.started import start_platform, write_configuration
from benchmarks.target import Target, read_engine
from benchmarks.tune.knobs import Setting, describe, with_setting
from benchmarks.tune.search import Trial
from smartlite.errors import SmartLiteError

_FIRST_PORT = 32_000
_QUESTION = "Can you tell me about the history of Rome?"
SHARE_OF_FIRST = 0.6
"""The fixed rate, of what the given configuration got in a closed loop: loaded, and not at its end."""


class Trials:
    """Measures configurations one after the other, all at the rate that the first one sets.

    Args:
        what: ``gateway``, ``asr``, ``tts`` or ``llm``.
        document: The configuration that was given.
        plan: How each is loaded.
        say: Told what happens.
    """

    def __init__(self, what: str, document: Mapping[str, Any], plan: Plan, say: Callable[[str], object]) -> None:
        self._what = what
        self._document = document
        self._plan = plan
        self._say = say
        self.rate_per_s = 0.0

    def run(self, setting: Setting) -> Trial:
        """Measure one; what cannot start or answers too little is a trial with a problem.

        Raises:
            SmartLiteError: It is the first, without which there is nothing to compare with.
        """
        name = describe(setting)
        self._say(f"trial: {name}")
        try:
            return self._run(setting, name)
        except SmartLiteError as error:
            if not self.rate_per_s:
                raise
            self._say(f"  {error.message}")
            return Trial(setting, 0.0, 0.0, 0.0, 0.0, error.message)

    def _run(self, setting: Setting, name: str) -> Trial:
        with tempfile.TemporaryDirectory(prefix="smartlite-tune-") as folder:
            config = write_configuration(Path(folder) / "serve_config.yaml", with_setting(self._document, setting))
            with start_platform(config, Path(folder) / "data", "off", _FIRST_PORT) as platform:
                target = Target(platform.url, config, self._plan.runs, platform.processes)
                servers = [Server(name, self._request(target), platform.processes.counting_cpu)]
                [closed] = measure_closed(servers, self._plan, "closed")
                throughput = closed.median(lambda load: load.goodput_per_s)
                self.rate_per_s = self.rate_per_s or SHARE_OF_FIRST * throughput
                [fixed] = measure_open(servers, self._plan, {name: self.rate_per_s}, "open", self._say)
        return Trial(
            setting=setting,
            throughput_per_s=throughput,
            p99_ms=fixed.median(lambda load: load.p99_ms),
            served=fixed.median(lambda load: load.succeeded / load.requests if load.requests else 0.0),
            cpu_per_thousand_s=fixed.median(lambda load: load.cpu_per_thousand_s),
        )

    def _request(self, target: Target) -> Request:
        for stage in STAGES:
            if stage == self._what:
                with target.gateway() as gateway:
                    clip = question(gateway, _QUESTION).read_bytes() if stage == "asr" else b""
                model = MODELS[stage] or read_engine(target.config, stage).model
                return stage_request(stage, target.url, "", model, clip)
        return get(target.url, PATH, "")
