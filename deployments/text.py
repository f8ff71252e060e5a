"""Replicas that run language models and embedding models side by side, to spare a process. Must not know wire formats.

The one module that joins two kinds of replica; each of the two does not know the other.
"""

from deployments.embedding import EmbeddingDeployment
from deployments.llm import LLMDeployment


class TextDeployment(LLMDeployment, EmbeddingDeployment):
    """An LLMStage and an EmbeddingStage around engines in one process; see LLMDeployment for its arguments."""
