from __future__ import annotations

from xml.etree import ElementTree

from demo_shop.catalogue import CATEGORY_OF, ROOMS, STYLES, TYPES, articles
from demo_shop.drawing import COLOURS, GLYPHS, MOTIFS, picture


def test_the_catalogue_is_large_and_no_two_products_share_a_name() -> None:
    names = [article.name for article in articles()]
    assert len(names) == len(set(names)) >= 1_500


def test_the_catalogue_is_the_same_at_every_run() -> None:
    assert list(articles()) == list(articles())


def test_every_type_stands_in_exactly_one_room() -> None:
    assert sorted(type_ for room in ROOMS for type_ in room) == sorted(TYPES)


def test_almost_everything_is_in_stock_but_not_everything() -> None:
    sold_out = sum(article.stock == 0 for article in articles())
    assert 10 < sold_out < 80


def test_every_product_has_a_shape_a_background_and_a_colour_of_its_own() -> None:
    assert set(TYPES) <= set(GLYPHS)
    assert {style.name for style in STYLES} == set(MOTIFS)
    drawings = {picture(article.style, article.type, COLOURS[article.material]) for article in articles()}
    assert len(drawings) == len(list(articles()))


def test_pictures_are_xml_that_a_strict_content_policy_allows() -> None:
    for style in STYLES:
        for type_ in CATEGORY_OF:
            root = ElementTree.fromstring(picture(style, type_, "#c89b5f"))
            assert root.tag.endswith("svg")
            assert not [part for part in root.iter() if "style" in part.attrib or part.tag.endswith("style")]
