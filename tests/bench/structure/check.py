"""The measures on small examples: what each is to count and what not. `python3 tests/bench/structure --check`."""
import tempfile
import unittest
from pathlib import Path

import pikepdf

from structure import measures, outline, tables, tags
from structure.markdown import Document

TRUTH = """# Title

## First part

A paragraph that is long enough to be counted as one, with a [link](https://example.org/a) in its midst and $a^2$.

- one item
- another item

| a | b |
| --- | --- |
| 1 | 2 |

$$x = \\frac{1}{2}$$

## Second part

Another paragraph that is long enough to be counted as one, and it stands after the first of them.
"""


class Reading(unittest.TestCase):
    def kinds(self, markdown):
        return [block.kind for block in Document(markdown).blocks]

    def test_blocks(self):
        expected = ["head", "head", "para", "item", "item", "table", "formula", "head", "para"]
        self.assertEqual(self.kinds(TRUTH), expected)

    def test_underlined_headings_fences_and_comments(self):
        self.assertEqual(self.kinds("<!-- page 1 -->\n\nTitle\n=====\n\n```\n# no heading\n```\n"), ["head", "code"])

    def test_text_is_folded(self):
        document = Document("It\u2019s **bold** and 1\\. *so* on\u2014\u201chere\u201d<br>there")
        self.assertEqual(document.running_text(), "It's bold and 1. so on-\"here\" there")

    def test_spans_leave_cells_empty(self):
        grid = Document('<table><tr><td colspan="2">a</td></tr><tr><td>b</td><td>c</td></tr></table>').blocks[0].grid
        self.assertEqual(grid, [["a", ""], ["b", "c"]])

    def test_money_is_no_formula(self):
        document = Document("It costs $5 or $6, and $E = mc^2$ holds.")
        self.assertEqual(document.inline, ["E = mc^2"])


class Measures(unittest.TestCase):
    def test_the_truth_itself_is_perfect(self):
        made = measures.scores(TRUTH, TRUTH)
        for name in ("text", "head", "level", "tree", "teds", "list", "para", "order", "links"):
            self.assertEqual(made[name], 1.0, name)
        self.assertEqual(made["display"], [1, 1, 1])
        self.assertEqual(made["inline"], [1, 1, 1])

    def test_a_wrong_level_costs_level_and_tree_alone(self):
        made = measures.scores(TRUTH, TRUTH.replace("## Second", "### Second"))
        self.assertEqual(made["head"], 1.0)
        self.assertAlmostEqual(made["level"], 2 / 3)
        self.assertLess(made["tree"], 1.0)

    def test_an_invented_heading_costs_precision(self):
        made = measures.scores(TRUTH, TRUTH + "\n# Invented\n")
        self.assertAlmostEqual(made["head"], 2 * 3 / (3 + 4))

    def test_missed_and_invented_tables_count_as_nothing(self):
        grid = [["a", "b"], ["1", "2"]]
        self.assertEqual(tables.all_tables([grid], []), 0.0)
        self.assertAlmostEqual(tables.all_tables([grid], [grid, [["x"]]]), 2 / 3)

    def test_a_cell_with_another_text_costs_its_share(self):
        # Seven nodes: the table, two rows, four cells; one cell is another text altogether.
        self.assertAlmostEqual(tables.teds([["a", "b"], ["1", "2"]], [["a", "b"], ["1", "x"]]), 1 - 1 / 7)

    def test_blocks_in_another_order(self):
        first, second = ("The first of two blocks is this one.", "Here is what comes after all of that.")
        self.assertEqual(measures.order([first, second], f"{second} {first}"), 0.0)

    def test_bookmarks_match_without_numbers_and_case(self):
        bookmarks, links = [(1, "Methods"), (2, "Samples")], {"https://example.org/?a=1&b=2"}
        markdown = "# 2. METHODS\n\n## Other\n\n[x](https://example.org/?a=1&amp;b=2)\n"
        made = measures.facts(bookmarks, links, markdown)
        self.assertEqual(made["bookmarks"], [2, 2, 1])
        self.assertEqual(made["weblinks"], [1, 1])


class Truth(unittest.TestCase):
    def test_a_structure_tree_becomes_markdown(self):
        item = tags.Element("LI", 0, [tags.Element("Lbl", 0, ["1."]), tags.Element("LBody", 0, ["one"])])
        rows = [tags.Element("TR", 0, [tags.Element("TD", 0, [text]) for text in pair]) for pair in ("ab", "cd")]
        kinds = [("H2", ["Head"]), ("P", ["# not a ", tags.Element("Span", 0, ["heading"])]), ("L", [item]), ("Table", rows)]
        root = tags.Element("Root", -1, [tags.Element(kind, 0, children) for kind, children in kinds])
        expected = "## Head\n\n\\# not a heading\n\n- one\n\n"
        expected += "<table><tr><td>a</td><td>b</td></tr><tr><td>c</td><td>d</td></tr></table>\n"
        self.assertEqual(tags.markdown(root), expected)
        self.assertEqual(tags.share_of_words(root, "Head one two a"), 3 / 4)

    def test_bookmarks_that_lead_nowhere_are_left_out(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "made.pdf"
            with pikepdf.new() as document:
                document.add_blank_page()
                with document.open_outline() as tree:
                    part = pikepdf.OutlineItem("Part", 0)
                    part.children.append(pikepdf.OutlineItem("Chapter", 0))
                    tree.root.extend([part, pikepdf.OutlineItem("Nowhere")])
                document.save(path)
            self.assertEqual(outline.facts(path), ([(1, "Part"), (2, "Chapter")], set()))
