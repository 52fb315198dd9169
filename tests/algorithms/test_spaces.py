"""What may be searched: values inside and outside, and that every algorithm accepts what it names."""

from __future__ import annotations

from inspect import signature

import pytest

from shop_recs.algorithms.spaces import Between, OneOf
from shop_recs.conf import Defaults
from shop_recs.registry import recommender


def test_whole_numbers_are_meant_where_both_ends_are_whole():
    assert 3 in Between(1, 5)
    assert 3.5 not in Between(1, 5)
    assert 3.5 in Between(1.0, 5)
    assert None not in Between(1, 5)
    assert True not in Between(1, 5)
    assert 6 not in Between(1, 5)


def test_a_choice_may_leave_it_to_the_algorithm():
    assert None in OneOf((None, 0.5))
    assert 0.4 not in OneOf((None, 0.5))


@pytest.mark.training
@pytest.mark.parametrize("name", Defaults.ALGORITHMS)
def test_an_algorithm_accepts_whatever_it_names_for_the_search(name):
    backend = type(recommender(name))
    options = signature(backend).parameters
    for option, where in backend.space.items():
        values = where.values if isinstance(where, OneOf) else (where.low, where.high)
        for value in values:
            backend(**{option: value})
        default = options[option].default
        assert default in where or default is None, f"{option} is {default} but searched in {where}"
