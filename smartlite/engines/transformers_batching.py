"""The library's continuous batching: one thread that computes a token for every running request at a time.

What it leaves to its caller is done here: a request that does not fit never reaches it (that would end the thread for
everybody), a cancelled one is forgotten at once (the library says nothing more of it), and a thread that has ended is
told. Must not know messages or text.
"""

import logging
import math
import queue
import threading
from collections.abc import Sequence
from typing import Any, Final

from smartlite.engines.transformers_answer import Answer
from smartlite.engines.transformers_options import TransformersOptions
from smartlite.engines.transformers_sampling import BatchSampler
from smartlite.errors import EngineFailed, ModelNotReady

_STOP_TIMEOUT_S: Final = 30.0


class Router:
    """Has what the library calls of its OutputRouter: hands outputs to the answers that wait for them.

    The library's own would end the computing thread when it meets an event loop that is closed.
    """

    def __init__(self) -> None:
        self.output_queue: queue.Queue[object] = queue.Queue()
        """Stays empty; the library looks at it."""
        self.is_closing = False
        self._answers: dict[str, Answer] = {}

    def add(self, answer: Answer) -> None:
        """Hand outputs of a request to an answer from now on."""
        self._answers[answer.id] = answer

    def forget(self, request_id: str) -> bool:
        """Drop further outputs; False where there are none to come."""
        return self._answers.pop(request_id, None) is not None

    def note_cached(self, request_id: str, tokens: int) -> None:
        """Tell how much of a prompt was found in the cache."""
        if answer := self._answers.get(request_id):
            answer.cached_tokens = tokens

    def wants_cache(self, request_id: str) -> bool:
        """Whether what is in the cache may be taken; with a seed it would change the answer."""
        answer = self._answers.get(request_id)
        return answer is None or answer.draw.seed is None

    def deliver(self, output: Any) -> None:
        """Hand on a GenerationOutput of the library."""
        answer = self._answers.get(output.request_id)
        if answer is None:
            return
        if output.error is not None:
            self._fail(answer, str(output.error))
            return
        is_finished = output.is_finished()
        if is_finished:
            self.forget(output.request_id)
        answer.take(output.generated_tokens, is_finished)

    def deliver_batch(self, outputs: Sequence[Any]) -> None:
        """Hand on the outputs of one step."""
        for output in outputs:
            self.deliver(output)

    def fail_and_deliver(self, state: Any, error: Exception) -> None:
        """Tell that a request failed."""
        if answer := self._answers.get(state.request_id):
            self._fail(answer, str(error))

    def _fail(self, answer: Answer, reason: str) -> None:
        self.forget(answer.id)
        if self.is_closing:
            answer.fail(ModelNotReady("The model was unloaded while it answered."))
        else:
            answer.fail(EngineFailed(f"transformers failed: {reason[:500]}"))


class Batcher:
    """Computes requests in shared batches."""

    def __init__(self, model: Any, options: TransformersOptions, eos_tokens: Sequence[int]) -> None:
        """Take the memory of the cache; raises what the library raises."""
        import transformers

        logging.getLogger("ContinuousBatchingLogger").setLevel(logging.ERROR)  # warnings show tokens of prompts
        page = options.page_tokens
        self._router = Router()
        self._manager: Any = model.init_continuous_batching(
            generation_config=transformers.GenerationConfig(do_sample=False, eos_token_id=list(eos_tokens)),
            continuous_batching_config=transformers.ContinuousBatchingConfig(
                page_size=page,
                # By default it takes most of the free memory.
                num_blocks=options.parallel * math.ceil(options.request_tokens / page),
                max_batch_tokens=options.batch_tokens,
                max_requests_per_batch=options.parallel,
                allow_block_sharing=options.prefix_cache,
                # Requests are admitted one by one: each that is has its room.
                safety_margin=0.0,
                auto_switch_to_flash=False,
                # Tokens are chosen in Python between two steps.
                use_cuda_graph=False,
                use_async_batching=False,
            ),
        )
        self._manager.logit_processor = BatchSampler(options.top_k, options.min_p)
        self._manager.output_router = self._router
        self._manager.warmup()  # makes the cache, here and not in its thread, where an error would be lost
        self._watch_cache(self._manager.batch_processor.cache)
        self._lock = threading.Lock()

    def start(self) -> None:
        """Start the computing thread: as the library does it, but a process that just ends need not wait for it."""
        manager = self._manager
        manager.background_thread_status.clear()
        manager._generation_thread = threading.Thread(target=manager._run_generation_loop, daemon=True)
        manager._generation_thread.start()

    def add(self, prompt: Sequence[int], max_tokens: int, answer: Answer) -> None:
        """Begin a request. Its prompt and ``max_tokens`` fit into a request's tokens.

        Raises:
            ModelNotReady: The engine is being closed.
            EngineFailed: The computing thread has ended.
        """
        with self._lock:
            if self._router.is_closing:
                raise ModelNotReady("The model was unloaded.")
            self._router.add(answer)
            taken = self._manager.add_request(
                list(prompt), answer.id, max_new_tokens=max_tokens, streaming=True, draw=answer.draw
            )
        if taken is None:
            self._router.forget(answer.id)
            raise EngineFailed(f"transformers has stopped. {self.failure() or ''}".strip())

    def cancel(self, answer: Answer) -> None:
        """Stop a request after the step that is being computed; nothing where it has ended."""
        if self._router.forget(answer.id):
            self._manager.cancel_request(answer.id)

    def failure(self) -> str | None:
        """Why nothing can be computed any more; None while all is well."""
        error = self._manager.background_thread_status.fatal_error
        if error is not None:
            return f"Its thread ended: {str(error)[:500]}"
        return None if self._manager.is_running() else "Its thread has ended."

    def stop(self) -> None:
        """End running requests (ModelNotReady) and the thread."""
        with self._lock:
            self._router.is_closing = True
        self._manager.stop(block=True, timeout=_STOP_TIMEOUT_S, hard_stop=True)

    def _watch_cache(self, cache: Any) -> None:
        """Learn what is found in the cache, which the library tells nobody, and keep requests with a seed from it."""
        search = cache.search_prefix_match
        router = self._router

        def watched(request_id: str, prompt_ids: list[int]) -> int:
            if not router.wants_cache(request_id):
                return 0
            found = int(search(request_id, prompt_ids))
            router.note_cached(request_id, found)
            return found

        cache.search_prefix_match = watched
