"""What is measured of a document's Markdown against its truth. All shares are 0 to 1.

Sources: READoc (Li et al., READoc: A unified benchmark for realistic document structured extraction, ACL Findings 2025)
for text, headings, the tree of headings and reading order; TEDS for tables (tables.py); the rest is F1 of elements
matched one to one by their texts.
"""
import re
from collections import Counter

import numpy as np
from apted import APTED, Config
from rapidfuzz import fuzz, process

from structure import tables
from structure.markdown import Document, fold, squeezed
from structure.tables import Node, likeness

# Likeness from which two elements are the same.
SAME_HEADING = 0.8
SAME_FORMULA = 0.8
SAME_ITEM = 0.8
SAME_CODE = 0.7
SAME_PARAGRAPH = 0.9
# Characters from which a paragraph counts: shorter ones are labels.
LONG_PARAGRAPH = 60
# Headings beyond which the tree of a system's headings is cut: an edit distance takes time cubed.
MOST_HEADINGS = 400
# Characters of a block that are looked for in the output for its place, and the score (of 100) from which they are found.
LEAST_ORDERED, ORDER_KEY, ORDER_SPAN, ORDER_SCORE = 25, 40, 80, 82
BIBLIOGRAPHY = re.compile(r"(\d+\.?\s*)?(references|bibliography|literature)\b", re.I)


def scores(truth, markdown):
    """The measures by name; those whose element the truth has not are left out.

    `inline` and `display` are counts to be pooled over documents: gold, written, matched."""
    gold, found = Document(truth), Document(markdown)
    made = {"text": likeness(gold.running_text(), found.running_text())}
    made.update(headings(gold.of("head"), found.of("head")))
    grids = [[block.grid for block in document.of("table") if block.grid] for document in (gold, found)]
    if grids[0]:
        made["teds"] = tables.all_tables(*grids)
    for kind in ("inline", "display"):
        counts = formulas(getattr(gold, kind), getattr(found, kind))
        if counts[0]:
            made[kind] = counts
    made.update(elements("code", code(gold), code(found, without_numbers), SAME_CODE))
    made.update(elements("list", items(gold), items(found), SAME_ITEM))
    made.update(elements("para", paragraphs(gold), paragraphs(found), SAME_PARAGRAPH))
    kept = order([block.full or block.text for block in gold.of("para", "item", "head", "code")], found.everything())
    if kept is not None:
        made["order"] = kept
    if gold.links:
        made["links"] = len(gold.links & found.links) / len(gold.links)
    return made


def match(gold, found, least, key=squeezed):
    """Pairs `(index in gold, index in found)` of texts that are alike, one to one, the most alike first."""
    ours, theirs = [key(text) for text in gold], [key(text) for text in found]
    if not ours or not theirs:
        return []
    each = process.cdist(ours, theirs, scorer=fuzz.ratio, score_cutoff=least * 100, workers=1)
    pairs, taken_gold, taken_found = [], set(), set()
    for place in np.argsort(-each, axis=None, kind="stable"):
        one, other = map(int, np.unravel_index(place, each.shape))
        if each[one, other] < least * 100:
            break
        if one not in taken_gold and other not in taken_found:
            taken_gold.add(one)
            taken_found.add(other)
            pairs.append((one, other))
    return pairs


def f1(matched, gold, found):
    return 2 * matched / (gold + found) if matched else 0.0


def headings(gold, found):
    """F1 of headings by text (`head`), by text and level (`level`), and the likeness of their trees (`tree`)."""
    if not gold:
        return {}
    pairs = match([block.full for block in gold], [block.full for block in found], SAME_HEADING, heading_key)
    right = sum(gold[one].level == found[other].level for one, other in pairs)
    return {
        "head": f1(len(pairs), len(gold), len(found)),
        "level": f1(right, len(gold), len(found)),
        "tree": tree_likeness(gold, found[:MOST_HEADINGS]),
    }


def heading_key(text):
    return squeezed(text).lower()


class HeadingCosts(Config):
    """A heading renamed costs its text's normalized edit distance."""

    def rename(self, one, other):
        return 1 - likeness(one.text, other.text)

    def children(self, node):
        return node.children


def tree_likeness(gold, found):
    """READoc's similarity of the trees that headings make by their levels: 1 - edit distance / nodes of the larger."""
    if not found:
        return 0.0
    distance = APTED(heading_tree(gold), heading_tree(found), HeadingCosts()).compute_edit_distance()
    return max(0.0, 1 - distance / max(len(gold), len(found)))


def heading_tree(blocks):
    root = Node("head")
    path = [(0, root)]
    for block in blocks:
        while path[-1][0] >= block.level:
            path.pop()
        node = Node("head", block.full)
        path[-1][1].children.append(node)
        path.append((block.level, node))
    return root


def formulas(gold, found):
    """Counts of formulas: gold, written, matched as normalized LaTeX."""
    ours, theirs = [normal_latex(formula) for formula in gold], [normal_latex(formula) for formula in found]
    return [len(ours), len(theirs), len(match(ours, theirs, SAME_FORMULA, str))]


LATEX_LOOKS = (
    "left right big Big bigg Bigg displaystyle textstyle limits nolimits , ; ! : quad qquad mathrm mathbf bm boldsymbol"
    " mathit text textrm operatorname\\*? hbox mbox rm bf it label\\{[^}]*\\} tag\\{[^}]*\\} notag nonumber"
)


def normal_latex(formula):
    """LaTeX without what changes only its looks."""
    formula = re.sub(rf"\\({'|'.join(LATEX_LOOKS.split())})(?![a-zA-Z])", "", formula)
    formula = re.sub(r"\\begin\{(aligned|split|array|gathered)\}(\{[^}]*\})?|\\end\{\w+\}|&|\\\\", "", formula)
    formula = formula.replace(r"\leq", r"\le").replace(r"\geq", r"\ge").replace(r"\prime", "'")
    formula = re.sub(r"\{(\\?[A-Za-z0-9]+)\}", r"\1", formula)
    return re.sub(r"[\s~{}]", "", formula)


def elements(name, gold, found, least):
    """F1 of texts matched one to one, under `name`."""
    if not gold:
        return {}
    return {name: f1(len(match(gold, found, least)), len(gold), len(found))}


def code(document, change=str):
    return [change(block.full) for block in document.of("code")]


def without_numbers(text):
    """Code without numbers of lines at its left edge: whether they are kept is the system's choice."""
    return re.sub(r"(?m)^\s*\d{1,3}[ \t]+", "", text)


def items(document):
    """List items up to the bibliography, which is a list or not by the truth's convention, not by the page."""
    texts = []
    for block in document.blocks:
        if block.kind == "head" and BIBLIOGRAPHY.match(block.full.strip()):
            break
        if block.kind == "item" and not re.match(r"\[\d+\]", block.full):
            texts.append(block.full)
    return texts


def paragraphs(document):
    return [block.full for block in document.of("para") if len(squeezed(block.full)) >= LONG_PARAGRAPH]


def order(gold, output):
    """Share of pairs of gold blocks that stand in the same order in the output (READoc's Kendall tau, as a share).

    Blocks that are short, that begin alike or that are not found do not count; None if fewer than two are left."""
    hay = squeezed(output).lower()
    keys = [squeezed(text).lower() for text in gold]
    beginnings = Counter(key[:ORDER_KEY] for key in keys)
    places = []
    for key in keys:
        if len(key) < LEAST_ORDERED or beginnings[key[:ORDER_KEY]] > 1:
            continue
        place = hay.find(key[:ORDER_KEY])
        if place < 0:
            near = fuzz.partial_ratio_alignment(key[:ORDER_SPAN], hay, score_cutoff=ORDER_SCORE)
            place = near.dest_start if near else -1
        if place >= 0:
            places.append(place)
    if len(places) < 2:
        return None
    ranks = np.array(places)
    wrong = sum(int((ranks[index + 1 :] < rank).sum()) for index, rank in enumerate(ranks))
    return 1 - wrong / (len(places) * (len(places) - 1) / 2)


def facts(bookmarks, links, markdown):
    """Counts against what the PDF knows: bookmarks `[gold, headings written, matched]`, links `[gold, kept]`.

    Bookmarks match headings by their texts without spaces, case and numbers; headings that are no bookmark are no error."""
    document = Document(markdown)
    made = {}
    if bookmarks:
        titles = [block.full for block in document.of("head")]
        pairs = match([title for _, title in bookmarks], titles, SAME_HEADING, bookmark_key)
        levels = [block.level for block in document.of("head")]
        made["bookmarks"] = [len(bookmarks), len(titles), len(pairs)]
        made["nesting"] = nesting([(bookmarks[one][0], levels[other]) for one, other in sorted(pairs)])
    if links:
        targets = document.source.replace("&amp;", "&")
        made["weblinks"] = [len(links), sum(f"]({link}" in targets or f"](<{link}" in targets for link in links)]
    return made


def bookmark_key(text):
    return re.sub(r"^[\dIVX.]+(?=[A-Za-z])", "", squeezed(fold(text)).lower())


# Of each matched heading, so many after it.
NEAR_HEADINGS = 5


def nesting(levels):
    """Counts of pairs of near headings, all and those whose `(gold, found)` levels rise or fall together."""
    pairs = [
        (sign(one[0] - other[0]), sign(one[1] - other[1]))
        for index, one in enumerate(levels)
        for other in levels[index + 1 : index + 1 + NEAR_HEADINGS]
    ]
    return [len(pairs), sum(gold == found for gold, found in pairs)]


def sign(number):
    return (number > 0) - (number < 0)
