"""Templates: what they write, and what those come to that want more."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smartlite.errors import PipelineInvalid
from smartlite.pipeline.spec.templates import MAX_TEMPLATE_CHARACTERS, check_template, render

VARIABLES: dict[str, Any] = {
    "object": {"a": 1, "items": "own"},
    "segments": [{"start_s": 0, "text": " one "}, {"start_s": 3723.0456, "text": "two & <2>"}],
    "nothing": None,
    "text": "some text",
}
LARGE: dict[str, Any] = {
    "numbers": [0] * 90_000,
    "text": "ab" * 500_000,
    "half": "ab" * 60_000,
    "objects": [{"a": [1, 2, 3], "b": "x" * 20} for _ in range(20_000)],
    "empty": [],
}


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{ object.a }}{{ object['a'] + 1 }}{{ nothing }}{{ object }}", '12{"a": 1, "items": "own"}'),
        ("{{ object.items }}", "own"),
        ("{% for s in segments %}{{ loop.index }} {{ s.text | trim }}\n{% endfor %}", "1 one\n2 two & <2>\n"),
        ("{% for k, v in object | items %}{{ k }}={{ v }};{% endfor %}", "a=1;items=own;"),
        ("{{ segments[1].start_s | srt_time }} {{ segments[1].start_s | vtt_time }}", "01:02:03,046 01:02:03.046"),
        ("{{ segments | map('text') | join('/') | upper }}", " ONE /TWO & <2>"),
        ("{% if object.a == 1 and nothing is none and x is not defined %}yes{% endif %}", "yes"),
        ("{{ x | default('none') }} {{ nothing | default('null') }}", "none null"),
        ("{{ 'a' ~ object.a ~ 'b' }} {{ text[:4] }} {{ text | truncate(4) }}", "a1b some some..."),
        ("{{ 'pt-BR' | language_name }} {{ 'xx' | language_name }}", "Portuguese Xx"),
        ("{% for i in range(5) if i != 1 %}{{ i }}{% endfor %}{{ [1, 2] | sum }}", "02343"),
        ("{# no #}{% raw %}{{ x }}{% endraw %}{% set a = 2 %}{{ a * 3 }}\n", "{{ x }}6\n"),
        ("{{ text | replace('some', 'any') | tojson }}", '"any text"'),
    ],
)
def test_a_template_is_filled(template: str, text: str) -> None:
    check_template(template)
    assert render(template, VARIABLES) == text


@pytest.mark.parametrize(
    "template",
    ["{{ object.__class__ }}", "{{ ''.__class__.__mro__ }}", "{{ text.upper() }}", "{{ object.items() }}",
     "{{ object | attr('a') }}", "{% include 'a' %}", "{% import 'a' as b %}", "{% from 'a' import b %}",
     "{% extends 'a' %}", "{% block a %}{% endblock %}", "{% macro f() %}{% endmacro %}", "{% call f() %}{% endcall %}",
     "{% set x %}{{ text }}{% endset %}", "{% filter upper %}a{% endfilter %}", "{{ 9 ** 9 }}", "{{ lipsum(9) }}",
     "{{ namespace() }}", "{{ cycler('a') }}", "{{ '{}'.format(1) }}", "{% set a = [text, text] %}",
     "{{ {'a': text} }}", "{% for a in segments recursive %}{{ loop(a) }}{% endfor %}",
     "{{ object is callable }}", "{{ text | pprint }}",
     "{{ _private }}", "{% set _x = 1 %}", "{% autoescape true %}{% endautoescape %}", "{% trans %}a{% endtrans %}",
     "{{ 1e400 }}", "{{ 99999999999999999999 }}", "{{ " + "9" * 5000 + " }}",
     "{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}",
     "{{ " + "-" * 3000 + "1 }}", "{{ 1" + "+1" * 6000 + " }}", "{% if a %}" * 300 + "{% endif %}" * 300,
     "{{a}}" * 6000, "{{ object", "{% if %}", "{% nothing %}", " " * (MAX_TEMPLATE_CHARACTERS + 1)],
)  # fmt: skip
def test_what_reaches_outside_or_multiplies_is_refused_when_it_is_saved(template: str) -> None:
    with pytest.raises(PipelineInvalid):
        check_template(template)


@pytest.mark.parametrize(
    "template",
    ["{{ x }}", "{{ object.b }}", "{{ object['__class__'] }}", "{{ x.y.z }}", "{{ range }}", "{{ self }}", "{{ loop }}",
     "{{ 1 / 0 }}", "{{ text + 1 }}", "{{ text * 2 }}", "{{ '%9d' % 1 }}", "{{ object | sum }}", "{{ text | round }}",
     "{{ segments | sort }}", "{% for a in nothing %}{% endfor %}", "{{ x | upper }}", "{{ x == 1 }}",
     "{{ '1e300' | int }}",
     "{{ object[segments] }}", "{{ segments | map(object) }}"],
)  # fmt: skip
def test_what_is_not_there_or_of_another_type_is_refused_when_it_is_filled(template: str) -> None:
    with pytest.raises(PipelineInvalid):
        render(template, VARIABLES)


@pytest.mark.parametrize(
    "template",
    [
        "{{ text }}",
        "{{ half }}" * 3,
        "{% for i in range(90000) %}{% for j in range(90000) %}x{% endfor %}{% endfor %}",
        "{% for i in range(90000000) %}{% endfor %}",
        "{% for i in numbers %}{% for j in numbers %}{% endfor %}{% endfor %}",
        "{% set a = 'aaaaaaaa' %}" + "{% set a = a ~ a %}" * 40 + "{{ a }}",
        "{% set a = 'aaaaaaaa' %}" + "{% set a = a + a %}" * 40 + "{{ a }}",
        "{% set a = 'aaaaaaaa' %}" + "{% set a = a | replace('a', a) %}" * 40 + "{{ a }}",
        "{% set a = 9 %}" + "{% set a = a * a %}" * 100 + "{{ a }}",
        "{% if (half ~ half ~ half) == 1 %}{% endif %}",
        "{{ objects | tojson | length }}",
        "{{ objects ~ '' }}",
        "{% for i in range(1000) %}{% if objects == objects %}{% endif %}{% endfor %}",
        "{% if objects == objects %}{% endif %}" * 300,
        "{% for i in range(30000) %}{{ half | upper | length }}{% endfor %}",
        "{% for i in range(9999) %}{{ objects[1:] | length }}{% endfor %}",
        "{{ half | replace('a', half) }}",
        "{{ numbers | join(half) }}",
        "{{ 'ac' in text }}" * 500,
        "{{ half | lines | length }}" * 500,
        "{{ numbers | unique }}" * 100,
    ],
)
def test_a_template_that_would_work_or_write_for_ever_is_refused(template: str) -> None:
    with pytest.raises(PipelineInvalid):
        render(template, LARGE)


def test_nothing_is_left_of_one_rendering_for_the_next() -> None:
    with pytest.raises(PipelineInvalid):
        render("{% set left = 1 %}{{ text }}", LARGE)
    with pytest.raises(PipelineInvalid, match="'left' is undefined"):
        render("{{ left }}", {})


def test_a_fault_has_its_line_in_the_template() -> None:
    with pytest.raises(PipelineInvalid, match="The template's line 3: 'include' is not allowed"):
        check_template("a\nb\n{% include 'c' %}")


PARTS = ["{{ ", " }}", "{% ", " %}", " if ", " for ", " in ", "endif", "endfor", "set ", " = ", "x", "object",
         "segments", ".a", "['a']", "[0]", "[1:]", " | upper", " | join(',')", " | map('t')", " | sort", " | sum",
         " | items", " | int", " | first", " | default('d')", " + ", " ~ ", " // ", "(", ")", "1", "'a'", " is defined",
         " not ", " == ", "range(3)", "loop.index", "text", "{#", "#}", "-", "raw", "endraw", "[1,2]", ",",
         "none"]  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(PARTS), min_size=1, max_size=6), st.sampled_from(["{}", "{{{{ {} }}}}"]))
def test_any_words_are_filled_or_refused(parts: list[str], around: str) -> None:
    with suppress(PipelineInvalid):
        render(around.format("".join(parts)), VARIABLES)
