#!/usr/bin/env python3
"""Write the sample documents again, each with its truth and with the Markdown a careful person would make of it.

    python3 make_samples.py [--fonts FOLDER]... [--out FOLDER]

Text and looks are our own; the same packages (requirements.txt) and fonts (README.md) give the same bytes.
"""
import argparse
import io
import json
from pathlib import Path

from PIL import Image
from reportlab.lib.colors import black
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

import scan
import text
from typeset import Fonts, Sheet, Style, flow_han, markdown_table

BODY = Style("serif", 12.5, 1.36)
SMALL = Style("serif", 9, 1.3)
HEAD_1 = Style("serif-bold", 21, 1.25)
HEAD_2 = Style("serif-bold", 15, 1.3)
RUNNING = Style("serif-italic", 10, 1.2)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--fonts", action="append", help="folder with the fonts; /usr/share/fonts if not given")
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parent)
    args = parser.parse_args()
    fonts = Fonts(args.fonts or ["/usr/share/fonts"])
    for make in (report, two_columns, invoice, photo, chinese, born_digital):
        make(fonts, args.out)


def save(out, name, data, sheets):
    """Write the document, NAME.truth.json and NAME.expected.md. A sheet is one page."""
    (out / name).write_bytes(data)
    stem = name.rsplit(".", 1)[0]
    truth = [{"page": i, "text": "\n".join(sheet.truth).strip("\n")} for i, sheet in enumerate(sheets, 1)]
    written = json.dumps({"file": name, "pages": truth}, ensure_ascii=False, indent=1)
    (out / f"{stem}.truth.json").write_text(written + "\n", encoding="utf-8")
    pages = ["\n\n".join([f"<!-- page {i} -->", *sheet.markdown]) for i, sheet in enumerate(sheets, 1)]
    (out / f"{stem}.expected.md").write_text("\n\n".join(pages) + "\n", encoding="utf-8")
    print(f"{name}: {len(data):,} bytes, {len(sheets)} page{'s'[: len(sheets) > 1]}")


def report(fonts, out):
    """A typed and bound report, five pages, one of them blank: grey scans and black and white ones."""
    title = Sheet(fonts, margin=230)
    title.space(40)
    title.heading("Records Office of Lower Wending", 1, Style("serif-bold", 24, 1.25), "center", 50)
    title.heading("Report for the Year 1986", 2, Style("serif-bold", 17, 1.25), "center", 90)
    for block in text.REPORT_INTRODUCTION:
        report_block(title, block)
    sheets = [title]
    for number, blocks in ((2, text.REPORT_COLLECTIONS), (4, text.REPORT_READERS), (5, text.REPORT_BUILDING)):
        if number == 4:
            sheets.append(Sheet(fonts))
        sheet = Sheet(fonts, margin=230)
        sheet.at_top("Records Office of Lower Wending", RUNNING, 130)
        sheet.y = 240
        for block in blocks:
            report_block(sheet, block)
        sheets.append(sheet)
    for number, sheet in enumerate(sheets, 1):
        if number != 3:
            sheet.at_foot(str(number), Style("serif", 10.5, 1.2), 2165)
    looks = [
        scan.scanned(sheets[0].image, 11, 0.6),
        scan.bilevel(sheets[1].image, 12, -0.5),
        scan.scanned(sheets[2].image, 13, 0.3, noise=3.0),
        scan.bilevel(sheets[3].image, 14, 0.7),
        scan.scanned(sheets[4].image, 15, -0.4, paper=206, ink=52),
    ]
    save(out, "report.pdf", scan.image_pdf(looks, 200, 34), sheets)


def report_block(sheet, block):
    kind, content = block
    if kind == "heading":
        sheet.space(16)
        sheet.heading(content, 2, HEAD_2, after=18)
    elif kind == "bullets":
        sheet.items(content, BODY)
    elif kind == "numbers":
        sheet.items(content, BODY, marks=[f"{n}." for n in range(1, len(content) + 1)])
    else:
        sheet.paragraph(content, BODY, after=22)


def two_columns(fonts, out):
    """A page of a journal: title across, two columns, a footnote below the second. Black and white."""
    sheet = Sheet(fonts, margin=170)
    sheet.y = 190
    sheet.heading("The Flood Marks on Wending Bridge", 1, HEAD_1, "center", 10)
    sheet.short_lines(["by the Records Office of Lower Wending"], Style("serif-italic", 12, 1.3), "center", 56)
    top, full_right = sheet.y, sheet.right
    middle = (sheet.left + sheet.right) // 2
    style = Style("serif", 10.8, 1.3)
    sheet.right = middle - 36
    set_column(sheet, text.BRIDGE_LEFT, style)
    sheet.left, sheet.right, sheet.y = middle + 36, full_right, top
    set_column(sheet, text.BRIDGE_RIGHT, style)
    sheet.space(40)
    sheet.footnote(text.BRIDGE_NOTE, SMALL)
    look = scan.bilevel(sheet.image, 21, 0.4)
    save(out, "two-columns.png", png(look, 200), [sheet])


def set_column(sheet, blocks, style):
    for number, (kind, content) in enumerate(blocks):
        if kind == "heading":
            sheet.space(14)
            sheet.heading(content, 2, Style("serif-bold", 13, 1.3), after=12)
        else:
            sheet.paragraph(content, style, indent=0 if number == 0 else 36, after=8)


def invoice(fonts, out):
    """A bookbinder's invoice with a ruled table, scanned in grey."""
    sans, strong = Style("sans", 10.5, 1.36), Style("sans-bold", 10.5, 1.36)
    sheet = Sheet(fonts, margin=190)
    sheet.heading("Harrow & Pell, Bookbinders", 1, Style("sans-bold", 20, 1.25), after=8)
    sheet.short_lines(["17 Tanner's Row, Great Ashby", "Telephone Ashby 4471"], sans, after=70)
    sheet.heading("INVOICE", 2, Style("sans-bold", 16, 1.3), after=28)
    top = sheet.y
    sheet.short_lines(text.INVOICE_TO, sans)
    bottom, margin = sheet.y, sheet.left
    sheet.left, sheet.y = 1000, top
    sheet.short_lines(text.INVOICE_NUMBERS, sans)
    sheet.left, sheet.y = margin, bottom + 50
    sheet.table(text.INVOICE_ROWS, [704, 150, 200, 220], sans, ["left", "right", "right", "right"], 6, 60)
    sheet.paragraph(text.INVOICE_TERMS, sans, justify=False, after=30)
    sheet.short_lines(["Thank you for your custom."], strong)
    save(out, "invoice.pdf", scan.image_pdf([scan.scanned(sheet.image, 31, -0.7, paper=222)], 200, 38), [sheet])


def photo(fonts, out):
    """A notice on a desk, taken with a telephone held upright: the camera's turn is in the EXIF data."""
    sheet = Sheet(fonts, size=(1240, 1754), margin=130, dpi=150)
    sheet.space(40)
    sheet.heading("Notice to Readers", 1, Style("sans-bold", 26, 1.3), "center", 50)
    large = Style("sans", 18, 1.45)
    for paragraph in text.NOTICE:
        sheet.paragraph(paragraph, large, justify=False, after=30)
    sheet.items(text.NOTICE_TIMES, large, after=30)
    sheet.paragraph(text.NOTICE_END, large, justify=False, after=60)
    sheet.short_lines(["The Archivist, 2 May 1987"], Style("serif-italic", 18, 1.4))
    scene = scan.photographed(sheet.image, 41, (1350, 1800), [(150, 130), (1180, 175), (1268, 1660), (66, 1585)])
    turned = scene.transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6
    save(out, "photo.jpg", scan.jpeg(turned, 68, exif), [sheet])


def chinese(fonts, out):
    """A Chinese page: title, headings, paragraphs that run on without spaces, a numbered list."""
    sheet = Sheet(fonts, size=(1654, 2000), margin=220)
    title, head, body = Style("han", 24, 1.5), Style("han", 16, 1.5), Style("han", 13, 1.65)
    sheet.heading(text.HAN_TITLE, 1, title, "center", 40)
    for kind, content in text.HAN:
        if kind == "heading":
            sheet.heading(content, 2, head, after=10)
        elif kind == "numbers":
            for number, item in enumerate(content, 1):
                sheet.line(f"{number}. {item}", body)
            sheet.markdown.append("\n".join(f"{n}. {item}" for n, item in enumerate(content, 1)))
            sheet.gap(20)
        else:
            flow_han(sheet, content, body)
            sheet.markdown.append(content)
            sheet.gap(20)
    grey = scan.scanned(sheet.image, 51, 0.0, paper=238, ink=30, noise=2.0)
    # As scanners do to save space: paper made even, sixteen shades.
    shades = grey.point(lambda value: 240 if value > 196 else value // 16 * 16)
    save(out, "chinese.png", png(shades.quantize(16, dither=Image.Dither.NONE), 200), [sheet])


def png(image, dpi):
    data = io.BytesIO()
    image.save(data, "PNG", optimize=True, dpi=(dpi, dpi))
    return data.getvalue()


class Typed:
    """Truth and Markdown of a page that has a text layer."""

    def __init__(self):
        self.truth, self.markdown = [], []


def born_digital(fonts, out):
    """Two pages with a sound text layer: bold headings, justified paragraphs, a table, emphasis by asterisk."""
    for name in ("serif", "serif-bold"):
        pdfmetrics.registerFont(TTFont(name, str(fonts.paths[name])))
    data = io.BytesIO()
    canvas = Canvas(data, pagesize=(595, 842), invariant=1)
    canvas.setTitle("Guide to the Parish Registers")
    pages = []
    for number, blocks in enumerate(text.GUIDE, 1):
        pages.append(typed_page(canvas, blocks, number))
        canvas.showPage()
    canvas.save()
    save(out, "born-digital.pdf", data.getvalue(), pages)


def typed_page(canvas, blocks, number):
    page, y = Typed(), 770
    for kind, content in blocks:
        if kind in ("title", "heading"):
            size, level = (20, 1) if kind == "title" else (14, 2)
            canvas.setFont("serif-bold", size)
            y -= size + 10
            canvas.drawString(72, y, content)
            page.truth += [content, ""]
            page.markdown.append("#" * level + " " + content)
            y -= size * 0.4
        elif kind == "table":
            y = typed_table(canvas, content, y, page) - 16
        else:
            y = typed_paragraph(canvas, content, y, page) - 8
    canvas.setFont("serif", 10)
    canvas.drawCentredString(297.5, 42, f"Page {number} of {len(text.GUIDE)}")
    page.truth.append(f"Page {number} of {len(text.GUIDE)}")
    page.markdown.append(f"Page {number} of {len(text.GUIDE)}")
    return page


def typed_paragraph(canvas, content, y, page, width=451, size=11, step=15):
    lines, line = [], []
    for word in content.split():
        if canvas.stringWidth(" ".join([*line, word]), "serif", size) > width:
            lines.append(line)
            line = []
        line.append(word)
    lines.append(line)
    for words in lines:
        y -= step
        laid = canvas.beginText(72, y)
        laid.setFont("serif", size)
        if words is not lines[-1]:
            slack = width - canvas.stringWidth(" ".join(words), "serif", size)
            laid.setWordSpace(0)
            laid.setCharSpace(slack / (len(" ".join(words)) - 1))
        laid.textOut(" ".join(words))
        laid.setCharSpace(0)
        canvas.drawText(laid)
    page.truth += [*(" ".join(words) for words in lines), ""]
    page.markdown.append(content.replace("*", "\\*"))
    return y


def typed_table(canvas, rows, y, page, widths=(150, 90, 90, 121), height=20):
    canvas.setStrokeColor(black)
    y -= 10
    for index, row in enumerate(rows):
        x = 72
        for column, (cell, width) in enumerate(zip(row, widths)):
            canvas.rect(x, y - height, width, height)
            canvas.setFont("serif" if index else "serif-bold", 11)
            if column in (1, 2):
                canvas.drawRightString(x + width - 6, y - 14, cell)
            else:
                canvas.drawString(x + 6, y - 14, cell)
            x += width
        y -= height
        page.truth.append(" ".join(row))
    page.truth.append("")
    page.markdown.append(markdown_table(rows, ["left", "right", "right", "left"]).replace("*", "\\*"))
    return y


if __name__ == "__main__":
    main()
