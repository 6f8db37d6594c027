"""PDFs written by hand, object by object: ordinary ones, and those that somebody made to harm."""

from __future__ import annotations

import zlib

RED = b"1 0 0 rg 20 10 100 50 re f"
"""Draws a red rectangle, from 20 to 120 points across and 10 to 60 points up."""


def pdf(*objects: bytes, trailer: bytes = b"") -> bytes:
    """Return a file of these objects, numbered from 1; the first is the catalogue."""
    out, places = b"%PDF-1.7\n", []
    for number, content in enumerate(objects, start=1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    table += b"".join(b"%010d 00000 n \n" % place for place in places)
    table += b"trailer << /Root 1 0 R /Size %d %s >>\n" % (len(objects) + 1, trailer)
    return out + table + b"startxref\n%d\n%%%%EOF\n" % len(out)


def stream(content: bytes, more: bytes = b"") -> bytes:
    return b"<< /Length %d %s >>\nstream\n%s\nendstream" % (len(content), more, content)


def pages(
    count: int = 1,
    drawing: bytes = RED,
    box: bytes = b"0 0 200 100",
    catalogue: bytes = b"",
    page: bytes = b"",
    packed: bytes = b"",
    others: tuple[bytes, ...] = (),
) -> bytes:
    """Return a file whose pages all show the same drawing.

    ``packed``: the drawing as it lies in the file, with its filter. ``others``: more objects, from
    number 4 + count on.
    """
    kids = b" ".join(b"%d 0 R" % (4 + i) for i in range(count))
    content = stream(packed, b"/Filter /FlateDecode") if packed else stream(drawing)
    one = b"<< /Type /Page /Parent 2 0 R /MediaBox [%s] /Contents 3 0 R %s >>" % (box, page)
    return pdf(
        b"<< /Type /Catalog /Pages 2 0 R %s >>" % catalogue,
        b"<< /Type /Pages /Kids [%s] /Count %d >>" % (kids, count),
        content,
        *[one] * count,
        *others,
    )


def with_script() -> bytes:
    """Return one that runs a script, starts a program and opens a page when it is shown."""
    return pages(
        catalogue=b"/OpenAction << /S /JavaScript /JS (app.alert(1)) >> /AcroForm << /XFA 5 0 R >>"
        b" /Names << /EmbeddedFiles << /Names [(a.exe) 5 0 R] >> >>",
        page=b"/AA << /O << /S /Launch /F (/bin/sh) >> >> /Annots [<< /Type /Annot /Subtype /Link"
        b" /Rect [0 0 200 100] /A << /S /URI /URI (http://127.0.0.1:9/) >> >>]",
        others=(stream(b"<xdp:xdp/>"),),
    )


def form(appearance: bytes = b"") -> bytes:
    """Return one with a field of a form into which a word is typed, in blue."""
    font = b"/Resources << /Font << /F << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >>"
    return pages(
        drawing=b"",
        catalogue=b"/AcroForm << /Fields [5 0 R] /NeedAppearances true /DR %s >>"
        % font.removeprefix(b"/Resources "),
        page=b"/Annots [5 0 R]",
        others=(
            b"<< /Type /Annot /Subtype /Widget /FT /Tx /T (name) /V (typed) /Rect [10 10 190 40]"
            b" /F 4 /DA (/F 12 Tf 0 0 1 rg) %s >>" % appearance,
            stream(
                b"/Tx BMC BT /F 12 Tf 0 0 1 rg 5 5 Td (typed) Tj ET EMC",
                b"/Type /XObject /Subtype /Form /BBox [0 0 180 30] " + font,
            ),
        ),
    )


def encrypted() -> bytes:
    """Return one whose user password is not empty: nothing in it opens without that."""
    whole = pages()
    protection = b"/Encrypt << /Filter /Standard /V 1 /R 2 /P -4 /O (%s) /U (%s) >> /ID [(a) (a)]"
    return whole.replace(b"/Root 1 0 R", b"/Root 1 0 R " + protection % (b"o" * 32, b"u" * 32))


def bomb(megabytes: int) -> bytes:
    """Return one of kilobytes whose drawing unpacks to this much."""
    packer = zlib.compressobj(9)
    parts = [packer.compress(b"0 0 1 1 re " * (1 << 16)) for _ in range(megabytes * 3 // 2)]
    return pages(packed=b"".join([*parts, packer.flush()]))


def slow() -> bytes:
    """Return one whose forms show one another, ten times each, twelve deep."""
    forms = []
    for depth in range(12):
        inner = b"<< /XObject << /F %d 0 R >> >>" % (6 + depth)
        forms.append(
            stream(
                b"/F Do " * 10, b"/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources " + inner
            )
        )
    last = stream(b"0 0 9 9 re f", b"/Type /XObject /Subtype /Form /BBox [0 0 9 9]")
    return pages(
        drawing=b"/F Do",
        page=b"/Resources << /XObject << /F 5 0 R >> >>",
        others=(*forms, last),
    )
