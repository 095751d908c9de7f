"""The sample of olmOCR-bench by its own rules (Poznanski et al., olmOCR, 2025): the package's `olmocr.bench.tests`.

A test says what must, or must not, stand in a page's text, in which order, in which cells of a table, or which formula, as
KaTeX renders it in a browser. To the sample's tests comes, as in the benchmark, one a document that some text was read.
"""
import contextlib
import json
import os
import shutil
from importlib.metadata import version

from structure import results

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# A whole machine is given to the bench; as root, a browser does not start in its own sandbox.
BROWSER_OPTIONS = ["--no-sandbox"] if os.geteuid() == 0 else []
KINDS = ["present", "absent", "headers", "order", "table", "math", "baseline"]


def tests(corpus, documents):
    """The tests by document's name; those of formulas are left out where there is no browser."""
    from olmocr.bench.tests import BaselineTest, load_single_test

    folder = corpus / "olmocr-bench-sample"
    lines = [line for name in ("dataset.jsonl", "blanks.jsonl") for line in (folder / name).read_text("utf-8").splitlines()]
    with_browser = use_browser()
    entries = [json.loads(line) for line in lines if line.strip()]
    loaded = [load_single_test(entry) for entry in entries if with_browser or entry["type"] != "math"]
    by_document = {document.name: [] for document in documents}
    for test in loaded:
        by_document[test.pdf.removesuffix(".pdf").replace("/", "__")].append(test)
    for name, those in by_document.items():
        if not any(test.type == "baseline" for test in those):
            pdf = name.replace("__", "/") + ".pdf"
            those.append(BaselineTest(pdf=pdf, page=1, id=f"{name}_baseline", type="baseline"))
    return by_document


def use_browser():
    """Have playwright start the system's browser instead of one of its own; says so and gives False if there is none."""
    from playwright.sync_api import BrowserType

    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if not browser:
        print("bench: no browser, tests of formulas are left out (on Debian: apt-get install chromium)")
        return False
    launch = BrowserType.launch
    BrowserType.launch = lambda self, **options: launch(
        self, **{**options, "executable_path": browser, "args": [*options.get("args", []), *BROWSER_OPTIONS]}
    )
    return True


def scores(document, those, markdown):
    """Each test's outcome: `{"id", "kind", "passed", "why"}`; kept by the Markdown, the tests and the package's version."""
    given = json.dumps([test.id for test in those])
    key = results.digest(document.name, markdown, given, version("olmocr"))
    return results.kept("olmocr", key, lambda: [outcome(test, markdown) for test in those])


def outcome(test, markdown):
    try:
        # The rules print what they look at.
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
            passed, why = test.run(markdown)
    except Exception as error:  # A page that a rule cannot take is a page that failed.
        passed, why = False, f"error: {error!r}"[:200]
    kind = "headers" if test.type == "absent" and test.pdf.startswith("headers_footers") else test.type
    return {"id": test.id, "kind": kind, "passed": bool(passed), "why": why}


def table(outcomes):
    """A row of the report: tests passed of each kind, all tests, and the mean over kinds."""
    row, shares = {}, []
    for kind in KINDS:
        those = [outcome["passed"] for outcome in outcomes if outcome["kind"] == kind]
        if those:
            row[kind] = sum(those) / len(those)
            shares.append(row[kind])
    if outcomes:
        row["all"] = sum(outcome["passed"] for outcome in outcomes) / len(outcomes)
        row["kinds"] = sum(shares) / len(shares)
    return row
