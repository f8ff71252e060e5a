"""The servers that one run compares: two platforms, a no-op Serve app, a bare uvicorn, whatever --against names."""
