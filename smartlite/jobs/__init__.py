"""Runs of pipelines as this platform keeps and works on them: a durable queue, workers, what their steps reach."""
