#!/usr/bin/env python3
"""Writes the first inputs of each fuzz target into a folder: seeds.py FOLDER. They are made here, from nothing."""

import json
import pathlib
import struct
import sys
import zlib


def chunk(name, body):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(width, height, depth=8, color=2, interlaced=0, dpi=300, extra=b""):
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[color]
    row = b"\0" + bytes((width * channels * depth + 7) // 8)
    per_meter = int(dpi / 0.0254)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, interlaced))
        + (chunk(b"PLTE", bytes(6)) if color == 3 else b"")
        + chunk(b"pHYs", struct.pack(">IIB", per_meter, per_meter, 1))
        + extra
        + chunk(b"IDAT", zlib.compress(row * min(height, 4)))
        + chunk(b"IEND", b"")
    )


def exif(orientation, order="<"):
    start = b"II*\0" if order == "<" else b"MM\0*"
    entry = struct.pack(order + "HHIHH", 0x0112, 3, 1, orientation, 0)
    return start + struct.pack(order + "IH", 8, 1) + entry + struct.pack(order + "I", 0)


def segment(marker, body):
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


def jpeg(width, height, components=3, frame=0xC0, unit=1, adobe=False, orientation=None):
    parts = b"".join(bytes([number + 1, 0x11, 0]) for number in range(components))
    scan = b"".join(bytes([number + 1, 0]) for number in range(components))
    huffman = bytes([0, 1] + [0] * 15 + [0])
    return (
        b"\xFF\xD8"
        + segment(0xE0, b"JFIF\0\1\2" + struct.pack(">BHHBB", unit, 300, 300, 0, 0))
        + (segment(0xE1, b"Exif\0\0" + exif(orientation)) if orientation else b"")
        + (segment(0xEE, b"Adobe\0\x64\0\0\0\0\2") if adobe else b"")
        + segment(0xDB, b"\0" + bytes([1] * 64))
        + segment(frame, struct.pack(">BHHB", 8, height, width, components) + parts)
        + segment(0xC4, huffman)
        + segment(0xC4, b"\x10" + huffman[1:])
        + segment(0xDA, bytes([components]) + scan + b"\0\x3F\0")
        + b"\0\0\xFF\xD9"
    )


def tiff(pages, order="<", big=False):
    """`pages` are dictionaries of tags; values are numbers, lists of numbers, or pairs for rationals."""
    start = (b"II" if order == "<" else b"MM") + struct.pack(order + "H", 43 if big else 42)
    offset, count = ("Q", "Q") if big else ("I", "H")
    room = 8 if big else 4
    head = struct.pack(order + "HH", 8, 0) if big else b""
    out = start + head + struct.pack(order + offset, (16 if big else 8))
    for index, tags in enumerate(pages):
        at = len(out)
        size = struct.calcsize(order + count) + len(tags) * (20 if big else 12) + room
        extra, entries = b"", b""
        for tag in sorted(tags):
            value = tags[tag]
            if isinstance(value, tuple):
                kind, number, body = 5, 1, struct.pack(order + "II", *value)
            else:
                values = value if isinstance(value, list) else [value]
                kind, form = (3, "H") if max(values) < 65536 else (4, "I")
                number, body = len(values), struct.pack(order + form * len(values), *values)
            if len(body) > room:
                place = struct.pack(order + offset, at + size + len(extra))
                extra += body
            else:
                place = body.ljust(room, b"\0")
            entries += struct.pack(order + "HH" + offset, tag, kind, number) + place
        next_page = at + size + len(extra) if index + 1 < len(pages) else 0
        out += struct.pack(order + count, len(tags)) + entries + struct.pack(order + offset, next_page) + extra
    return out


def page(width, height, compression=1, photometric=1, bits=8, **more):
    tags = {
        256: width, 257: height, 258: bits, 259: compression, 262: photometric, 273: 8, 277: 1, 278: height, 279: 64,
        282: (300, 1), 283: (300, 1), 296: 2,
    }
    tags.update({int(name[1:]): value for name, value in more.items()})
    return {tag: value for tag, value in tags.items() if value is not None}


def webp(kind, body):
    body = kind + struct.pack("<I", len(body)) + body
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def box(name, body):
    return struct.pack(">I", len(body) + 8) + name + body


def images():
    yield from (png(8, 8, color=color) for color in (0, 2, 3, 4, 6))
    yield png(70000, 70000, depth=16, color=6)
    yield png(8, 8, depth=1, color=0, interlaced=1, dpi=72)
    yield png(8, 8, extra=chunk(b"eXIf", exif(6)) + chunk(b"iCCP", b"a\0\0" + zlib.compress(b"x" * 200)))
    yield png(8, 8, extra=chunk(b"acTL", struct.pack(">II", 2, 0)) + chunk(b"tRNS", bytes(6)))
    for frame in (0xC0, 0xC1, 0xC2, 0xC3):
        yield jpeg(16, 8, frame=frame)
    yield jpeg(65535, 65535, components=1, unit=2)
    yield jpeg(16, 8, components=4, adobe=True)
    yield jpeg(16, 8, orientation=6)
    for order in "<>":
        for big in (False, True):
            yield tiff([page(16, 16), page(1728, 1078, compression=4, t282=(204, 1), t283=(98, 1))], order, big)
    yield tiff([page(16, 16, compression=code) for code in (2, 3, 5, 6, 7, 8, 32773, 33003, 33005, 34712, 50000)])
    yield tiff([page(40, 40, t273=None, t278=None, t279=None, t322=16, t323=16, t324=[8] * 9, t325=[64] * 9)])
    yield tiff([page(16, 16, bits=[8, 8, 8], photometric=2, t277=3, t284=2, t273=[8] * 3, t279=[9] * 3, t339=[1] * 3)])
    yield tiff([page(16, 16, bits=32, t339=3), page(16, 16, t254=1), page(16, 16, t274=6, t292=1, t266=2)])
    yield tiff([page(70000, 70000, t513=8, t514=100)])
    yield b"II*\0\x08\0\0\0" + struct.pack("<H", 0) + struct.pack("<I", 8)
    yield webp(b"VP8 ", b"\x10\x02\0\x9d\x01\x2a\x10\0\x10\0" + bytes(20))
    yield webp(b"VP8L", b"\x2f\x0f\xc0\x03\0" + bytes(20))
    yield webp(b"VP8X", bytes([8, 0, 0, 0, 15, 0, 0, 15, 0, 0]) + b"EXIF" + struct.pack("<I", 26) + exif(3))
    yield b"GIF89a" + struct.pack("<HHBBB", 16, 16, 0x80, 0, 0) + bytes(6) + b"," + struct.pack("<HHHHB", 0, 0, 16, 16, 0)
    yield b"GIF87a" + struct.pack("<HHBBB", 16, 16, 0, 0, 0) + b"!\xF9\x04\0\0\0\0\0;"
    for size in (12, 40, 52, 108, 124):
        sides = struct.pack("<HH", 8, 8) if size == 12 else struct.pack("<ii", 8, -8)
        body = struct.pack("<I", size) + sides + struct.pack("<HHIIii", 1, 24, 0, 0, 11811, 11811)
        yield b"BM" + struct.pack("<IHHI", 200, 0, 0, 14 + size) + body.ljust(size, b"\0") + bytes(32)
    resolution = box(b"res ", box(b"resc", bytes([0, 254, 0, 1, 0, 254, 0, 1, 2, 2])))
    header = box(b"jp2h", box(b"ihdr", struct.pack(">IIHBBBB", 70, 50, 3, 7, 7, 0, 0)) + resolution)
    yield box(b"jP  ", b"\r\n\x87\n") + box(b"ftyp", b"jp2 \0\0\0\0jp2 ") + header
    yield b"\xFF\x4F\xFF\x51\0\x2F\0\0" + struct.pack(">8I", 52, 73, 2, 3, 52, 73, 0, 0) + bytes([0, 1, 7, 1, 1])
    yield from (b"%PDF-1.7\n", b"", b" \n", b"<html><p>", b"PK\x03\x04", "é".encode() * 20)


LINE = {
    "text": "ab cd", "quad": [[0, 0], [50, 0], [50, 9], [0, 9]], "size": 9, "bold": False, "italic": True,
    "fixed_pitch": False, "tag": {"role": {"heading": 2}, "element": 4}, "lead": [2, 20.0, 22.0], "doubt": "lost-letter",
}
TEXT = {
    "lines": [LINE, {**LINE, "tag": None, "lead": None, "doubt": None}], "truncated": False,
    "formulas": [{"line": 0, "number": 1, "latex": "x_{2}\\$"}], "glyphs": [[0, 0, 9, 9], [-3, 1, 400, 5]], "unseen": 1,
}
PAGE = {
    "width_pt": 595.0, "height_pt": 842.0, "image_coverage": 0.5, "image_dpi": 300.0, "image_px": [10, 20],
    "images": [[0, 0, 5, 5]], "annotations": [[1.5, 0, 5, 5]], "paths": 3, "substituted_fonts": 0,
    "text": {"characters": 9, "hidden": 1, "covered": 0, "unmapped": 0, "in_annotations": 0},
}


def replies():
    yield {"Confined": {"seccomp": "Active", "landlock": {"Missing": "why\n"}, "namespaces": "Active"}}
    for format in ("Pdf", "Png", "Jpeg", "Tiff", "WebP", "Gif", "Bmp", "Jpeg2000"):
        marks = [{"depth": 1, "title": " A\x1b ", "page": 3}, {"depth": 0, "title": "", "page": None}]
        yield {"Opened": {"format": format, "pages": 7, "encrypted": True, "bookmarks": marks}}
    yield {"Inspected": PAGE}
    yield {"Inspected": {**PAGE, "image_dpi": None, "image_px": None, "width_pt": 1e38, "height_pt": -1}}
    yield {"Rendered": {"text_layer": TEXT, "cut": {"rows": [5, 9]}}}
    yield {"Rendered": {"text_layer": None, "cut": {"rows": None}}}
    for role in ("paragraph", "other", "list-item", "caption", "artifact"):
        yield {"Rendered": {"text_layer": {**TEXT, "lines": [{**LINE, "tag": {"role": role, "element": 1}}]}, "cut": None}}
    for error in ("NotADocument", "Damaged", "Unsupported", "TooLarge", "PageDamaged", "PdfiumMissing", "Io"):
        yield {"Failed": {error: "no \x1b[31m end " + "x" * 320}}
    for error in ("NoPages", "Encrypted", "WrongPassword", "OutOfMemory"):
        yield {"Failed": error}


JOB = {
    "schema": "recto.job/v1", "id": "j1", "batch": "b", "source": {"uri": "s3://a/b.pdf", "version_id": "v", "etag": "e"},
    "output": "s3://a/out/", "labels": {"a": "b", "api-key": "c"}, "engine": "ppocr", "password": "hunter2",
    "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "submitted_at": "2026-01-01T00:00:00Z",
}
OPTIONS = {"pages": "1-3,7-", "dpi": 300, "text_layer": "never", "html": True, "limits": {"max_pages": 3}, "formats": ["md"]}


def jobs():
    yield JOB
    yield {**JOB, "options": OPTIONS, "force": True, "pages": {"first": 1, "last": 16}}
    yield {**JOB, "options": {"pages": [1, "2-5"]}, "source": {"uri": "file:///a/%2e%2e/b.pdf"}}
    yield {**JOB, "schema": "recto.job/v2", "labels": {"a": "hunter2"}}
    yield {**JOB, "id": "", "engine": "got", "options": {"got": {"mode": "plain"}}}
    yield {"schema": "recto.job/v1", "id": 7}
    yield [[{"pass\\u0077ord": "hunter2", "a": "https://u:p@h/b?X-Amz-Signature=abc"}]]
    yield "text"
    for uri in ("s3://b//x", "s3://b/./x", "s3://b", "file:x", "https://b/x?c#d", "s3://b/é%zz\0"):
        yield {**JOB, "source": {"uri": uri}, "output": uri}


MATHPIX = [
    "a $x^2$ b\n\n\\( \\frac{1}{2} \\) \\[ \\left[ \\sum_{i=1}^n x_i \\right] \\]\n",
    "\\title{A \\textbf{b}}\n\\section*{C}\n\\subsection{D}\n\\author{E \\and F}\n\\begin{abstract}\nG\n\\end{abstract}\n",
    "\\begin{itemize}\n\\item a\n\\begin{enumerate}\n\\item b\n\\end{enumerate}\n\\end{itemize}\n",
    "\\begin{tabular}{|l|c|}\n\\hline a & \\multicolumn{2}{c}{b} \\\\\n\\hline \\multirow{2}{*}{c} & d \\\\ \\cline{2-2}\n & e \\\\\n\\end{tabular}\n",
    "| a | b |\n|---|---|\n| **c** | d \\| e |\n",
    "**bold** ``quoted'' *x* \\footnote{n} \\textit{i}<br>co-\noperate a\\\\b\\_c \\& \\% \\# \\{ \\}\n",
    "![](http://a.b/x.png) [a](b) <b>c</b> `d` ```\ne\n``` ~~~\n--- +++ {{ x }} {% y %} $5 and $6 &lt;\n",
    "\\begin{align*} a &= b \\\\ c &= d \\tag{1} \\end{align*} \\href{javascript:x}{y} \\includegraphics{x} \\def\\x{y}\n",
    "\\begin{table}\n\\captionsetup{x}\n\\caption{t}\n\\begin{tabular}{l}a\\\\\n\\end{tabular}\n\\end{table}\n\\begin{figure}\\end{figure}\n",
    "\\begin{theorem}[n] a \\ref{b} \\cite{c} \\eqref{d} \\label{e} \\url{f}\n\\end{theorem}\n汉字\n文 é\u0301 \u202e\u2066\ufeff\U000e0041\n",
]


def main():
    folder = pathlib.Path(sys.argv[1])
    framed = [json.dumps(reply).encode() for reply in replies()]
    targets = {
        "protocol": framed + [struct.pack("<I", len(reply)) + reply for reply in framed],
        "image_headers": list(images()),
        "mathpix": [text.encode() for text in MATHPIX],
        "job_message": [json.dumps(job).encode() for job in jobs()],
    }
    for target, inputs in targets.items():
        (folder / target).mkdir(parents=True, exist_ok=True)
        for number, content in enumerate(inputs):
            (folder / target / f"seed-{number:02}").write_bytes(content)


main()
