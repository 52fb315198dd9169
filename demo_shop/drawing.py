"""Pictures of the products, drawn: style is the background, material the colour, type the shape."""

from __future__ import annotations

from demo_shop.catalogue import Style

COLOURS = {
    "oak": "#c89b5f",
    "walnut": "#7b4f32",
    "pine": "#e0bd83",
    "bamboo": "#b9b06a",
    "rattan": "#c7a06c",
    "brass": "#c9a13b",
    "copper": "#b9693f",
    "steel": "#8f9aa5",
    "marble": "#e9e9ec",
    "glass": "#9fd0d6",
    "ceramic": "#e3d8c8",
    "stoneware": "#a08d7b",
    "porcelain": "#f7f7f2",
    "enamel": "#5f86b5",
    "leather": "#8a5a3c",
    "velvet": "#6a4c93",
    "linen": "#d9cfb8",
    "wool": "#b7a99a",
    "cotton": "#f0ece2",
    "jute": "#b8935a",
    "silk": "#d58aa0",
}

MOTIFS = {
    "Nordic": '<path d="M0 300 90 150l70 110 60-90 180 190H0z" fill="{motif}"/>',
    "Industrial": '<path d="M0 80h400M0 160h400M0 240h400M100 0v80M300 0v80M200 80v80M100 160v80M300 160v80" '
    'stroke="{motif}" stroke-width="6"/>',
    "Bohemian": '<path d="M60 330V190a140 140 0 0 1 280 0v140M100 330V190a100 100 0 0 1 200 0v140" '
    'fill="none" stroke="{motif}" stroke-width="16"/>',
    "Japandi": '<circle cx="270" cy="130" r="90" fill="{motif}"/>',
    "Mid-century": '<path d="M200 20v260M70 150h260M108 58l184 184M292 58 108 242" stroke="{motif}" '
    'stroke-width="14"/>',
    "Art Deco": '<path d="M200 320 40 60M200 320 120 30M200 320V20M200 320 280 30M200 320 360 60" '
    'stroke="{motif}" stroke-width="12"/>',
    "Farmhouse": '<path d="M40 0v400M120 0v400M200 0v400M280 0v400M360 0v400" stroke="{motif}" '
    'stroke-width="30"/>',
    "Coastal": '<path d="M0 90q50-50 100 0t100 0 100 0 100 0M0 150q50-50 100 0t100 0 100 0 100 0'
    'M0 210q50-50 100 0t100 0 100 0 100 0" fill="none" stroke="{motif}" stroke-width="14"/>',
    "Victorian": '<path d="m100 20 60 90-60 90-60-90zM300 20l60 90-60 90-60-90zM200 110l60 90-60 90-60-90z" '
    'fill="{motif}"/>',
    "Memphis": '<path d="m20 60 40-40 40 40 40-40 40 40" fill="none" stroke="{accent}" stroke-width="10"/>'
    '<circle cx="330" cy="80" r="46" fill="{motif}"/><path d="m30 250 50-70 40 80z" fill="#3fb8af"/>',
}


def _table(left: int, right: int, top: int) -> str:
    """A table top from `left` to `right` at height `top` on two legs."""
    return (
        f'<path d="M{left + 22} {top}V330M{right - 22} {top}V330" stroke="{{dark}}" stroke-width="14"/>'
        f'<rect x="{left}" y="{top - 14}" width="{right - left}" height="24" rx="6" fill="{{colour}}"/>'
    )


def _box(left: int, top: int, width: int, height: int, part: str = "colour", radius: int = 10) -> str:
    return f'<rect x="{left}" y="{top}" width="{width}" height="{height}" rx="{radius}" fill="{{{part}}}"/>'


def _line(path: str, width: int = 12, part: str = "dark") -> str:
    return f'<path d="{path}" fill="none" stroke="{{{part}}}" stroke-width="{width}" stroke-linecap="round"/>'


def _shape(path: str, part: str = "colour") -> str:
    return f'<path d="{path}" fill="{{{part}}}"/>'


GLYPHS = {
    "desk lamp": _line("M150 320 120 210l90-90")
    + _shape("M190 90l90 60-40 40-80-60z")
    + _box(90, 314, 140, 18),
    "floor lamp": _line("M200 325V140") + _shape("M150 60h100l35 90H115z") + _box(150, 318, 100, 14, "dark"),
    "pendant lamp": _line("M200 0v110", 8)
    + _shape("M110 220a90 110 0 0 1 180 0z")
    + _box(170, 220, 60, 22, "accent"),
    "table lamp": _shape("M145 90h110l40 100H105z") + _shape("M180 190h40l30 135h-100z", "dark"),
    "lantern": _line("M160 110a40 40 0 0 1 80 0", 8)
    + _box(135, 110, 130, 210)
    + _box(160, 145, 80, 140, "accent"),
    "armchair": _box(120, 120, 160, 150)
    + _box(90, 190, 50, 110, "dark", 20)
    + _box(260, 190, 50, 110, "dark", 20)
    + _box(130, 230, 140, 60, "accent"),
    "sofa": _box(70, 150, 260, 120, radius=24)
    + _box(40, 200, 50, 100, "dark", 20)
    + _box(310, 200, 50, 100, "dark", 20)
    + _box(90, 230, 108, 66, "accent")
    + _box(202, 230, 108, 66, "accent"),
    "dining chair": _box(140, 80, 110, 110)
    + _box(130, 200, 140, 26, "accent")
    + _line("M145 220V330M255 220V330M150 190v20M240 190v20"),
    "desk chair": _box(140, 80, 120, 120, radius=28)
    + _box(125, 210, 150, 30, "accent", 14)
    + _line("M200 240v50M200 290l-70 35M200 290l70 35M200 290v38"),
    "bench": _box(60, 210, 280, 34) + _box(80, 190, 240, 24, "accent") + _line("M100 244v84M300 244v84", 16),
    "coffee table": _table(70, 330, 240) + _box(110, 280, 180, 12, "accent"),
    "dining table": _table(40, 360, 190) + _box(60, 200, 280, 22, "dark"),
    "desk": _table(50, 350, 190) + _box(240, 200, 96, 90, "accent") + _line("M275 225h26M275 260h26", 6),
    "bedside table": _box(120, 160, 160, 130)
    + _box(136, 180, 128, 44, "accent")
    + _line("M140 290v38M260 290v38")
    + _line("M188 202h24", 8),
    "console table": _table(60, 340, 180) + _line("M100 260h200", 10, "accent"),
    "bookcase": _box(110, 60, 180, 270)
    + _box(126, 78, 148, 66, "dark", 4)
    + _box(126, 160, 148, 66, "dark", 4)
    + _box(126, 242, 148, 66, "dark", 4)
    + _box(134, 88, 18, 56, "accent", 2)
    + _box(156, 96, 16, 48, "paper", 2)
    + _box(220, 176, 22, 50, "accent", 2)
    + _box(140, 262, 60, 46, "paper", 4),
    "dresser": _box(80, 130, 240, 180)
    + _box(96, 148, 100, 64, "accent")
    + _box(204, 148, 100, 64, "accent")
    + _box(96, 224, 208, 66, "accent")
    + _line("M138 180h16M246 180h16M180 257h40M105 310v20M295 310v20", 10),
    "wall shelf": _box(70, 210, 260, 24)
    + _line("M110 234v40M290 234v40")
    + _box(110, 140, 26, 70, "accent", 4)
    + _box(142, 156, 22, 54, "dark", 4)
    + '<circle cx="260" cy="180" r="30" fill="{accent}"/>',
    "basket": _line("M130 190a70 80 0 0 1 140 0", 12)
    + _shape("M100 180h200l-28 140H128z")
    + _line("M112 225h176M120 270h160", 8, "accent"),
    "coat stand": _line("M200 325V70M200 110l-60-30M200 110l60-30M200 160l-50-26M200 160l50-26", 14, "colour")
    + _line("M150 328h100", 14),
    "cushion": _shape("M90 120q110 30 220 0-30 90 0 190-110-30-220 0 30-100 0-190z")
    + _line("M130 160l140 110M270 160 130 270", 8, "accent"),
    "throw": _shape("M100 90h200v190q-50 30-100 0t-100 0z")
    + _line("M100 130h200M100 170h200M100 210h200", 10, "accent")
    + _line("M115 290v26M150 300v26M200 290v26M250 300v26M285 290v26", 6),
    "rug": _box(60, 170, 280, 140, radius=6)
    + _box(84, 192, 232, 96, "accent", 4)
    + _shape("m200 200 60 40-60 40-60-40z")
    + _line("M56 180v120M344 180v120", 6),
    "tablecloth": _shape("M90 150h220l40 170q-40-30-75 0-35-30-75 0-40-30-75 0-35-30-75 0z")
    + _line("M96 190h208M84 240h232", 8, "accent"),
    "curtain": _line("M60 80h280", 12)
    + _shape("M80 86h100q10 130-60 240H80z")
    + _shape("M320 86H220q-10 130 60 240h40z")
    + _line("M84 250h70M316 250h-70", 10, "accent"),
    "mug": _line("M270 170h20a40 40 0 0 1 0 90h-24", 18, "colour")
    + _shape("M120 130h150v150a40 40 0 0 1-40 40h-70a40 40 0 0 1-40-40z")
    + _box(120, 190, 150, 34, "accent", 0),
    "plate set": '<circle cx="170" cy="210" r="105" fill="{dark}"/>'
    '<circle cx="210" cy="200" r="110" fill="{colour}"/>'
    '<circle cx="210" cy="200" r="66" fill="none" stroke="{accent}" stroke-width="10"/>',
    "carafe": _shape("M165 80h70l-14 80q70 60 60 130a36 36 0 0 1-34 34h-94a36 36 0 0 1-34-34q-10-70 60-130z")
    + _shape("M124 250h152l4 44a30 30 0 0 1-33 30h-94a30 30 0 0 1-33-30z", "accent"),
    "bowl": _shape("M90 180h220a110 130 0 0 1-220 0z")
    + _line("M100 205h200", 12, "accent")
    + _box(165, 304, 70, 20, "dark"),
    "vase": _line("M200 150V50M200 110l-44-50M200 110l44-50", 8)
    + '<circle cx="200" cy="48" r="18" fill="{accent}"/>'
    + _shape("M160 150h80q50 60 40 130a40 40 0 0 1-40 44h-80a40 40 0 0 1-40-44q-10-70 40-130z"),
    "parcel": _box(100, 150, 200, 170)
    + _box(186, 150, 28, 170, "accent", 0)
    + _box(85, 130, 230, 40, "dark")
    + _line("M200 130q-70-70-80-10 10 20 80 10 70 10 80-10-10-60-80 10", 10, "accent"),
}
"""Type of product to its shape on a square of 400; `parcel` stands for what has no shape of its own."""


def picture(style: Style, type_: str, colour: str) -> str:
    """An SVG picture, 400 by 400, with presentation attributes only, so that a strict CSP draws it too."""
    motif = MOTIFS.get(style.name, "").format(motif=style.motif, accent=style.accent)
    glyph = GLYPHS.get(type_, GLYPHS["parcel"])
    shape = glyph.format(colour=colour, dark=_darker(colour), accent=style.accent, paper=style.paper)
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" width="400" height="400" viewBox="0 0 400 400">'
        f'<path d="M0 0h400v400H0z" fill="{style.paper}"/>{motif}'
        f'<ellipse cx="200" cy="332" rx="150" ry="14" opacity=".18"/>{shape}</svg>\n'
    )


def _darker(colour: str) -> str:
    parts = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return "#" + "".join(f"{int(part * 0.68):02x}" for part in parts)
