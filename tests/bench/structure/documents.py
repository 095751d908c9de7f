"""The documents of the bench and what is known of each: the sets, picked out of the corpus folder by rule."""
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pikepdf

from structure import outline, results, tags

# Of documents that are judged by their bookmarks and links, the first pages alone are read.
FIRST_PAGES = 6
# Documents with fewer bookmarks than this on those pages say nothing of headings.
LEAST_BOOKMARKS = 4
# Tags are taken as truth where they hold this share of the page's words; long documents are left out for time.
LEAST_TAGGED = 0.8
MOST_TAGGED_PAGES = 30

SETS = {
    "papers": "READoc, papers: Markdown made from the LaTeX source",
    "readmes": "READoc, READMEs: Markdown that the pages were made from",
    "tagged": "Tagged documents: the structure tree of the PDF",
    "bookmarks": f"Bookmarks as headings, web links; the first {FIRST_PAGES} pages",
    "olmocr": "olmOCR-bench, its sample: tests passed, by kind",
}
# What `--only` knows.
NAMED = {"readoc": ["papers", "readmes"], "tagged": ["tagged"], "bookmarks": ["bookmarks"], "olmocr": ["olmocr"]}


@dataclass
class Document:
    """A PDF with its truth: Markdown, or `(level, title)` of bookmarks and the addresses of links."""

    name: str
    pdf: Path
    truth: str | None = None
    bookmarks: list = field(default_factory=list)
    links: set = field(default_factory=set)

    @property
    def pages(self):
        with pikepdf.open(self.pdf) as document:
            return len(document.pages)


def documents(name, corpus, scratch):
    """The documents of a set in the order of their names; cut documents are written into `scratch`."""
    readers = {
        "papers": lambda: readoc(corpus / "readoc/arxiv"),
        "readmes": lambda: readoc(corpus / "readoc/github"),
        "tagged": lambda: tagged(corpus / "real"),
        "bookmarks": lambda: with_facts(corpus / "real", scratch),
        "olmocr": lambda: olmocr(corpus / "olmocr-bench-sample/pdfs"),
    }
    return list(readers[name]())


def readoc(folder):
    for path in sorted((folder / "pdf").glob("*.pdf")):
        yield Document(path.stem, path, (folder / f"markdown/{path.stem}.md").read_text(encoding="utf-8"))


def tagged(folder):
    """Documents whose authors tagged headings, lists or tables and nearly all of the text."""
    if not shutil.which("pdfinfo"):
        print("bench: pdfinfo is not installed, tagged documents are left out (on Debian: apt-get install poppler-utils)")
        return
    for path in sorted(folder.glob("*.pdf")):
        tree = tags.tree(path)
        if not tags.has_structure(tree):
            continue
        text = subprocess.run(["pdftotext", path, "-"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
        text = text.decode("utf-8", "replace")
        if text.count("\f") <= MOST_TAGGED_PAGES and tags.share_of_words(tree, text) >= LEAST_TAGGED:
            yield Document(path.stem, path, tags.markdown(tree))


def with_facts(folder, scratch):
    """Documents with bookmarks or web links on their first pages, cut to those."""
    for path in sorted(folder.glob("*.pdf")):
        short = first_pages(path, scratch / f"{path.stem}-{results.digest(path.read_bytes())}.pdf")
        bookmarks, links = outline.facts(short)
        if len(bookmarks) < LEAST_BOOKMARKS:
            bookmarks = []
        if bookmarks or links:
            yield Document(path.stem, short, None, bookmarks, links)


def olmocr(folder):
    for path in sorted(folder.rglob("*.pdf")):
        yield Document(str(path.relative_to(folder).with_suffix("")).replace("/", "__"), path)


def first_pages(path, cut):
    """The document's first pages as a file of its own, kept from run to run."""
    if not cut.exists():
        cut.parent.mkdir(parents=True, exist_ok=True)
        # The same bytes each time, so that results are found again.
        with pikepdf.open(path) as document:
            del document.pages[FIRST_PAGES:]
            document.save(cut, deterministic_id=True)
    return cut
