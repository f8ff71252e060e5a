"""The platforms that speak a long text."""

from pathlib import Path

import yaml

from benchmarks.replicas import LONG_TEXT, only_speech
from smartlite.domain.sentences import split_sentences

ROOT = Path(__file__).parents[2]


def test_a_platform_that_only_speaks_has_real_speech_and_as_many_replicas_as_asked() -> None:
    document = yaml.safe_load((ROOT / "serve_config.yaml").read_text())
    application = only_speech(document, 2)["applications"][0]
    assert application["args"]["tts"]["models"][0]["options"] == {"threads": 1}
    assert application["args"]["tts"]["models"][0]["model"] == "en_US-joe-medium"
    assert application["args"]["asr"]["models"] == [{"model": "fake-asr", "engine": "fake"}]
    tts = next(entry for entry in application["deployments"] if entry["name"] == "tts")
    assert tts["num_replicas"] == 2
    assert "autoscaling_config" not in tts


def test_the_long_text_has_sentences_enough_for_two() -> None:
    assert len(split_sentences(LONG_TEXT)) == 12
