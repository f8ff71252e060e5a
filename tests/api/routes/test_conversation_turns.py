"""Turns of conversations: from chat, responses and voice; whole, in streams, at once, failed, and too long."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import openai
import pytest

from smartlite.api.services import Services
from smartlite.domain.conversations import message_tokens
from smartlite.errors import EngineFailed
from smartlite.storage import conversation_items, conversations
from tests.api.scripted import events_of
from tests.api.talking import MODEL, Talk, a_talk

ADA = ("user", "My name is Ada.")
HEARD = ("assistant", "You said: My name is Ada.")


@pytest.fixture
async def talk(services: Services, tmp_path: Path) -> AsyncIterator[Talk]:
    async with a_talk(services, tmp_path) as talk:
        yield talk


@asynccontextmanager
async def narrow(services: Services, folder: Path) -> AsyncIterator[Talk]:
    """One whose model has little room: 384 tokens beside an answer of 128."""
    async with a_talk(services, folder, context=512) as talk:
        yield talk


async def test_a_chat_goes_on_with_what_was_said_before(talk: Talk) -> None:
    made = await talk.conversation()
    await talk.chat(ADA[1], conversation=made)
    system = {"role": "system", "content": "Be brief."}
    await talk.chat("", conversation={"id": made}, messages=[system, {"role": "user", "content": "Who am I?"}])
    assert talk.llm.told == [("system", "Be brief."), ADA, HEARD, ("user", "Who am I?")]
    assert await talk.texts(made) == [ADA, HEARD, ("user", "Who am I?"), ("assistant", "You said: Who am I?")]


async def test_a_stream_is_kept_before_its_end_is_told(talk: Talk) -> None:
    made = await talk.conversation()
    stream = await talk.openai.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": ADA[1]}],
        stream=True,
        extra_body={"conversation": made},
    )
    async for chunk in stream:
        if chunk.choices[0].finish_reason:
            assert await talk.texts(made) == [ADA, HEARD]
            await talk.chat("Again.", conversation=made)
    assert len(await talk.texts(made)) == 4


@pytest.mark.parametrize("stream", [False, True])
async def test_the_official_client_answers_in_a_conversation(talk: Talk, stream: bool) -> None:
    made = await talk.openai.conversations.create(items=[{"type": "message", "role": "user", "content": ADA[1]}])
    asked: dict[str, Any] = {"model": MODEL, "input": "Who am I?", "conversation": made.id, "instructions": "Be brief."}
    if stream:
        events = [event async for event in await talk.openai.responses.create(**asked, stream=True)]
        response = events[-1].response
    else:
        response = await talk.openai.responses.create(**asked)
    assert response.conversation.id == made.id
    assert talk.llm.told == [("system", "Be brief."), ADA, ("user", "Who am I?")]
    assert await talk.texts(made.id) == [ADA, ("user", "Who am I?"), ("assistant", "You said: Who am I?")]


async def test_calls_and_what_they_returned_are_kept(talk: Talk) -> None:
    made = await talk.conversation()
    tool = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}
    answer = await talk.chat("weather?", conversation=made, tools=[tool], tool_choice="required")
    (call,) = answer["choices"][0]["message"]["tool_calls"]
    output = {"role": "tool", "tool_call_id": call["id"], "content": "Fog."}
    await talk.chat("", conversation=made, messages=[output])
    sent = talk.llm.asked[-1].messages
    assert [message.role for message in sent] == ["user", "assistant", "tool"]
    assert (sent[1].tool_calls[0].id, sent[2].tool_call_id, sent[2].name) == (call["id"], call["id"], "weather")
    items = (await talk("GET", f"/conversations/{made}/items?order=asc"))["data"]
    assert [each["type"] for each in items] == ["message", "function_call", "function_call_output", "message"]
    await talk.chat("", 400, messages=[output])


async def test_an_answer_that_was_cut_off_is_kept_as_such(talk: Talk) -> None:
    made = await talk.conversation()
    await talk.chat(ADA[1], conversation=made, max_completion_tokens=2)
    items = (await talk("GET", f"/conversations/{made}/items"))["data"]
    assert (items[0]["status"], items[0]["content"][0]["text"]) == ("incomplete", "You said:")


@pytest.mark.parametrize("stream", [False, True])
async def test_a_turn_that_fails_leaves_nothing_and_the_next_one_is_free(talk: Talk, stream: bool) -> None:
    made = await talk.conversation()
    talk.llm.error = EngineFailed("Broken.")
    body = {"model": MODEL, "messages": [{"role": "user", "content": "x"}], "conversation": made, "stream": stream}
    answer = await talk.http.post("/v1/chat/completions", json=body)
    assert answer.status_code == (200 if stream else 500)
    assert "engine_failed" in answer.text
    talk.llm.error = None
    assert await talk.texts(made) == []
    await talk.chat(ADA[1], conversation=made)
    assert await talk.texts(made) == [ADA, HEARD]


async def test_a_second_turn_at_the_same_time_is_told_to_come_again(talk: Talk) -> None:
    made = await talk.conversation()
    talk.llm.gate = asyncio.Event()
    first = asyncio.create_task(talk.chat(ADA[1], conversation=made))
    await talk.llm.has_begun.wait()
    refused = await talk.http.post(
        "/v1/chat/completions",
        json={"model": MODEL, "messages": [{"role": "user", "content": "x"}], "conversation": made},
    )
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "conversation_busy")
    assert refused.headers["retry-after"] == "1"
    item = {"items": [{"role": "user", "content": "x"}]}
    await talk("POST", f"/conversations/{made}/items", 409, item)
    talk.llm.gate.set()
    await first
    await talk("POST", f"/conversations/{made}/items", 200, item)


async def test_the_official_client_that_tries_again_waits_for_its_turn(talk: Talk) -> None:
    made = await talk.conversation()
    client = talk.openai.with_options(max_retries=3)
    answers = await asyncio.gather(
        *(client.responses.create(model=MODEL, input=f"Number {n}.", conversation=made) for n in range(2))
    )
    assert [answer.status for answer in answers] == ["completed"] * 2
    assert len(await talk.texts(made)) == 4


async def test_a_conversation_that_is_deleted_meanwhile_is_a_404(talk: Talk) -> None:
    made = await talk.conversation()
    talk.llm.gate = asyncio.Event()
    asked = asyncio.create_task(talk.chat("x", 404, conversation=made))
    await talk.llm.has_begun.wait()
    await talk("DELETE", f"/conversations/{made}")
    talk.llm.gate.set()
    await asked


async def test_several_answers_have_no_place_in_a_conversation(talk: Talk) -> None:
    error = (await talk.chat("x", 400, conversation=await talk.conversation(), n=2))["error"]
    assert error["param"] == "n"


async def test_a_spoken_turn_is_kept_and_knows_what_was_said_before(talk: Talk, speech_wav: bytes) -> None:
    made = await talk.conversation(items=[{"role": "user", "content": ADA[1]}])
    for stream in ("false", "true"):
        files = {"file": ("question.wav", speech_wav, "audio/wav")}
        fields = {"conversation": made, "stream": stream, "instructions": "Be brief."}
        answer = await talk.http.post("/v1/voice/turns", files=files, data=fields)
        assert answer.status_code == 200, answer.text
    done = events_of(answer)[-1]
    assert done["type"] == "turn.done"
    assert [role for role, _ in talk.llm.told] == ["system", "user", "user", "assistant", "user"]
    assert talk.llm.told[1] == ADA
    texts = await talk.texts(made)
    assert [role for role, _ in texts] == ["user", "user", "assistant", "user", "assistant"]
    assert texts[-1][1] == done["reply"]["text"]
    other = await talk.http.post("/v1/voice/turns", files=files, data={"conversation": "conv_0"})
    assert other.status_code == 404


async def test_a_window_leaves_out_whole_turns_of_long_ago(services: Services, tmp_path: Path) -> None:
    async with narrow(services, tmp_path) as talk:
        made = await talk.conversation()
        for number in range(8):
            await talk.chat(f"Number {number}: {'word ' * 30}", conversation=made)
        sent = talk.llm.told
        assert 3 <= len(sent) < 15
        assert (sent[0][0], sent[-1][1][:8]) == ("user", "Number 7")
        assert sent[-3][1].startswith("Number 6")
        assert len(await talk.texts(made)) == 16


async def test_a_conversation_of_few_tokens_sends_no_more(talk: Talk) -> None:
    made = await talk.conversation(truncation={"max_tokens": 100})
    for number in range(6):
        await talk.chat(f"Number {number}: {'word ' * 10}", conversation=made)
    assert [text[:8] for _, text in talk.llm.told] == ["Number 4", "You said", "Number 5"]


async def test_a_summary_goes_on_from_the_one_before_and_is_kept(services: Services, tmp_path: Path) -> None:
    async with narrow(services, tmp_path) as talk:
        made = await talk.conversation(truncation={"strategy": "summary"})
        for number in range(8):
            await talk.chat(f"Number {number}: {'word ' * 30}", conversation=made)
        summaries = [asked for asked in talk.llm.asked if "summary" in asked.messages[0].content]
        assert len(summaries) >= 2
        assert "Summary so far:\n(none)" in summaries[0].messages[1].content
        assert "Number 0" in summaries[0].messages[1].content
        assert "Summary so far:\nSummary 1.\n" in summaries[1].messages[1].content
        assert "Number 0" not in summaries[1].messages[1].content
        last = talk.llm.asked[-1].messages
        assert last[0].role == "system"
        told = await talk("GET", f"/conversations/{made}/export")
        assert last[0].content == f"Earlier in this conversation, in short:\n{told['summary']}"
        assert len(told["items"]) == 16
        first = told["items"][0]["id"]
        await talk("DELETE", f"/conversations/{made}/items/{first}")
        assert (await talk("GET", f"/conversations/{made}/export"))["summary"] is None


async def test_with_a_summary_no_more_is_sent_than_allowed_either(talk: Talk) -> None:
    talk.llm.padding = " and so on" * 200
    made = await talk.conversation(truncation={"strategy": "summary", "max_tokens": 200})
    for number in range(6):
        await talk.chat(f"Number {number}: {'word ' * 10}", conversation=made)
    answers = [asked.messages for asked in talk.llm.asked if "keep the summary" not in asked.messages[0].content]
    assert max(sum(map(message_tokens, messages)) for messages in answers) <= 220
    assert talk.llm.told[-1][1].startswith("Number 5")


async def test_a_summary_stands_in_the_first_message_of_the_system(services: Services, tmp_path: Path) -> None:
    async with narrow(services, tmp_path) as talk:
        items = [{"role": "user", "content": "word " * 60} for _ in range(8)]
        made = await talk.conversation(truncation={"strategy": "summary"}, items=items)
        messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Now."}]
        await talk.chat("", conversation=made, messages=messages)
        assert talk.llm.told[0][1].startswith("Be brief.\n\nEarlier in this conversation")


async def test_where_the_model_still_finds_it_too_long_less_is_sent(talk: Talk) -> None:
    items = [{"role": "user", "content": "word " * 200} for _ in range(5)]
    made = await talk.conversation(items=items)
    talk.llm.most_messages = 3
    await talk.chat("Now.", conversation=made)
    assert [len(asked.messages) for asked in talk.llm.asked][-1] <= 3
    assert len(talk.llm.asked) > 1
    talk.llm.most_messages = 0
    assert (await talk.chat("Now.", 400, conversation=made))["error"]["code"] == "context_length_exceeded"


async def test_what_is_said_is_encrypted_where_the_platform_encrypts(services: Services, tmp_path: Path) -> None:
    async with a_talk(services, tmp_path, keys={"k1": bytes(32)}) as talk:
        made = await talk.conversation(truncation={"strategy": "summary", "max_tokens": 64})
        for _ in range(3):
            await talk.chat("The secret is plum.", conversation=made)
        told = await talk("GET", f"/conversations/{made}/export")
        assert "plum" in json.dumps(told["items"])
        assert told["summary"].startswith("Summary ")
        async with talk.database.reading() as session:
            _, summary = await conversations.summary(session, made)
            page = await conversation_items.page(session, made)
        stored = b"".join([summary or b"", *(item.body for item in page.items)])
        assert not any(word in stored for word in (b"plum", b"Summary"))


async def test_a_conversation_is_named_by_its_id_or_in_an_object(talk: Talk) -> None:
    made = await talk.openai.conversations.create()
    with pytest.raises(openai.NotFoundError):
        await talk.openai.responses.create(model=MODEL, input="x", conversation="conv_0")
    response = await talk.openai.responses.create(model=MODEL, input="x", conversation={"id": made.id})
    assert response.output_text == "You said: x."
