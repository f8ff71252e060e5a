"""Prompts over HTTP: versions that stay, who finds whose, what they make, and how chats and pipelines use them."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from smartlite.api.services import Services
from tests.api.pipelined import Kitchen, a_kitchen
from tests.api.talking import MODEL, Talk, a_talk

TEMPLATE: dict[str, Any] = {
    "description": "Answers in another language.",
    "variables": {
        "language": {"type": "string", "description": "Its English name."},
        "words": {"type": "array", "required": False, "default": []},
        "formal": {"type": "boolean", "required": False},
    },
    "system": "Translate into {{ language }}{% if formal %}, formally{% endif %}.",
    "examples": [{"user": "Yes.", "assistant": "In {{ language }}: yes."}],
    "user": "Keep {{ words | join(', ') }}.",
    "assistant": "I will.",
}
PROMPT: dict[str, Any] = {"name": "translate", **TEMPLATE}
FILLED = [
    ("system", "Translate into German."),
    ("user", "Yes."),
    ("assistant", "In German: yes."),
    ("user", "Keep Haus, 1."),
    ("assistant", "I will."),
]
VALUES = {"language": "German", "words": ["Haus", 1]}
PIPELINE = """name: translator
steps:
  - id: ask
    uses: llm.chat
    with: {prompt_name: %s, vars: {language: French}, user: "Good morning."}
outputs:
  text: ${{ steps.ask.output.text }}
"""


@pytest.fixture
async def kitchen(services: Services, tmp_path: Path) -> AsyncIterator[Kitchen]:
    async with a_kitchen(services, tmp_path) as kitchen:
        yield kitchen


@pytest.fixture
async def talk(services: Services, tmp_path: Path) -> AsyncIterator[Talk]:
    async with a_talk(services, tmp_path) as talk:
        yield talk


async def test_a_prompt_comes_back_as_it_was_written(kitchen: Kitchen) -> None:
    made = await kitchen("ana", "POST", "/prompts", 201, PROMPT)
    assert (made["prompt"], made["version"], made["is_latest"]) == ("translate", 1, True)
    for reference in ("translate", made["prompt_id"]):
        found = await kitchen("ana", "GET", f"/prompts/{reference}", 200)
        assert (found["name"], found["owner_id"]) == ("translate", kitchen.users["ana"])
        assert found["template"]["system"] == TEMPLATE["system"]
        assert found["template"]["examples"] == TEMPLATE["examples"]
        assert found["template"]["variables"]["formal"] == {
            "type": "boolean",
            "required": False,
            "default": None,
            "description": "",
        }
    assert [each["name"] for each in (await kitchen("ana", "GET", "/prompts", 200))["data"]] == ["translate"]
    again = await kitchen("ana", "POST", "/prompts", 400, PROMPT)
    assert again["error"]["code"] == "already_exists"


async def test_another_template_is_a_new_version_and_the_same_is_none(kitchen: Kitchen) -> None:
    await kitchen("ana", "POST", "/prompts", 201, PROMPT)
    assert (await kitchen("ana", "PUT", "/prompts/translate", 200, PROMPT))["version"] == 1
    other = {**TEMPLATE, "system": "Say it in {{ language }}."}
    assert (await kitchen("ana", "PUT", "/prompts/translate", 201, other))["version"] == 2
    page = await kitchen("ana", "GET", "/prompts/translate/versions?limit=1", 200)
    rest = await kitchen("ana", "GET", f"/prompts/translate/versions?after={page['next']}", 200)
    assert [each["version"] for each in (*page["data"], *rest["data"])] == [2, 1]
    difference = (await kitchen("ana", "GET", "/prompts/translate/diff", 200))["text"]
    assert '+  "system": "Say it in {{ language }}.",' in difference
    assert (await kitchen("ana", "POST", "/prompts/translate/latest", 200, {"version": 1}))["latest"] == 1
    latest = await kitchen("ana", "GET", "/prompts/translate/versions/latest", 200)
    assert latest["template"]["system"] == TEMPLATE["system"]
    await kitchen("ana", "POST", "/prompts/translate/latest", 404, {"version": 3})
    await kitchen("ana", "GET", "/prompts/translate/versions/x", 404)
    renamed = await kitchen("ana", "PUT", "/prompts/translate", 400, {**PROMPT, "name": "other"})
    assert renamed["error"]["param"] == "name"
    await kitchen("ana", "DELETE", "/prompts/translate", 204)
    await kitchen("ana", "GET", "/prompts/translate", 404)


async def test_values_take_the_places_of_variables(kitchen: Kitchen) -> None:
    await kitchen("ana", "POST", "/prompts", 201, PROMPT)
    filled = await kitchen("ana", "POST", "/prompts/translate/render", 200, {"variables": VALUES, "version": 1})
    assert [(each["role"], each["content"]) for each in filled["messages"]] == FILLED


@pytest.mark.parametrize(
    ("variables", "param", "words"),
    [
        ({}, "variables.language", "Missing required parameter"),
        ({"language": 1}, "variables.language", "must be a string"),
        ({"language": None}, "variables.language", "must be a string"),
        ({"language": "x", "words": "a"}, "variables.words", "must be an array"),
        ({"language": "x", "formal": "true"}, "variables.formal", "must be a boolean"),
        ({"language": "x", "langage": "y"}, "variables", "Did you mean 'language'?"),
        ({"language": "x" * 300_000}, "variables", "more than 262144"),
    ],
)
async def test_values_that_are_wrong_are_told_by_name(talk: Talk, variables: Any, param: str, words: str) -> None:
    await talk("POST", "/prompts", 201, PROMPT)
    error = (await talk("POST", "/prompts/translate/render", 400, {"variables": variables}))["error"]
    assert (error["param"], words in error["message"]) == (param, True)


@pytest.mark.parametrize(
    ("changed", "param", "words"),
    [
        ({"system": "{{ ''.__class__.__mro__ }}"}, "system", ""),
        ({"system": "{{ language.__class__ }}"}, "system", "__class__"),
        ({"system": "{% include '/etc/passwd' %}"}, "system", "include"),
        ({"user": "{% import 'os' as os %}"}, "user", "import"),
        ({"user": "{{ cycler.__init__.__globals__ }}"}, "user", ""),
        ({"examples": [{"user": "{{ (", "assistant": "x"}]}, "examples[0].user", "line 1"),
        ({"system": "{{ langage }}"}, "system", "Did you mean 'language'?"),
        ({"system": 1}, "system", "expected a string"),
        ({"variables": {"a b": {"type": "string"}}}, "variables", ""),
        ({"variables": {"a": {"type": "text"}}}, "variables.a.type", ""),
        ({"variables": {"range": {"type": "string"}}}, "variables.range", "cannot be called"),
        ({"variables": {"a": {"type": "string", "default": "x"}}}, "variables.a.required", "not required"),
        (
            {"variables": {"a": {"type": "integer", "required": False, "default": "x"}}},
            "variables.a.default",
            "integer",
        ),
        ({"system": "x" * 40_000}, "system", ""),
        ({"name": "No Name"}, "name", ""),
        ({"language": "German"}, "language", "Unknown parameter"),
    ],
)
async def test_a_prompt_that_is_wrong_is_refused_by_its_place(talk: Talk, changed: Any, param: str, words: str) -> None:
    error = (await talk("POST", "/prompts", 400, {**PROMPT, **changed}))["error"]
    assert error["param"] is not None
    assert (error["param"].startswith(param), words in error["message"]) == (True, True), error


async def test_attributes_are_not_reached_by_values_either(talk: Talk) -> None:
    await talk("POST", "/prompts", 201, {"name": "a", "variables": {"x": {"type": "object"}}, "user": "{{ x.items }}"})
    error = (await talk("POST", "/prompts/a/render", 400, {"variables": {"x": {}}}))["error"]
    assert (error["code"], error["param"]) == ("prompt_invalid", "variables")


async def test_a_document_of_10_megabytes_and_one_without_texts_are_refused(talk: Talk) -> None:
    await talk("POST", "/prompts", 413, {"name": "a", "system": "x" * 10_000_000})
    await talk("POST", "/prompts", 400, {"name": "a"})


async def test_anothers_prompt_is_not_there_until_it_is_shared(kitchen: Kitchen) -> None:
    made = (await kitchen("ana", "POST", "/prompts", 201, PROMPT))["prompt_id"]
    asked = {"model": MODEL, "prompt": {"id": made, "variables": VALUES}}
    await kitchen("ben", "GET", f"/prompts/{made}", 404)
    await kitchen("ben", "GET", "/prompts/translate", 404)
    await kitchen("ben", "POST", "/chat/completions", 404, asked)
    await kitchen("zoe", "POST", "/prompts", 403, PROMPT)
    await kitchen.share("ana", "prompt", made, "ben", "read")
    await kitchen("ben", "POST", "/chat/completions", 200, asked)
    await kitchen("ben", "PUT", f"/prompts/{made}", 403, TEMPLATE)
    assert [each["id"] for each in (await kitchen("ben", "GET", "/prompts", 200))["data"]] == [made]


async def test_a_chat_is_asked_with_a_prompt_before_its_messages(talk: Talk) -> None:
    made = (await talk("POST", "/prompts", 201, PROMPT))["prompt_id"]
    await talk("POST", "/chat/completions", 200, {"model": MODEL, "prompt": {"id": made, "variables": VALUES}})
    assert talk.llm.told == FILLED
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Good morning."}]
    reference = {"name": "translate", "version": "1", "variables": VALUES}
    await talk("POST", "/chat/completions", 200, {"model": MODEL, "messages": messages, "prompt": reference})
    assert talk.llm.told == [FILLED[0], ("system", "Be brief."), *FILLED[1:], ("user", "Good morning.")]


async def test_the_official_client_answers_with_a_prompt(talk: Talk) -> None:
    made = (await talk("POST", "/prompts", 201, PROMPT))["prompt_id"]
    answer = await talk.openai.responses.create(
        model=MODEL,
        input="Good morning.",
        prompt={
            "id": made,
            "version": "1",
            "variables": {"language": {"type": "input_text", "text": "German"}, "words": ["Haus", 1]},  # type: ignore[dict-item]
        },
    )
    assert answer.prompt is not None
    assert (answer.prompt.id, answer.prompt.version) == (made, "1")
    assert talk.llm.told == [*FILLED, ("user", "Good morning.")]
    await talk.openai.responses.create(model=MODEL, prompt={"id": made, "variables": {"language": "German"}})
    assert talk.llm.told[0] == FILLED[0]


async def test_of_a_prompt_only_its_turn_is_kept_in_a_conversation(talk: Talk) -> None:
    await talk("POST", "/prompts", 201, PROMPT)
    made = await talk.conversation(items=[{"role": "user", "content": "Before."}])
    body = {"model": MODEL, "conversation": made, "prompt": {"name": "translate", "variables": VALUES}}
    await talk("POST", "/chat/completions", 200, body)
    assert talk.llm.told == [*FILLED[:3], ("user", "Before."), *FILLED[3:]]
    assert (await talk.texts(made))[:-1] == [("user", "Before."), *FILLED[3:]]


@pytest.mark.parametrize(
    ("reference", "status", "param"),
    [
        ({}, 400, "prompt.id"),
        ({"id": "a", "name": "a"}, 400, "prompt.name"),
        ({"id": "pmt_0"}, 404, "prompt_id"),
        ({"name": "translate", "version": 2}, 404, "prompt.version"),
        ({"name": "translate", "version": "x"}, 400, "prompt.version"),
        ({"name": "translate"}, 400, "prompt.variables.language"),
        ({"name": "translate", "other": 1}, 400, "prompt.other"),
        ("translate", 400, "prompt"),
    ],
)
async def test_a_prompt_that_cannot_be_used_is_told(talk: Talk, reference: Any, status: int, param: str) -> None:
    await talk("POST", "/prompts", 201, PROMPT)
    body = {"model": MODEL, "messages": [{"role": "user", "content": "x"}], "prompt": reference}
    assert (await talk("POST", "/chat/completions", status, body))["error"]["param"] == param


@pytest.mark.parametrize("path", ["/chat/completions", "/responses"])
async def test_without_a_prompt_something_is_asked(talk: Talk, path: str) -> None:
    field = {"/chat/completions": "messages", "/responses": "input"}[path]
    missing = (await talk("POST", path, 400, {"model": MODEL}))["error"]
    assert (missing["code"], missing["param"]) == ("missing_required_parameter", field)
    empty = (await talk("POST", path, 400, {"model": MODEL, field: []}))["error"]
    assert (empty["code"], empty["param"]) == ("invalid_value", field)


async def test_a_pipeline_uses_a_prompt_of_its_users_own(kitchen: Kitchen) -> None:
    await kitchen("ana", "POST", "/prompts", 201, PROMPT)
    await kitchen("ana", "POST", "/pipelines", 201, PIPELINE % "translate")
    run = await kitchen.run("ana", "translator")
    assert (run["state"], run["outputs"]) == ("succeeded", {"text": "You said: Good morning."})


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (PIPELINE % "other", "There is no prompt 'other'"),
        (PIPELINE % "translate, prompt_version: 7", "There is no version 7"),
        (PIPELINE.replace("language: French", "tongue: French") % "translate", "no variable 'tongue'"),
        (PIPELINE.replace("language: French", "") % "translate", "language"),
    ],
)
async def test_a_pipeline_with_a_prompt_that_is_not_there_is_not_saved(
    kitchen: Kitchen, source: str, words: str
) -> None:
    await kitchen("ana", "POST", "/prompts", 201, PROMPT)
    error = (await kitchen("ana", "POST", "/pipelines", 400, source))["error"]
    assert (error["code"], error["param"].startswith("steps[0].with.")) == ("pipeline_invalid", True)
    assert words in error["message"]


async def test_anothers_prompt_is_not_used_by_ones_pipeline(kitchen: Kitchen) -> None:
    made = (await kitchen("ana", "POST", "/prompts", 201, PROMPT))["prompt_id"]
    await kitchen("ben", "POST", "/pipelines", 400, PIPELINE % made)
    await kitchen.share("ana", "prompt", made, "ben", "read")
    await kitchen("ben", "POST", "/pipelines", 201, PIPELINE % made)
    assert (await kitchen.run("ben", "translator"))["outputs"] == {"text": "You said: Good morning."}


async def test_a_step_sends_the_prompt_with_its_values_before_its_own_words(talk: Talk) -> None:
    await talk("POST", "/prompts", 201, PROMPT)
    source = (PIPELINE % "translate").replace('user: "Good', 'system: "Be brief.", user: "Good')
    made = await talk.http.post("/v1/pipelines", content=source, headers={"content-type": "application/yaml"})
    assert made.status_code == 201, made.text
    talk.works.worker.begin()
    await talk.http.post("/v1/pipelines/translator/runs", json={}, headers={"prefer": "wait=20"})
    assert talk.llm.told == [
        ("system", "Translate into French."),
        ("system", "Be brief."),
        ("user", "Yes."),
        ("assistant", "In French: yes."),
        ("user", "Keep ."),
        ("assistant", "I will."),
        ("user", "Good morning."),
    ]
