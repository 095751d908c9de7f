"""The tokenizer of a fresh model, learnt from the texts that its pages say."""

from pathlib import Path

import numpy as np
from transformers import PreTrainedTokenizerFast

from . import nano
from .page import Texts

# What answers are marked up with, so that each mark is a token or two.
MARKS = (
    "\n\n\\section*{Title}\n\n\\title{A}\n\n\\author{B}\n\n\\begin{tabular}{|c|c|}\n\\hline 1 & 2 \\\\\n\\hline \\end{tabular} "
    "\\(x^{2}\\) \\[ \\frac{a}{b} \\] ({x}_{1}) across multi pages upon the patch reference: [1, 2]\n- a\n- b\n1. c\n2. d\n"
)


def learnt(material: Path, size: int, folder: Path) -> PreTrainedTokenizerFast:
    """A tokenizer of `size` tokens, kept in `folder`: learnt once a run."""
    if not (folder / "tokenizer.json").exists():
        texts, rng = Texts.read(material / "texts.txt"), np.random.default_rng(0)
        lines = texts.paragraphs[::3]
        lines += [" ".join(texts.mixed(rng, 40)) for _ in range(8000)]
        lines += [nano.prompt(0, question) for question in nano.QUESTIONS.values()] * 300 + [MARKS] * 300
        nano.tokenizer(lines, size).save_pretrained(folder)
    return PreTrainedTokenizerFast.from_pretrained(folder)
