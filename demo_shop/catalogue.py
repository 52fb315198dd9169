"""What the demo shop sells: every style in every type of product in every material, with words and prices."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product


@dataclass(frozen=True, slots=True)
class Style:
    """A taste: the colours of its pictures and the words of its descriptions."""

    name: str
    paper: str
    motif: str
    accent: str
    words: str


STYLES = (
    Style("Nordic", "#e8f0f4", "#cfdfe8", "#4f7f99", "Pale, calm and made for long winters"),
    Style("Industrial", "#4a4f55", "#5b6168", "#e0913a", "Rivets, raw edges and honest wear"),
    Style("Bohemian", "#f7e3d4", "#efc9ac", "#b4532a", "Layered, colourful and a little wild"),
    Style("Japandi", "#efe9df", "#e0d5c3", "#7a6a55", "Quiet lines, nothing that is not needed"),
    Style("Mid-century", "#f6e7b8", "#efd58a", "#1f7a74", "Straight from 1958, optimistic as ever"),
    Style("Art Deco", "#1f2d4a", "#2c3f66", "#d9b45b", "Symmetry, shine and a taste of jazz"),
    Style("Farmhouse", "#e6eedd", "#cfdfc0", "#5d7f45", "Scrubbed, sturdy and good for a century"),
    Style("Coastal", "#dff2f4", "#bfe3e8", "#2b8fa3", "Salt air, bleached boards and blue"),
    Style("Victorian", "#e9d9e0", "#d8bccb", "#7d2f55", "Turned, carved and proud of it"),
    Style("Memphis", "#ffe4ef", "#ffd34d", "#e0358b", "Loud shapes that refuse to match"),
)

CATEGORIES = {
    "Lighting": {
        "desk lamp": 60,
        "floor lamp": 140,
        "pendant lamp": 110,
        "table lamp": 75,
        "lantern": 35,
    },
    "Seating": {"armchair": 420, "sofa": 1150, "dining chair": 130, "desk chair": 190, "bench": 210},
    "Tables": {
        "coffee table": 240,
        "dining table": 780,
        "desk": 390,
        "bedside table": 120,
        "console table": 260,
    },
    "Storage": {"bookcase": 340, "dresser": 460, "wall shelf": 70, "basket": 30, "coat stand": 95},
    "Textiles": {"cushion": 25, "throw": 55, "rug": 230, "tablecloth": 40, "curtain": 65},
    "Tableware": {"mug": 14, "plate set": 60, "carafe": 32, "bowl": 22, "vase": 38},
}
"""Category to type of product to a usual price."""

MATERIALS = {
    "Lighting": ("oak", "brass", "steel", "ceramic", "glass", "rattan"),
    "Seating": ("oak", "walnut", "leather", "velvet", "linen", "rattan"),
    "Tables": ("oak", "walnut", "marble", "glass", "steel", "bamboo"),
    "Storage": ("oak", "walnut", "steel", "rattan", "bamboo", "pine"),
    "Textiles": ("linen", "wool", "cotton", "velvet", "jute", "silk"),
    "Tableware": ("stoneware", "porcelain", "glass", "enamel", "copper", "bamboo"),
}

ROOMS = (
    ("sofa", "coffee table", "rug", "floor lamp", "cushion", "throw", "armchair", "bookcase", "curtain"),
    ("dining table", "dining chair", "pendant lamp", "tablecloth", "plate set", "bowl", "carafe", "mug"),
    ("desk", "desk chair", "desk lamp", "wall shelf"),
    ("bedside table", "table lamp", "dresser", "basket"),
    ("console table", "coat stand", "bench", "lantern", "vase"),
)
"""Types that furnish a room, in the order in which people buy them."""

TYPES = tuple(name for types in CATEGORIES.values() for name in types)
CATEGORY_OF = {name: category for category, types in CATEGORIES.items() for name in types}
MATERIALS_PER_TYPE = 6

_PRICE_FACTORS = {"marble": 1.6, "walnut": 1.3, "leather": 1.4, "silk": 1.5, "velvet": 1.2, "pine": 0.8}


@dataclass(frozen=True, slots=True)
class Article:
    """A product before it is in the database; its place in `articles()` says which style and type it is."""

    style: Style
    type: str
    material: str
    price: float
    stock: int

    @property
    def name(self) -> str:
        """Such as "Nordic oak desk lamp"."""
        return f"{self.style.name} {self.material} {self.type}"

    @property
    def description(self) -> str:
        """Two sentences about the style and the material."""
        return f"{self.style.words}. This {self.type} is made of {self.material} and ships in three days."


def articles(*, styles: int = len(STYLES)) -> Iterator[Article]:
    """The catalogue of the first `styles` styles: style by style, type by type, material by material."""
    dice = random.Random(0)
    for style, (category, types) in product(STYLES[:styles], CATEGORIES.items()):
        for type_, material in product(types, MATERIALS[category]):
            price = types[type_] * _PRICE_FACTORS.get(material, 1.0) * dice.uniform(0.8, 1.3)
            # A few are sold out, so that one sees that nobody is recommended what cannot be bought.
            stock = 0 if dice.random() < 0.02 else dice.randint(3, 60)
            yield Article(style, type_, material, max(round(price) - 0.1, 4.9), stock)
