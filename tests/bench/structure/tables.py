"""Likeness of tables: TEDS over rows of cells, and pairs of neighboring cells."""
from collections import Counter

import numpy as np
from apted import APTED, Config
from rapidfuzz.distance import Levenshtein
from scipy.optimize import linear_sum_assignment

from structure.markdown import squeezed

# Nodes of the larger tree beyond which the edit distance takes too long; pairs of neighbors are counted there.
MOST_NODES = 450


class Node:
    """A node of a tree for APTED: what it is, its text, its children."""

    def __init__(self, tag, text="", children=()):
        self.tag, self.text, self.children = tag, text, list(children)


class TableCosts(Config):
    """TEDS's costs: a cell renamed costs its text's normalized edit distance, another kind of node one."""

    def rename(self, one, other):
        if one.tag != other.tag:
            return 1
        return 1 - likeness(one.text, other.text) if one.tag == "td" else 0

    def children(self, node):
        return node.children


def likeness(one, other):
    """Normalized Levenshtein similarity; 1 for two empty texts."""
    return Levenshtein.normalized_similarity(one, other) if one or other else 1.0


def teds(gold, found):
    """Tree-edit-distance-based similarity of two grids (Zhong et al., Image-based table recognition, ECCV 2020), 0 to 1.

    Without spans: a cell that spans others is followed by empty ones on both sides."""
    nodes = max(1 + len(grid) + sum(map(len, grid)) for grid in (gold, found))
    if nodes > MOST_NODES:
        return relations(gold, found)
    distance = APTED(tree(gold), tree(found), TableCosts()).compute_edit_distance()
    return max(0.0, 1 - distance / nodes)


def tree(grid):
    rows = (Node("tr", "", [Node("td", squeezed(cell).lower()) for cell in row]) for row in grid)
    return Node("table", "", rows)


def relations(gold, found):
    """F1 of pairs of neighboring cells with the same texts (Göbel et al., ICDAR 2013 table competition)."""
    ours, theirs = neighbors(gold), neighbors(found)
    shared = (ours & theirs).total()
    return 2 * shared / (ours.total() + theirs.total()) if shared else 0.0


def neighbors(grid):
    """Each cell with text beside the next with text to the right and below."""
    width = max(map(len, grid), default=0)
    grid = [[squeezed(cell).lower() for cell in row] + [""] * (width - len(row)) for row in grid]
    pairs = Counter()
    for number, row in enumerate(grid):
        for column, text in enumerate(row):
            if not text:
                continue
            right = next((cell for cell in row[column + 1 :] if cell), None)
            below = next((later[column] for later in grid[number + 1 :] if later[column]), None)
            if right:
                pairs["right", text, right] += 1
            if below:
                pairs["below", text, below] += 1
    return pairs


def all_tables(gold, found):
    """TEDS of a document's tables matched one to one, missed and invented ones counting as 0: as F1."""
    if not found:
        return 0.0
    each = np.array([[teds(one, other) for other in found] for one in gold])
    best = each[linear_sum_assignment(each, maximize=True)].sum()
    return 2 * float(best) / (len(gold) + len(found))
