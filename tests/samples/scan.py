"""Make a clean page image look scanned or photographed, and put images into a PDF. All by fixed seeds."""
import io

import numpy
from PIL import Image, ImageChops, ImageFilter


def scanned(image, seed, skew_deg, paper=214, ink=38, noise=7.0):
    """Grey paper, soft edges, sensor noise, a few specks, a slight skew. Gives a grey image."""
    random = numpy.random.default_rng(seed)
    turned = image.rotate(skew_deg, Image.Resampling.BICUBIC, fillcolor=255).filter(ImageFilter.GaussianBlur(0.7))
    grey = numpy.asarray(turned, numpy.float32) / 255
    height, width = grey.shape
    # Paper is darker to one edge, as under a lid that does not close.
    shade = paper - 14 * (numpy.linspace(0, 1, width)[None, :] ** 2) * numpy.linspace(0.6, 1, height)[:, None]
    page = ink + grey * (shade - ink) + random.normal(0, noise, grey.shape)
    page = specks(page, random, 60, ink)
    return Image.fromarray(numpy.clip(page, 0, 255).astype(numpy.uint8))


def bilevel(image, seed, skew_deg, threshold=142):
    """What a fax or an office scanner makes of it: black and white, ragged edges, specks."""
    random = numpy.random.default_rng(seed)
    grey = scanned(image, seed + 1, skew_deg, noise=15.0).filter(ImageFilter.GaussianBlur(0.6))
    page = specks(numpy.asarray(grey, numpy.float32).copy(), random, 40, 0)
    return Image.fromarray(numpy.where(page < threshold, 0, 255).astype(numpy.uint8)).convert("1")


def specks(page, random, count, ink):
    for y, x, size in zip(
        random.integers(0, page.shape[0] - 3, count), random.integers(0, page.shape[1] - 3, count), random.integers(1, 4, count)
    ):
        page[y : y + size, x : x + size] = ink
    return page


def photographed(image, seed, size, corners):
    """A page on a dark desk seen at an angle: perspective, light from one side, a shadow, slight blur, noise."""
    random = numpy.random.default_rng(seed)
    paper = Image.merge("RGB", [image.point(lambda v, top=top: 30 + v * (top - 30) // 255) for top in (236, 231, 219)])
    matrix = perspective(corners, image.size)
    warped = paper.transform(size, Image.Transform.PERSPECTIVE, matrix, Image.Resampling.BICUBIC)
    mask = Image.new("L", image.size, 255).transform(size, Image.Transform.PERSPECTIVE, matrix, Image.Resampling.BILINEAR)
    scene = Image.composite(warped, desk(size, random), mask)
    scene = scene.filter(ImageFilter.GaussianBlur(0.9))
    lit = numpy.asarray(scene, numpy.float32) * light(size)[:, :, None]
    lit += random.normal(0, 3.0, lit.shape)
    return Image.fromarray(numpy.clip(lit, 0, 255).astype(numpy.uint8))


def perspective(corners, size):
    """Coefficients that map the picture's corners (clockwise from top left) back to those of an image of `size`."""
    width, height = size
    rows, right = [], []
    for (x, y), (u, v) in zip(corners, [(0, 0), (width, 0), (width, height), (0, height)]):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        right += [u, v]
    return numpy.linalg.solve(numpy.array(rows, float), numpy.array(right, float)).tolist()


def desk(size, random):
    """Wood: brown with long soft streaks."""
    streaks = random.normal(0, 1, (size[1] // 4, 1)).repeat(size[0] // 16, 1) + random.normal(0, 0.4, (size[1] // 4, size[0] // 16))
    grain = Image.fromarray(numpy.clip(92 + 9 * streaks, 0, 255).astype(numpy.uint8)).resize(size, Image.Resampling.BICUBIC)
    tint = Image.merge("RGB", [grain, ImageChops.subtract(grain, Image.new("L", size, 26)), ImageChops.subtract(grain, Image.new("L", size, 52))])
    return tint


def light(size):
    """Bright at the upper left, half as bright at the lower right, and a soft shadow from the lower edge."""
    x = numpy.linspace(0, 1, size[0])[None, :]
    y = numpy.linspace(0, 1, size[1])[:, None]
    fall = 1.05 - 0.38 * numpy.clip(0.55 * x + 0.6 * y, 0, 1) ** 1.5
    shadow = 1 - 0.24 / (1 + numpy.exp(-(y + 0.35 * x - 1.08) * 28))
    return (fall * shadow).astype(numpy.float32)


def jpeg(image, quality, exif=None):
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality, optimize=True, **({"exif": exif} if exif else {}))
    return out.getvalue()


def g4(image):
    """The CCITT group 4 data of a black and white image, out of a TIFF file with one strip."""
    out = io.BytesIO()
    # The coder takes 0 for white; in the image it is black.
    ImageChops.invert(image).save(out, "TIFF", compression="group4", tiffinfo={278: image.height})
    tags = Image.open(out).tag_v2
    if len(tags[273]) != 1 or tags[262] != 1:
        raise ValueError("expected one strip, black as zero")
    return out.getvalue()[tags[273][0] : tags[273][0] + tags[279][0]]


def image_pdf(images, dpi, quality):
    """A PDF with one image a page: JPEG for grey ones, CCITT group 4 for black and white ones."""
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>", b""]
    kids = []
    for image in images:
        width, height = image.size
        box = f"{width * 72 / dpi:.2f} {height * 72 / dpi:.2f}"
        if image.mode == "1":
            data = g4(image)
            kind = f"/BitsPerComponent 1 /Filter /CCITTFaxDecode /DecodeParms << /K -1 /Columns {width} /Rows {height} >>"
        else:
            data = jpeg(image, quality)
            kind = "/BitsPerComponent 8 /Filter /DCTDecode"
        first = len(objects) + 1
        kids.append(f"{first} 0 R")
        scale = box.replace(" ", " 0 0 ") + " 0 0 cm"
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {box}] /Contents {first + 1} 0 R"
            f" /Resources << /XObject << /Im {first + 2} 0 R >> >> >>".encode()
        )
        objects.append(stream(b"", f"q {scale} /Im Do Q".encode()))
        head = f"/Type /XObject /Subtype /Image /Width {width} /Height {height} /ColorSpace /DeviceGray {kind}"
        objects.append(stream(head.encode(), data))
    objects[1] = f"<< /Type /Pages /Kids [{' '.join(kids)}] /Count {len(kids)} >>".encode()
    return pdf_file(objects)


def stream(head, data):
    return b"<< " + head + b" /Length %d >>\nstream\n" % len(data) + data + b"\nendstream"


def pdf_file(objects):
    out, offsets = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n"), []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n" % number + body + b"\nendobj\n"
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
    return bytes(out)
