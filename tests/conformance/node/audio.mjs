// Cells: audio.
import { OpenAI, SENTENCE, VOICES, assert, client, collect, fails, right, speak, transcribe, translate } from "./client.mjs";

export const cells = {
  async transcription_json() {
    const answer = await transcribe();
    right(answer.text);
    assert.ok(answer.usage.seconds > 0);
  },
  async transcription_text() {
    right(await transcribe({ response_format: "text" }));
  },
  async transcription_srt() {
    assert.match(await transcribe({ response_format: "srt" }), /^1\n.* --> /);
  },
  async transcription_vtt() {
    assert.match(await transcribe({ response_format: "vtt" }), /^WEBVTT\n\n/);
  },
  async transcription_verbose() {
    const answer = await transcribe({ response_format: "verbose_json" });
    assert.equal(answer.language, "english");
    assert.ok(answer.segments.length);
  },
  async transcription_words() {
    const answer = await transcribe({ response_format: "verbose_json", timestamp_granularities: ["word", "segment"] });
    right(answer.words.map((word) => word.word).join(" "));
  },
  async transcription_language() {
    right((await transcribe({ language: "en" })).text);
  },
  async transcription_languages() {
    assert.equal((await transcribe({ languages: ["en", "de"] })).languages[0].code, "en");
  },
  async transcription_keywords() {
    right((await transcribe({ keywords: ["ocean"] })).text);
  },
  async transcription_prompt() {
    right((await transcribe({ prompt: "Questions about geography.", temperature: 0 })).text);
  },
  async transcription_logprobs() {
    const answer = await transcribe({ include: ["logprobs"] });
    assert.equal(answer.logprobs.map((token) => token.token).join("").trim(), answer.text);
  },
  async transcription_chunking_auto() {
    right((await transcribe({ chunking_strategy: "auto" })).text);
  },
  async transcription_chunking_vad() {
    right((await transcribe({ chunking_strategy: { type: "server_vad", threshold: 0.4, silence_duration_ms: 500 } })).text);
  },
  async transcription_stream() {
    const events = await collect(await transcribe({ stream: true }));
    const done = events.at(-1);
    assert.equal(done.type, "transcript.text.done");
    assert.equal(events.slice(0, -1).map((event) => event.delta).join(""), done.text);
    right(done.text);
  },
  async transcription_stream_logprobs() {
    const done = (await collect(await transcribe({ stream: true, include: ["logprobs"] }))).at(-1);
    assert.equal(done.logprobs.map((token) => token.token).join("").trim(), done.text);
  },
  async translation_json() {
    assert.match((await translate()).text, /Berlin/);
  },
  async translation_formats() {
    assert.match(await translate({ response_format: "text" }), /Berlin/);
    assert.match(await translate({ response_format: "srt" }), /-->/);
    assert.match(await translate({ response_format: "vtt" }), /^WEBVTT/);
  },
  async translation_verbose() {
    assert.ok((await translate({ response_format: "verbose_json" })).segments.length);
  },
  async speech_mp3() {
    assert.ok((await speak()).length > 1000);
  },
  async speech_formats() {
    for (const [response_format, magic] of [["opus", "OggS"], ["flac", "fLaC"], ["wav", "RIFF"]])
      assert.equal((await speak({ response_format })).subarray(0, 4).toString("latin1"), magic);
    assert.equal((await speak({ response_format: "aac" }))[0], 0xff);
  },
  async speech_pcm() {
    const seconds = (await speak({ response_format: "pcm" })).length / 48_000;
    assert.ok(seconds > 1 && seconds < 6);
  },
  async speech_streaming() {
    const answer = await client.audio.speech.create({ model: "tts-1", voice: "alloy", input: `${SENTENCE} ${SENTENCE} ${SENTENCE}` });
    assert.ok((await collect(answer.body)).length > 1);
  },
  async speech_speed() {
    const [once, twice] = [await speak({ response_format: "pcm" }), await speak({ response_format: "pcm", speed: 2 })];
    assert.ok(twice.length / once.length > 0.35 && twice.length / once.length < 0.7);
  },
  async speech_voices() {
    for (const voice of VOICES) assert.ok((await speak({ voice, input: "Hello." })).length);
  },
  async speech_voice_object() {
    assert.ok((await speak({ voice: { id: "alloy" } })).length);
  },
  async speech_instructions() {
    assert.ok((await speak({ instructions: "Speak calmly." })).length);
  },
  async speech_sse() {
    const text = (await speak({ stream_format: "sse", response_format: "wav" })).toString();
    const events = text.split("\n\n").filter((line) => line.startsWith("data: {")).map((line) => JSON.parse(line.slice(6)));
    assert.equal(events.at(-1).type, "speech.audio.done");
    assert.ok(events.at(-1).usage.total_tokens > 0);
  },
  async speech_languages() {
    const answer = await client.audio.speech.create({ model: "tts-1", voice: "alloy", input: "Ich komme aus Deutschland und wohne in Berlin." });
    assert.match(answer.headers.get("x-smartlite-language"), /^de/);
  },
  async speech_wrong_voice() {
    await fails(speak({ voice: "nobody" }), OpenAI.BadRequestError, (error) => assert.equal(error.param, "voice"));
  },
  async voices_list() {
    const listed = await client.get("/audio/voices");
    assert.ok(listed.data.some((voice) => voice.language.startsWith("de")));
  },
};
