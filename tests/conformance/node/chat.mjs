// Cells: chat.
import { LLM, OpenAI, SCHEMA, WEATHER, WEATHER_QUESTION, ask, assert, called, client, collect, fails, fs, logprobsSay, questionPath } from "./client.mjs";

export const cells = {
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
};
