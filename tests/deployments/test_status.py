"""What is told of models: the controller's word for those that start with their replica, the replicas' for the rest."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from deployments import presence, status
from deployments.status import ServeStatusBoard
from smartlite.domain.models import ModelDirectory, ModelState, ServedModel, Voice
from smartlite.domain.stages import StageStatus
from smartlite.errors import Unavailable

VOICE = Voice("joe", "Joe", "en-US")
MODELS = ModelDirectory(
    (
        ServedModel("asr-kept", "asr", "fake", 0, "me"),
        ServedModel("tts-kept", "tts", "fake", 0, "me", voices=(VOICE,)),
        ServedModel("tts-late", "tts", "fake", 0, "me", voices=(VOICE,), load="on_demand"),
        ServedModel("vectors", "embedding", "fake", 0, "me", load="on_demand", deployment="llm"),
    )
)


class Replicas:
    """Stands for a RemoteStage: what each replica says of its models, or nothing in time."""

    def __init__(self, *told: Mapping[str, ModelState]) -> None:
        self.told: Sequence[Mapping[str, ModelState]] = told
        self.answers = True
        self.hangs = False
        self.asked = 0
        self.speakers: Sequence[Mapping[str, tuple[Voice, ...]]] = ()
        self.woken = asyncio.Event()

    async def wake(self, _timeout_s: float) -> None:
        self.answers = True
        self.woken.set()

    async def model_voices(self, timeout_s: float) -> Sequence[Mapping[str, tuple[Voice, ...]]]:
        self.asked += 1
        if not self.answers:
            raise Unavailable("no answer")
        return self.speakers

    async def model_states(self, timeout_s: float) -> Sequence[Mapping[str, ModelState]]:
        self.asked += 1
        if self.hangs:
            await asyncio.sleep(timeout_s)
        if self.hangs or not self.answers:
            raise Unavailable("no answer")
        return self.told


Open = Callable[..., ServeStatusBoard]


@pytest.fixture
def stages(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The controller's word, by the stage's name; no answer is kept in these tests."""
    states: dict[str, Any] = {"asr": "ready", "tts": "ready", "llm": "ready"}

    def read(_: str) -> tuple[StageStatus, ...]:
        told = states.items()
        return tuple(s if isinstance(s, StageStatus) else StageStatus(name, s, "", 1, 1) for name, s in told)

    monkeypatch.setattr(presence, "read_stages", read)
    monkeypatch.setattr(presence, "_AGE_S", -1.0)
    monkeypatch.setattr(status, "_STATUS_AGE_S", -1.0)
    monkeypatch.setattr(status, "_MODELS_OLD_S", -1.0)
    return states


def board(**replicas: Replicas) -> ServeStatusBoard:
    return ServeStatusBoard("smartlite", MODELS, replicas)  # type: ignore[arg-type]


async def test_models_on_demand_are_as_their_replicas_say(stages: dict[str, Any]) -> None:
    told = await board(
        asr=Replicas(), tts=Replicas({"tts-kept": "loaded", "tts-late": "loading"}), llm=Replicas({"vectors": "failed"})
    ).models()
    assert told == {"asr-kept": "loaded", "tts-kept": "loaded", "tts-late": "loading", "vectors": "failed"}


async def test_a_model_is_as_far_as_on_the_replica_where_it_is_furthest(stages: dict[str, Any]) -> None:
    tts = Replicas({"tts-late": "available"}, {"tts-late": "loaded"}, {"tts-late": "failed"})
    assert (await board(tts=tts, llm=Replicas()).models())["tts-late"] == "loaded"


async def test_deployments_without_models_on_demand_are_not_asked(stages: dict[str, Any]) -> None:
    asr = Replicas()
    await board(asr=asr, tts=Replicas(), llm=Replicas()).models()
    assert asr.asked == 0


async def test_where_replicas_do_not_answer_the_last_that_was_known_holds(stages: dict[str, Any]) -> None:
    tts = Replicas({"tts-late": "loaded"})
    told = board(tts=tts, llm=Replicas())
    assert (await told.models())["vectors"] == "available"
    tts.answers = False
    assert (await told.models())["tts-late"] == "loaded"


async def test_the_models_of_a_stage_that_is_not_ready_are_not_either(stages: dict[str, Any]) -> None:
    stages |= {"asr": "starting", "tts": "unhealthy"}
    told = await board(tts=Replicas({"tts-late": "loaded"}), llm=Replicas()).models()
    assert told == {"asr-kept": "loading", "tts-kept": "failed", "tts-late": "failed", "vectors": "available"}


async def test_a_fresh_answer_is_given_without_asking_again(
    stages: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status, "_STATUS_AGE_S", 60.0)
    monkeypatch.setattr(status, "_MODELS_OLD_S", 60.0)
    tts = Replicas({"tts-late": "loaded"})
    told = board(tts=tts, llm=Replicas())
    for _ in range(3):
        assert (await told.models())["tts-late"] == "loaded"
    assert tts.asked == 1


async def test_a_replica_that_hangs_makes_nobody_wait_for_it(
    stages: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status, "_MODELS_TIMEOUT_S", 0.02)
    tts = Replicas({"tts-late": "loaded"})
    told = board(tts=tts, llm=Replicas())
    assert (await told.models())["tts-late"] == "loaded"
    tts.hangs = True
    async with asyncio.timeout(10):
        answers = await asyncio.gather(*(told.models() for _ in range(20)))
    assert {answer["tts-late"] for answer in answers} == {"loaded"}
    assert tts.asked == 2
    await asyncio.sleep(0.05)  # the refresh that was left behind ends


async def test_voices_are_asked_for_until_they_are_told_and_never_again(stages: dict[str, Any]) -> None:
    models = ModelDirectory((*MODELS.models, ServedModel("many", "tts", "coqui", 0, "me", deployment="tts-more")))
    tts, more = Replicas(), Replicas()
    told = ServeStatusBoard("smartlite", models, {"tts": tts, "tts-more": more})  # type: ignore[dict-item]
    more.answers = False
    assert await told.voices() == {}
    more.answers, more.speakers = True, ({"many": (VOICE, Voice("ann", "Ann", "de")), "other": (VOICE,)},)
    voices = (await told.voices())["many"]
    assert [voice.id for voice in voices] == ["joe", "ann"]
    assert "alloy" in voices[0].aliases
    assert set(await told.voices()) == {"many"}
    assert (tts.asked, more.asked) == (0, 2)


async def test_nobody_is_asked_for_voices_where_all_are_known(stages: dict[str, Any]) -> None:
    tts = Replicas()
    assert await board(tts=tts, llm=Replicas()).voices() == {}
    assert tts.asked == 0


async def test_models_of_a_deployment_that_sleeps_are_available_and_of_one_that_wakes_loading(
    stages: dict[str, Any],
) -> None:
    stages |= {"asr": "asleep", "tts": "waking"}
    told = await board(tts=Replicas(), llm=Replicas()).models()
    assert told == {"asr-kept": "available", "tts-kept": "loading", "tts-late": "loading", "vectors": "available"}


async def test_a_deployment_that_sleeps_is_not_asked_what_it_has_loaded(stages: dict[str, Any]) -> None:
    stages["tts"] = StageStatus("tts", "asleep", "", 0, 0, may_sleep=True)
    tts = Replicas({"tts-late": "loaded"})
    await board(tts=tts, llm=Replicas()).models()
    assert tts.asked == 0


async def test_a_deployment_that_may_sleep_is_not_kept_awake_by_questions(stages: dict[str, Any]) -> None:
    stages["tts"] = StageStatus("tts", "ready", "", 1, 1, may_sleep=True)
    tts = Replicas({"tts-late": "loaded"})
    told = board(tts=tts, llm=Replicas())
    for _ in range(3):
        assert (await told.models())["tts-late"] == "loaded"
    assert tts.asked == 1


async def test_a_deployment_that_sleeps_is_woken_where_only_it_knows_its_voices(stages: dict[str, Any]) -> None:
    models = ModelDirectory((*MODELS.models, ServedModel("many", "tts", "coqui", 0, "me", deployment="tts-more")))
    stages["tts-more"] = "asleep"
    more = Replicas()
    more.answers, more.speakers = False, ({"many": (VOICE,)},)
    told = ServeStatusBoard("smartlite", models, {"tts-more": more})  # type: ignore[dict-item]
    assert await told.voices() == {}
    async with asyncio.timeout(10):
        await more.woken.wait()
    assert [voice.id for voice in (await told.voices())["many"]] == ["joe"]
