"""Running pipelines: the graph of a document, step by step. Must not know where a run is kept or what a step does."""
