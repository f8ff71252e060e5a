// Cells: base, events, embeddings, responses.
import { EMBEDDING, LLM, OpenAI, PARAMETERS, SCHEMA, WEATHER_QUESTION, ask, assert, client, collect, fails, file, sound, toFile } from "./client.mjs";

export const cells = {
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
};
