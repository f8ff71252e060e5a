"""``llm.chat`` with a prompt that is kept."""

from collections.abc import Mapping

import pytest

from smartlite.domain.llm import ChatRequest
from smartlite.domain.pipelines import JSON
from smartlite.errors import SmartLiteError
from smartlite.pipeline.steps.chat import Chat
from tests.pipeline.steps.studio import Studio, find_prompt, models, ran


async def test_a_kept_prompt_comes_before_what_the_step_says_itself() -> None:
    studio = Studio()
    fields = {"prompt_name": "translate", "vars": {"language": "French"}, "system": "Be brief {{ x }}.", "user": "No."}
    await ran(Chat(studio, models, find_prompt).chat, fields)
    (asked,) = studio.asked
    assert isinstance(asked, ChatRequest)
    assert [(message.role, message.content) for message in asked.messages] == [
        ("system", "Translate into French."),
        ("system", "Be brief {{ x }}."),
        ("user", "Yes."),
        ("assistant", "Oui."),
        ("user", "Now French:"),
        ("user", "No."),
    ]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"prompt_name": "other"}, "prompt_name"),
        ({"prompt_name": "translate"}, "vars.language"),
        ({"prompt_name": "translate", "vars": {"language": 1}}, "vars.language"),
        ({"prompt_name": "translate", "vars": {"language": "x", "other": 1}}, "vars"),
    ],
)
async def test_a_prompt_that_is_not_there_or_gets_the_wrong_values_fails_the_step(
    fields: Mapping[str, JSON], param: str
) -> None:
    with pytest.raises(SmartLiteError) as caught:
        await ran(Chat(Studio(), models, find_prompt).chat, fields)
    assert caught.value.param == param
