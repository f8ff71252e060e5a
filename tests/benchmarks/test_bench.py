"""What ``smartlite bench`` refuses, and that it leaves its folder all the same. Must not know platforms."""

from pathlib import Path

import pytest

from benchmarks.bench import Options, bench
from benchmarks.stages_compared import Other
from smartlite.errors import InvalidRequest


def options(output: Path, url: str = "http://127.0.0.1:1", against: Other | None = None) -> Options:
    return Options(url, Path("serve_config.yaml"), output, ("smartlite", "bench"), against=against)


def test_a_platform_of_another_machine_is_refused_and_the_folder_says_what_was_asked(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="another machine's; url must be a platform of this one"):
        bench("llm", options(tmp_path, url="http://192.0.2.1:8000"), lambda _: None)
    (results,) = tmp_path.glob("*-llm/results.md")
    assert "smartlite bench" in results.read_text(encoding="utf-8")


@pytest.mark.parametrize("what", ["voice", "pipelines"])
def test_what_other_servers_do_not_have_is_not_held_against_them(what: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="it is for gateway, asr, tts, llm"):
        bench(what, options(tmp_path, against=Other("http://127.0.0.1:2")), lambda _: None)
