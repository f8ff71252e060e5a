"""What one request becomes: the tokens of its prompt, how its answer is drawn and how it is read.

Must not know threads or batches.
"""

from dataclasses import dataclass

from smartlite.domain.llm import ChatOptions, Message
from smartlite.engines.constrained_answer import ConstrainedAnswer
from smartlite.engines.tool_calling import prepare
from smartlite.engines.transformers_grammar import Vocabulary
from smartlite.engines.transformers_prompt import Prompter, check_request
from smartlite.engines.transformers_sampling import Draw
from smartlite.errors import ContextLengthExceeded


@dataclass(frozen=True, slots=True)
class PreparedRequest:
    """A request that can be computed."""

    prompt: list[int]
    max_tokens: int
    """Of the answer; fits into the context with the prompt."""
    draw: Draw
    reader: ConstrainedAnswer
    stop: tuple[str, ...]


def prepare_request(
    messages: tuple[Message, ...],
    options: ChatOptions,
    prompter: Prompter,
    vocabulary: Vocabulary,
    context_tokens: int,
    seed: int | None,
) -> PreparedRequest:
    """Prepare a request. Blocks, for a second or so where its schemas are as large as they may be.

    A ``max_tokens`` beyond what the context leaves is cut to it.

    Args:
        messages: The conversation.
        options: How to answer.
        prompter: Writes the prompt.
        vocabulary: The model's tokens.
        context_tokens: Of one request, prompt and answer.
        seed: Of requests that bring none.

    Raises:
        ContextLengthExceeded: 400, with the counts.
        InvalidRequest: 400, naming the field.
    """
    check_request(messages, options)
    bias = vocabulary.bias(options.logit_bias)
    conversation = prepare(messages, options, prompter.neutralise)
    prompt = prompter.prompt(conversation.messages)
    left = context_tokens - len(prompt)
    if left < 1:
        raise ContextLengthExceeded(
            f"The messages are {len(prompt)} tokens long; this model's maximum context length is "
            f"{context_tokens} tokens, the answer included.",
            "messages",
        )
    grammar = conversation.grammar
    draw = Draw(
        temperature=options.temperature,
        top_p=options.top_p,
        seed=options.seed if options.seed is not None else seed,
        presence_penalty=options.presence_penalty,
        frequency_penalty=options.frequency_penalty,
        bias=bias,
        top_logprobs=options.top_logprobs if options.logprobs and not conversation.must_call else None,
        grammar=None if grammar is None else vocabulary.grammar(grammar, conversation.param),
        grammar_param=conversation.param,
        eos_token=vocabulary.eos_tokens[0],
    )
    # An answer of calls has no text to end; a stop inside would break their JSON.
    stop = () if conversation.must_call else options.stop
    return PreparedRequest(prompt, min(options.max_tokens or left, left), draw, ConstrainedAnswer(conversation), stop)
