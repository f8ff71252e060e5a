"""Who gives memory back to a GPU, and that nobody asks one that is not there."""

from types import SimpleNamespace

import pytest

from smartlite.engines.torch_memory import free_cached_memory


class FakeGPU:
    """Has what torch.cuda has of it."""

    def __init__(self, is_there: bool) -> None:
        self.is_available = lambda: is_there
        self.emptied = 0

    def empty_cache(self) -> None:
        self.emptied += 1


@pytest.mark.parametrize("is_there", [True, False])
def test_a_gpu_gets_its_memory_back_where_there_is_one(is_there: bool) -> None:
    cuda = FakeGPU(is_there)
    free_cached_memory(SimpleNamespace(cuda=cuda))
    assert cuda.emptied == is_there
