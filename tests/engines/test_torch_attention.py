"""What torch may choose from when it computes attention."""

import torch

from smartlite.engines.torch_attention import choose_attention


def test_cudnn_is_left_out_and_the_others_are_not() -> None:
    torch.backends.cuda.enable_cudnn_sdp(True)
    choose_attention(torch)
    assert not torch.backends.cuda.cudnn_sdp_enabled()
    assert torch.backends.cuda.flash_sdp_enabled()
    assert torch.backends.cuda.mem_efficient_sdp_enabled()
    assert torch.backends.cuda.math_sdp_enabled()
