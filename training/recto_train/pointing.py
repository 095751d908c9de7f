"""Guided attention: the decoder is told where on the page it is, so that it need not find out.

The renderer knows in which image token each letter of the answer lies. The first head of one layer is to look at the token
of the letter just written, the first head of the next layer at that of the letter to come (as Tachibana et al. 2017,
"Efficiently trainable text-to-speech system", guide theirs along the diagonal). With the language loss alone a small
decoder takes long to find its place in a line and longer to find the next line.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers.models.qwen2.modeling_qwen2 import apply_rotary_pos_emb


class Pointing:
    """Listens to a decoder's attention while it computes."""

    def __init__(self, decoder: nn.Module):
        middle = len(decoder.layers) // 2
        self.layers = [decoder.layers[max(0, middle - 1)].self_attn, decoder.layers[middle].self_attn]
        self.heard: list[tuple[Tensor, tuple[Tensor, Tensor]]] = []

    def __enter__(self) -> "Pointing":
        self.hooks = [layer.register_forward_pre_hook(self.hear, with_kwargs=True) for layer in self.layers]
        return self

    def __exit__(self, *_) -> None:
        for hook in self.hooks:
            hook.remove()

    def hear(self, _, args: tuple, named: dict) -> None:
        """Keeps what goes into a layer's attention."""
        self.heard.append((named.get("hidden_states", args[0] if args else None), named["position_embeddings"]))

    def loss(self, points: Tensor, first: int) -> Tensor:
        """Mean surprise at the tokens that are looked at.

        `points` (pages, length + 1) is the image token in which the token at a place begins, -1 for none; image token 0
        is at place `first` of each sequence.
        """
        wanted = points[:, :-1], points[:, 1:]  # of the letter just written, and of the next one
        losses = []
        for layer, (hidden, rotary), aims in zip(self.layers, self.heard, wanted):
            size = layer.head_dim
            query = F.linear(hidden, layer.q_proj.weight[:size], layer.q_proj.bias[:size])[:, None]
            key = F.linear(hidden, layer.k_proj.weight[:size], layer.k_proj.bias[:size])[:, None]
            query, key = apply_rotary_pos_emb(query, key, *rotary)
            rows, places = (aims >= 0).nonzero(as_tuple=True)
            looks = torch.einsum("nd,nkd->nk", query[rows, 0, places], key[rows, 0]) * layer.scaling
            later = torch.arange(looks.shape[1], device=looks.device) > places[:, None]
            surprise = F.cross_entropy(looks.masked_fill(later, -torch.inf), aims[rows, places] + first, reduction="sum")
            losses.append(surprise / max(1, len(rows)))
        return sum(losses) / len(losses)
