"""What chat completions and responses share: the way from OpenAI's words to the LLM stage and back."""
