"""Ranks rise with the estimate, and nobody shares one with whom it is separated from."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from sinegan.report.referee.ranks import Place, in_order, places, with_inferred

PAIRS = list(itertools.combinations("abcdef", 2))


def test_who_is_separated_from_a_member_of_the_group_is_not_in_it() -> None:
    # c is separated from b alone, d from a alone, and e from none of those before it but d.
    found = places("abcde", [("b", "c"), ("a", "d"), ("d", "e")])
    assert found == {
        "a": Place(1, 1),
        "b": Place(1, 1),
        "c": Place(3, 2),
        "d": Place(3, 2),
        "e": Place(5, 3),
    }


def test_without_separation_all_share_the_first_rank_and_nobody_has_no_place() -> None:
    assert places("ba", []) == {"b": Place(1, 1), "a": Place(1, 1)}
    assert places("", []) == {}


def test_where_only_the_best_was_compared_the_rest_is_one_group() -> None:
    found = places("abcd", [("a", "c"), ("a", "d")])
    assert [place.rank for place in found.values()] == [1, 1, 3, 3]


@given(st.sets(st.sampled_from(PAIRS)))
def test_places_keep_the_order_and_the_separations(apart: set[tuple[str, str]]) -> None:
    found = places("abcdef", apart)
    assert list(found) == list("abcdef")
    for number, (before, after) in enumerate(itertools.pairwise(found.values()), start=2):
        assert after in (before, Place(number, before.group + 1))
    assert all(found[better].rank < found[worse].rank for better, worse in apart)
    starts = [name for name, place in found.items() if place.rank == "abcdef".index(name) + 1]
    for name in starts[1:]:  # no group begins without a reason
        group = [other for other in found if found[other].group == found[name].group - 1]
        assert any((better, name) in apart for better in group)


def test_better_follows_over_those_that_were_compared_with_both() -> None:
    assert with_inferred([("a", "b"), ("b", "c"), ("c", "d")], []) == set(itertools.combinations("abcd", 2))


def test_a_verdict_of_its_own_holds_against_what_follows() -> None:
    separated, compared = [("a", "b"), ("b", "c")], [("a", "b"), ("b", "c"), ("c", "a")]
    assert with_inferred(separated, compared) == set(separated)


def test_nothing_follows_from_claims_that_contradict_one_another() -> None:
    assert with_inferred([("a", "b"), ("b", "c"), ("c", "a"), ("b", "a")], []) == {
        ("a", "b"),
        ("b", "c"),
        ("c", "a"),
        ("b", "a"),
    }


def test_nobody_stands_before_one_that_is_better() -> None:
    # c has the best estimate, from the few seeds after which b dropped it; a beat b later.
    assert in_order("cab", with_inferred([("b", "c"), ("a", "b")], [])) == ["a", "b", "c"]
    assert in_order("cabd", [("b", "c")]) == ["a", "b", "c", "d"]


def test_where_claims_contradict_one_another_the_estimate_decides() -> None:
    assert in_order("abc", [("b", "a"), ("c", "b"), ("a", "c")]) == ["a", "c", "b"]


@given(st.permutations("abcdef"), st.sets(st.sampled_from(PAIRS)))
def test_the_order_is_whole_and_keeps_that_of_the_estimates_where_it_may(
    names: list[str], better: set[tuple[str, str]]
) -> None:
    ordered = in_order(names, better)  # PAIRS hold no cycle
    place = {name: index for index, name in enumerate(ordered)}
    assert sorted(ordered) == sorted(names)
    assert all(place[a] < place[b] for a, b in better)
    if all(names.index(a) < names.index(b) for a, b in better):
        assert ordered == names
