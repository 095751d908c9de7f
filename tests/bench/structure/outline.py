"""What a PDF itself says of its headings and links: bookmarks and link annotations."""
import pikepdf


def facts(path):
    """`(level, title)` of the bookmarks that lead to one of the document's pages, and the web addresses of its links."""
    with pikepdf.open(path) as document:
        return bookmarks(document), links(document)


def bookmarks(document):
    pages = {page.objgen for page in document.pages}
    found = []

    def walk(items, level):
        for item in items:
            title = item.title.strip()
            if title and target(document, item) in pages:
                found.append((level, title))
            walk(item.children, level + 1)

    try:
        with document.open_outline() as tree:
            walk(tree.root, 1)
    except (pikepdf.PdfError, ValueError, TypeError, AttributeError):
        return []  # An outline that cannot be read is as good as none.
    return found


def target(document, item):
    """Object number and generation of the page that a bookmark leads to; None if it leads nowhere."""
    try:
        place = item.destination
        if place is None and item.action is not None:
            place = item.action.get("/D")
        if isinstance(place, (pikepdf.String, pikepdf.Name)):
            place = named_place(document, str(place))
        if isinstance(place, pikepdf.Dictionary):
            place = place.D
        return place[0].objgen
    except (KeyError, IndexError, AttributeError, TypeError, ValueError, pikepdf.PdfError):
        return None


def named_place(document, name):
    """A named destination, from the old dictionary or the name tree (ISO 32000-1, 12.3.2.3)."""
    old = document.Root.get("/Dests")
    if old is not None and name in old:
        return old[name]
    return pikepdf.NameTree(document.Root.Names.Dests)[name]


def links(document):
    found = set()
    for page in document.pages:
        for annotation in page.get("/Annots") or []:
            try:
                address = str(annotation.A.URI)
            except (AttributeError, KeyError, TypeError, ValueError):
                continue
            if address.startswith("http"):
                found.add(address)
    return found
