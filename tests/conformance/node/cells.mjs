// Tries every cell and prints one line of JSON for each: {"row": ..., "error": null | "..."}.
// Usage: node cells.mjs URL QUESTION.wav GERMAN.wav
import { cells as audio } from "./audio.mjs";
import { cells as base } from "./base.mjs";
import { cells as chat } from "./chat.mjs";

for (const [row, cell] of Object.entries({ ...base, ...chat, ...audio })) {
  let error = null;
  try {
    await cell();
  } catch (caught) {
    error = `${caught.constructor.name}: ${caught.message}`;
  }
  console.log(JSON.stringify({ row, error }));
}
