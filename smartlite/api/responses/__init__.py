"""What is OpenAI's responses' own: items, events, and an answer that knows how it was asked for."""
