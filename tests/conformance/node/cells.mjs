// Cells of the official client for Node. Prints one line of JSON for each: {"row": ..., "error": null | "..."}.
// Usage: node cells.mjs URL QUESTION.wav GERMAN.wav
import fs from "node:fs";
import assert from "node:assert/strict";
import OpenAI, { toFile } from "openai";

const [url, questionPath, germanPath] = process.argv.slice(2);
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: "unused", maxRetries: 0, timeout: 100_000 });
const LLM = "smollm2-135m-instruct";
const EMBEDDING = "text-embedding-3-small";
const SENTENCE = "What is the largest ocean on Earth?";
const VOICES = ["alloy", "ash", "ballad", "cedar", "coral", "echo", "fable", "marin", "nova", "onyx", "sage", "shimmer", "verse"];
const SCHEMA = {
  type: "object",
  properties: { city: { type: "string", enum: ["Rome", "Paris"] }, degrees: { type: "integer" } },
  required: ["city", "degrees"],
  additionalProperties: false,
};
const PARAMETERS = {
  type: "object",
  properties: { city: { type: "string", enum: ["Rome", "Paris"] } },
  required: ["city"],
  additionalProperties: false,
};
const WEATHER = { type: "function", function: { name: "get_weather", description: "Tells the weather in a city.", parameters: PARAMETERS } };
const WEATHER_QUESTION = "How is the weather in Rome?";

const ask = (content, options = {}) =>
  client.chat.completions.create({ model: LLM, temperature: 0, max_completion_tokens: 24, messages: [{ role: "user", content }], ...options });
const collect = async (stream) => {
  const items = [];
  for await (const item of stream) items.push(item);
  return items;
};
const file = () => toFile(fs.readFileSync(questionPath), "question.wav");
const transcribe = async (options = {}) => client.audio.transcriptions.create({ model: "whisper-1", file: await file(), ...options });
const translate = async (options = {}) =>
  client.audio.translations.create({ model: "whisper-1", file: await toFile(fs.readFileSync(germanPath), "german.wav"), ...options });
const speak = async (options = {}) => {
  const answer = await client.audio.speech.create({ model: "tts-1", voice: "alloy", input: SENTENCE, ...options });
  return Buffer.from(await answer.arrayBuffer());
};
const right = (text) => assert.match(text, /largest ocean on earth/i);
const fails = async (promise, kind, check = () => {}) => {
  await assert.rejects(promise, (error) => {
    assert.ok(error instanceof kind, `${error.constructor.name}: ${error.message}`);
    check(error);
    return true;
  });
};
const sound = (vector) => assert.ok(Math.abs(Math.hypot(...vector) - 1) < 1e-3);
const called = (choice) => {
  assert.equal(choice.finish_reason, "tool_calls");
  const call = choice.message.tool_calls[0];
  assert.equal(call.function.name, "get_weather");
  assert.ok(["Rome", "Paris"].includes(JSON.parse(call.function.arguments).city));
  return choice.message.tool_calls;
};
const logprobsSay = (tokens, text) =>
  assert.equal(Buffer.concat(tokens.map((token) => Buffer.from(token.bytes ?? []))).toString(), text);

const cells = {
  async models_list() {
    const names = (await collect(await client.models.list())).map((model) => model.id);
    assert.ok(["whisper-1", "tts-1", LLM].every((name) => names.includes(name)));
  },
  async models_retrieve() {
    assert.equal((await client.models.retrieve("whisper-1")).id, "whisper-1");
  },
  async error_not_found() {
    await fails(ask("Hi.", { model: "no/such-model" }), OpenAI.NotFoundError, (error) => assert.equal(error.code, "model_not_found"));
  },
  async error_bad_request() {
    await fails(ask("Hi.", { temperature: 3 }), OpenAI.BadRequestError, (error) => assert.equal(error.param, "temperature"));
  },
  async error_unprocessable() {
    const broken = await toFile(Buffer.from("RIFF\x24\0\0\0WAVE", "latin1"), "x.wav");
    await fails(client.audio.transcriptions.create({ model: "whisper-1", file: broken }), OpenAI.UnprocessableEntityError);
  },
  async error_too_large() {
    const large = await toFile(Buffer.alloc(26 * 1024 * 1024), "x.wav");
    await fails(client.audio.transcriptions.create({ model: "whisper-1", file: large }), OpenAI.APIError, (error) => assert.equal(error.status, 413));
  },
  async request_id() {
    assert.ok((await ask("Hi."))._request_id);
  },
  async processing_ms() {
    const { response } = await client.models.list().withResponse();
    assert.ok(Number(response.headers.get("openai-processing-ms")) >= 0);
    assert.equal(response.headers.get("openai-version"), "2020-10-01");
  },
  async unknown_fields() {
    assert.ok((await ask("Hi.", { no_such_field: 1 })).choices.length);
  },
  async idempotency_key() {
    const options = { idempotencyKey: "conformance-node" };
    assert.ok((await client.chat.completions.create({ model: LLM, messages: [{ role: "user", content: "Hi." }], max_completion_tokens: 4 }, options)).choices.length);
  },
  async stream_ends() {
    const chunks = await collect(await ask("Hi.", { stream: true }));
    assert.ok(["stop", "length"].includes(chunks.at(-1).choices[0].finish_reason));
  },
  async stream_cancelled() {
    const stream = await ask("Tell me a long story.", { stream: true, max_completion_tokens: 400 });
    for await (const _ of stream) break;
    assert.ok((await ask("Hi.")).choices[0].message.content);
  },
  async chat() {
    assert.ok((await ask("Say hello.")).choices[0].message.content);
  },
  async chat_usage() {
    const { usage } = await ask("Say hello.");
    assert.equal(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens);
  },
  async chat_stream() {
    const chunks = await collect(await ask("Say hello.", { stream: true }));
    assert.ok(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "").join(""));
  },
  async chat_stream_usage() {
    const chunks = await collect(await ask("Say hello.", { stream: true, stream_options: { include_usage: true } }));
    assert.ok(chunks.at(-1).usage.completion_tokens > 0);
  },
  async chat_roles() {
    const messages = [
      { role: "developer", content: "One word." },
      { role: "system", content: "Be kind." },
      { role: "user", content: "Hello." },
      { role: "assistant", content: "Hi." },
      { role: "user", content: "Goodbye." },
    ];
    assert.ok((await client.chat.completions.create({ model: LLM, messages, max_completion_tokens: 16 })).choices.length);
  },
  async chat_parts() {
    assert.ok((await ask([{ type: "text", text: "Say hello." }])).choices[0].message.content);
  },
  async chat_max_tokens() {
    assert.equal((await ask("Tell me a long story.", { max_completion_tokens: 5 })).choices[0].finish_reason, "length");
  },
  async chat_n() {
    assert.deepEqual((await ask("Invent a name.", { n: 3, temperature: 1 })).choices.map((choice) => choice.index), [0, 1, 2]);
  },
  async chat_n_stream() {
    const chunks = await collect(await ask("Invent a name.", { n: 2, temperature: 1, stream: true }));
    const ended = chunks.flatMap((chunk) => chunk.choices).filter((choice) => choice.finish_reason);
    assert.deepEqual(ended.map((choice) => choice.index).sort(), [0, 1]);
  },
  async chat_stop() {
    assert.doesNotMatch((await ask("Count from one to nine, with commas.", { stop: [","] })).choices[0].message.content, /,/);
  },
  async chat_seed() {
    const options = { temperature: 1.5, seed: 5 };
    const [first, again] = [await ask("Invent a name.", options), await ask("Invent a name.", options)];
    assert.equal(first.choices[0].message.content, again.choices[0].message.content);
  },
  async chat_penalties() {
    assert.ok((await ask("Hi.", { presence_penalty: 1, frequency_penalty: -1 })).choices.length);
  },
  async chat_logit_bias() {
    assert.ok((await ask("Hi.", { logit_bias: { 1: -100 } })).choices.length);
  },
  async chat_logprobs() {
    const choice = (await ask("Say hello.", { logprobs: true, top_logprobs: 2 })).choices[0];
    logprobsSay(choice.logprobs.content, choice.message.content);
  },
  async chat_logprobs_stream() {
    const chunks = await collect(await ask("Say hello.", { logprobs: true, stream: true }));
    const choices = chunks.map((chunk) => chunk.choices[0]);
    logprobsSay(choices.flatMap((choice) => choice.logprobs?.content ?? []), choices.map((choice) => choice.delta.content ?? "").join(""));
  },
  async chat_json_object() {
    const answer = await ask("A JSON object with a key 'x'.", { response_format: { type: "json_object" } });
    assert.match(answer.choices[0].message.content, /^\s*\{/);
  },
  async chat_json_schema() {
    const response_format = { type: "json_schema", json_schema: { name: "weather", schema: SCHEMA, strict: true } };
    const answer = await ask("The weather in Rome, as JSON.", { response_format, max_completion_tokens: 100 });
    assert.ok(Number.isInteger(JSON.parse(answer.choices[0].message.content).degrees));
  },
  async chat_parse() {
    const response_format = { type: "json_schema", json_schema: { name: "weather", schema: SCHEMA, strict: true } };
    const answer = await client.chat.completions.parse({
      model: LLM, messages: [{ role: "user", content: "The weather in Rome, as JSON." }], response_format, max_completion_tokens: 100,
    });
    assert.ok(answer.choices[0].message.content);
  },
  async chat_tools_required() {
    called((await ask(WEATHER_QUESTION, { tools: [WEATHER], tool_choice: "required", max_completion_tokens: 200 })).choices[0]);
  },
  async chat_tools_named() {
    const tool_choice = { type: "function", function: { name: "get_weather" } };
    called((await ask(WEATHER_QUESTION, { tools: [WEATHER], tool_choice, max_completion_tokens: 200 })).choices[0]);
  },
  async chat_tools_none() {
    assert.ok(!(await ask(WEATHER_QUESTION, { tools: [WEATHER], tool_choice: "none" })).choices[0].message.tool_calls?.length);
  },
  async chat_tools_auto() {
    const { message } = (await ask("Say hello to me.", { tools: [WEATHER], max_completion_tokens: 200 })).choices[0];
    assert.notEqual(Boolean(message.content), Boolean(message.tool_calls?.length));
  },
  async chat_tools_parallel() {
    const options = { tools: [WEATHER], tool_choice: "required", parallel_tool_calls: false, max_completion_tokens: 200 };
    assert.equal(called((await ask(WEATHER_QUESTION, options)).choices[0]).length, 1);
  },
  async chat_tools_stream() {
    const runner = client.chat.completions.stream({
      model: LLM, messages: [{ role: "user", content: WEATHER_QUESTION }], tools: [WEATHER], tool_choice: "required", max_completion_tokens: 200,
    });
    called((await runner.finalChatCompletion()).choices[0]);
  },
  async chat_tools_result() {
    const call = { id: "call_1", type: "function", function: { name: "get_weather", arguments: '{"city": "Rome"}' } };
    const messages = [
      { role: "user", content: WEATHER_QUESTION },
      { role: "assistant", content: null, tool_calls: [call] },
      { role: "tool", tool_call_id: "call_1", content: "Sunny, 25 degrees." },
    ];
    assert.ok((await client.chat.completions.create({ model: LLM, messages, max_completion_tokens: 32 })).choices[0].message.content);
  },
  async chat_input_audio() {
    const input_audio = { data: fs.readFileSync(questionPath).toString("base64"), format: "wav" };
    assert.ok((await ask([{ type: "input_audio", input_audio }])).choices[0].message.content);
  },
  async chat_audio_answer() {
    const { message } = (await ask("Say hello.", { modalities: ["text", "audio"], audio: { voice: "alloy", format: "wav" } })).choices[0];
    assert.equal(Buffer.from(message.audio.data, "base64").subarray(0, 4).toString(), "RIFF");
    assert.ok(message.audio.transcript);
  },
  async chat_audio_stream() {
    const options = { modalities: ["text", "audio"], audio: { voice: "alloy", format: "pcm16" }, stream: true };
    const pieces = (await collect(await ask("Say hello.", options))).flatMap((chunk) => chunk.choices).map((choice) => choice.delta.audio ?? {});
    assert.ok(Buffer.concat(pieces.map((piece) => Buffer.from(piece.data ?? "", "base64"))).length > 4800);
  },
  async chat_image() {
    const part = { type: "image_url", image_url: { url: "data:image/png;base64,AAAA" } };
    await fails(ask([part]), OpenAI.BadRequestError);
  },
  async embeddings() {
    sound((await client.embeddings.create({ model: EMBEDDING, input: "A house." })).data[0].embedding);
  },
  async embeddings_float() {
    sound((await client.embeddings.create({ model: EMBEDDING, input: "A house.", encoding_format: "float" })).data[0].embedding);
  },
  async embeddings_many() {
    assert.equal((await client.embeddings.create({ model: EMBEDDING, input: ["One.", "Two."] })).data.length, 2);
  },
  async responses() {
    const answer = await client.responses.create({ model: LLM, input: "Say hello.", temperature: 0, max_output_tokens: 64 });
    assert.ok(answer.output_text);
  },
  async responses_items() {
    const input = [{ role: "user", content: [{ type: "input_text", text: "Say hello." }] }];
    assert.ok((await client.responses.create({ model: LLM, instructions: "Be brief.", input, max_output_tokens: 32 })).output_text);
  },
  async responses_stream() {
    const events = await collect(await client.responses.create({ model: LLM, input: "Say hello.", temperature: 0, stream: true }));
    const types = events.map((event) => event.type);
    assert.equal(types[0], "response.created");
    assert.equal(types.at(-1), "response.completed");
    assert.ok(types.includes("response.output_text.delta"));
    assert.deepEqual(events.map((event) => event.sequence_number), events.map((_, index) => index));
  },
  async responses_incomplete() {
    const answer = await client.responses.create({ model: LLM, input: "Tell me a long story.", max_output_tokens: 16 });
    assert.equal(answer.incomplete_details.reason, "max_output_tokens");
  },
  async responses_json_schema() {
    const text = { format: { type: "json_schema", name: "weather", schema: SCHEMA, strict: true } };
    const answer = await client.responses.create({ model: LLM, input: "The weather in Rome, as JSON.", text });
    assert.ok("city" in JSON.parse(answer.output_text));
  },
  async responses_tools() {
    const tools = [{ type: "function", name: "get_weather", parameters: PARAMETERS, strict: true }];
    const answer = await client.responses.create({ model: LLM, input: WEATHER_QUESTION, tools, tool_choice: "required", temperature: 0 });
    assert.equal(answer.output.find((item) => item.type === "function_call").name, "get_weather");
  },
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
    const answer = await client.audio.speech.create({ model: "tts-1", voice: "alloy", input: "Guten Tag. Ich heiße Anna, und ich wohne in Berlin." });
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

for (const [row, cell] of Object.entries(cells)) {
  let error = null;
  try {
    await cell();
  } catch (caught) {
    error = `${caught.constructor.name}: ${caught.message}`;
  }
  console.log(JSON.stringify({ row, error }));
}
