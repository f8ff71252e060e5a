"""The official client, in strict response validation, on every route of OpenAI's API that is served."""

import subprocess
from collections.abc import Callable

import openai
import pytest
from openai import OpenAI

from tests.platform.hearing import duration_s, word_error_rate
from tests.real_platform import QUESTION

pytestmark = [pytest.mark.serve, pytest.mark.models, pytest.mark.enable_socket, pytest.mark.timeout(400)]

LLM = "smollm2-135m-instruct"
SPOKEN = "The weather in Boston is cold and windy today. Our train leaves on Monday morning."


def ask(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def test_models_are_listed_and_found_by_id_and_alias(openai_client: OpenAI) -> None:
    listed = {model.id for model in openai_client.models.list()}
    assert {"whisper-base", "whisper-1", "tts-1", LLM} <= listed
    for name in ("whisper-1", LLM):
        assert openai_client.models.retrieve(name).id == name


def test_a_model_that_is_not_served_is_a_not_found_error(openai_client: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        openai_client.models.retrieve("no/such-model")
    assert caught.value.code == "model_not_found"


def test_a_question_is_transcribed_as_json(openai_client: OpenAI, question: bytes) -> None:
    answer = openai_client.audio.transcriptions.create(model="whisper-1", file=("q.wav", question))
    assert word_error_rate(QUESTION, answer.text) == 0
    assert answer.usage is not None
    assert answer.usage.type == "duration"


def test_the_english_model_transcribes_too(openai_client: OpenAI, question: bytes) -> None:
    answer = openai_client.audio.transcriptions.create(model="whisper-tiny.en", file=("q.wav", question))
    assert word_error_rate(QUESTION, answer.text) == 0


def test_a_question_is_transcribed_as_text(openai_client: OpenAI, question: bytes) -> None:
    text = openai_client.audio.transcriptions.create(
        model="whisper-1", file=("q.wav", question), response_format="text"
    )
    assert word_error_rate(QUESTION, str(text)) == 0


def test_verbose_json_has_segments_and_words_with_times_inside_the_recording(
    openai_client: OpenAI, question: bytes
) -> None:
    answer = openai_client.audio.transcriptions.create(
        model="whisper-1",
        file=("q.wav", question),
        response_format="verbose_json",
        timestamp_granularities=["word", "segment"],
    )
    assert answer.segments
    assert answer.words
    assert answer.language == "english"
    assert float(answer.duration) == pytest.approx(duration_s(question, "wav"), abs=0.1)
    times = [time for word in answer.words for time in (word.start, word.end)]
    assert times == sorted(times)
    assert 0 <= times[0] < times[-1] <= float(answer.duration) + 0.1
    assert word_error_rate(QUESTION, " ".join(word.word for word in answer.words)) == 0


@pytest.mark.parametrize(("audio_format", "first_line"), [("srt", "1"), ("vtt", "WEBVTT")])
def test_a_question_is_transcribed_as_subtitles(
    openai_client: OpenAI, question: bytes, audio_format: str, first_line: str
) -> None:
    text = str(
        openai_client.audio.transcriptions.create(
            model="whisper-1",
            file=("q.wav", question),
            response_format=audio_format,  # type: ignore[call-overload]
        )
    )
    assert text.splitlines()[0] == first_line
    assert "-->" in text
    assert "largest ocean" in text


def test_a_transcription_is_streamed(openai_client: OpenAI, question: bytes) -> None:
    events = list(openai_client.audio.transcriptions.create(model="whisper-1", file=("q.wav", question), stream=True))
    done = events[-1]
    assert done.type == "transcript.text.done"
    assert "".join(event.delta for event in events[:-1]) == done.text
    assert word_error_rate(QUESTION, done.text) == 0


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")  # of the client's method; clients still call it
def test_german_speech_is_translated_into_english(openai_client: OpenAI) -> None:
    command = [
        "espeak-ng",
        "-v",
        "de",
        "-s",
        "140",
        "--stdout",
        "--",
        "Guten Tag. Ich heiße Anna, und ich wohne in Berlin.",
    ]
    spoken = subprocess.run(command, check=True, capture_output=True, timeout=30).stdout
    answer = openai_client.audio.translations.create(model="whisper-1", file=("de.wav", spoken))
    assert "Berlin" in answer.text
    assert "wohne" not in answer.text


def test_speech_is_understood_in_every_format(openai_client: OpenAI, hear: Callable[[bytes, str], str]) -> None:
    """Words are counted over all formats: the voice is sampled, and one word in one of them may be misheard."""
    heard = []
    for audio_format in ("mp3", "opus", "aac", "flac", "wav", "pcm"):
        spoken = openai_client.audio.speech.create(
            model="tts-1",
            voice="alloy",
            input=SPOKEN,
            response_format=audio_format,  # type: ignore[arg-type]
        ).content
        assert 0.15 < duration_s(spoken, audio_format) / len(SPOKEN.split()) < 0.8, audio_format
        heard.append(hear(spoken, audio_format))
        assert word_error_rate(SPOKEN, heard[-1]) < 0.5, audio_format
    assert word_error_rate(" ".join([SPOKEN] * len(heard)), " ".join(heard)) <= 0.1


def test_double_speed_takes_about_half_the_time(openai_client: OpenAI) -> None:
    def length(speed: float) -> float:
        spoken = openai_client.audio.speech.create(
            model="tts-1", voice="nova", input=SPOKEN, response_format="pcm", speed=speed
        )
        return duration_s(spoken.content, "pcm")

    assert 0.4 < length(2.0) / length(1.0) < 0.65


def test_a_chat_is_answered_with_its_usage(openai_client: OpenAI) -> None:
    answer = openai_client.chat.completions.create(
        model=LLM, messages=ask("Say hello to me."), temperature=0, max_tokens=60
    )
    choice = answer.choices[0]
    assert choice.message.role == "assistant"
    assert choice.message.content
    assert choice.finish_reason in {"stop", "length"}
    assert answer.usage is not None
    assert answer.usage.prompt_tokens > 0
    assert answer.usage.completion_tokens > 0
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_a_streamed_chat_says_the_same_in_pieces(openai_client: OpenAI) -> None:
    asked = {"model": LLM, "messages": ask("Name three colours."), "temperature": 0, "max_tokens": 40}
    whole = openai_client.chat.completions.create(**asked)  # type: ignore[call-overload]
    stream = openai_client.chat.completions.create(
        **asked,
        stream=True,
        stream_options={"include_usage": True},  # type: ignore[call-overload]
    )
    chunks = list(stream)
    said = [choice.delta.content or "" for chunk in chunks for choice in chunk.choices]
    assert len([piece for piece in said if piece]) > 1
    assert "".join(said) == whole.choices[0].message.content
    assert chunks[-1].choices == []
    assert chunks[-1].usage.completion_tokens == whole.usage.completion_tokens
    assert all(chunk.usage is None for chunk in chunks[:-1])


def test_max_tokens_cuts_the_answer(openai_client: OpenAI) -> None:
    answer = openai_client.chat.completions.create(
        model=LLM, messages=ask("Tell me a long story about a ship."), max_tokens=5
    )
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 5


def test_stop_ends_the_answer_and_is_not_in_it(openai_client: OpenAI) -> None:
    asked = {"model": LLM, "messages": ask("Tell me a long story about a ship."), "temperature": 0, "max_tokens": 60}
    free = openai_client.chat.completions.create(**asked)  # type: ignore[call-overload]
    stop = free.choices[0].message.content.split()[5]
    stopped = openai_client.chat.completions.create(**asked, stop=[stop])  # type: ignore[call-overload]
    assert stop not in stopped.choices[0].message.content
    assert free.choices[0].message.content.startswith(stopped.choices[0].message.content)
    assert stopped.choices[0].finish_reason == "stop"


def test_the_same_seed_gives_the_same_answer_and_another_seed_another(openai_client: OpenAI) -> None:
    def answer(seed: int) -> str | None:
        completion = openai_client.chat.completions.create(
            model=LLM, messages=ask("Invent a name for a ship."), temperature=1.5, max_tokens=30, seed=seed
        )
        return completion.choices[0].message.content

    assert answer(1) == answer(1)
    assert answer(1) != answer(2)


def test_wrong_requests_raise_the_error_class_of_their_status(openai_client: OpenAI) -> None:
    def speak(**changed: str) -> None:
        asked = {"model": "tts-1", "voice": "alloy", "input": "Hello.", **changed}
        openai_client.audio.speech.create(**asked)  # type: ignore[arg-type]

    def transcribe(data: bytes) -> None:
        openai_client.audio.transcriptions.create(model="whisper-1", file=("q.wav", data))

    with pytest.raises(openai.NotFoundError, match="no-such-model"):
        speak(model="no-such-model")
    with pytest.raises(openai.BadRequestError) as caught:
        speak(voice="no-such-voice")
    assert caught.value.code == "voice_not_found"
    with pytest.raises(openai.BadRequestError):
        speak(input="   ")
    with pytest.raises(openai.BadRequestError):
        speak(input="a" * 4097)
    with pytest.raises(openai.APIStatusError) as unsupported:
        transcribe(b"this is not a recording " * 20)
    assert unsupported.value.status_code == 415
    with pytest.raises(openai.UnprocessableEntityError):
        transcribe(b"RIFF\x24\0\0\0WAVE")
    with pytest.raises(openai.APIStatusError) as too_large:
        transcribe(bytes(26 * 1024 * 1024))
    assert too_large.value.status_code == 413
    with pytest.raises(openai.BadRequestError) as too_long:
        openai_client.chat.completions.create(model=LLM, messages=ask("ship " * 20_000))
    assert too_long.value.code == "context_length_exceeded"
