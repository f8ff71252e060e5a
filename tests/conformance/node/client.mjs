// What the cells of the official client for Node share: the client, what it asks, what it checks.
// The address and the recordings are the arguments of cells.mjs.
import fs from "node:fs";
import assert from "node:assert/strict";
import OpenAI, { toFile } from "openai";

export { OpenAI, assert, fs, questionPath, toFile };

const [url, questionPath, germanPath] = process.argv.slice(2);
export const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: "unused", maxRetries: 0, timeout: 100_000 });
export const LLM = "smollm2-135m-instruct";
export const EMBEDDING = "text-embedding-3-small";
export const SENTENCE = "What is the largest ocean on Earth?";
export const VOICES = ["alloy", "ash", "ballad", "cedar", "coral", "echo", "fable", "marin", "nova", "onyx", "sage", "shimmer", "verse"];
export const SCHEMA = {
  type: "object",
  properties: { city: { type: "string", enum: ["Rome", "Paris"] }, degrees: { type: "integer" } },
  required: ["city", "degrees"],
  additionalProperties: false,
};
export const PARAMETERS = {
  type: "object",
  properties: { city: { type: "string", enum: ["Rome", "Paris"] } },
  required: ["city"],
  additionalProperties: false,
};
export const WEATHER = { type: "function", function: { name: "get_weather", description: "Tells the weather in a city.", parameters: PARAMETERS } };
export const WEATHER_QUESTION = "How is the weather in Rome?";

export const ask = (content, options = {}) =>
  client.chat.completions.create({ model: LLM, temperature: 0, max_completion_tokens: 24, messages: [{ role: "user", content }], ...options });
export const collect = async (stream) => {
  const items = [];
  for await (const item of stream) items.push(item);
  return items;
};
export const file = () => toFile(fs.readFileSync(questionPath), "question.wav");
export const transcribe = async (options = {}) => client.audio.transcriptions.create({ model: "whisper-1", file: await file(), ...options });
export const translate = async (options = {}) =>
  client.audio.translations.create({ model: "whisper-1", file: await toFile(fs.readFileSync(germanPath), "german.wav"), ...options });
export const speak = async (options = {}) => {
  const answer = await client.audio.speech.create({ model: "tts-1", voice: "alloy", input: SENTENCE, ...options });
  return Buffer.from(await answer.arrayBuffer());
};
export const right = (text) => assert.match(text, /largest ocean on earth/i);
export const fails = async (promise, kind, check = () => {}) => {
  await assert.rejects(promise, (error) => {
    assert.ok(error instanceof kind, `${error.constructor.name}: ${error.message}`);
    check(error);
    return true;
  });
};
export const sound = (vector) => assert.ok(Math.abs(Math.hypot(...vector) - 1) < 1e-3);
export const called = (choice) => {
  assert.equal(choice.finish_reason, "tool_calls");
  const call = choice.message.tool_calls[0];
  assert.equal(call.function.name, "get_weather");
  assert.ok(["Rome", "Paris"].includes(JSON.parse(call.function.arguments).city));
  return choice.message.tool_calls;
};
export const logprobsSay = (tokens, text) =>
  assert.equal(Buffer.concat(tokens.map((token) => Buffer.from(token.bytes ?? []))).toString(), text);

