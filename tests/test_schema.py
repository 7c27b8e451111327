"""Settings are built from mappings with every problem found at once."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field, make_dataclass
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sinegan.game.optimisers import Optimiser
from sinegan.schema import Allowed, bounded, build, choice, nearest


@dataclass(frozen=True, kw_only=True)
class Shape(ABC):
    sides: int = bounded(3, at_least=0, at_most=9)

    @abstractmethod
    def area(self) -> float: ...


@dataclass(frozen=True, kw_only=True)
class Square(Shape):
    length: float = bounded(1.0, above=0)

    def area(self) -> float:
        return self.length**2


@dataclass(frozen=True, kw_only=True)
class Inner:
    widths: tuple[int, ...] = bounded((2, 3), at_least=1)
    colour: str = choice("red", "green", "blue")


@dataclass(frozen=True, kw_only=True)
class Outer:
    shape: Shape
    rate: float
    inner: Inner = field(default_factory=Inner)
    count: int = bounded(1, at_least=1)
    limit: float | None = bounded(None, above=0)
    verbose: bool = False
    low: float = 0.0
    high: float = 1.0

    def conflicts(self) -> Iterator[str]:
        if self.low > self.high:
            yield f"low = {self.low:g}: must be at most high"
        if self.count > 5 and self.verbose:
            yield f"count = {self.count}: too many to tell about"


def target(name: str) -> str:
    return f"{__name__}.{name}"


def values(**changes: Any) -> dict[str, Any]:
    return {"shape": {"_target_": target("Square")}, "rate": 0.5, **changes}


def built(**changes: Any) -> Outer:
    outer, problems = build(Outer, values(**changes))
    assert problems == []
    assert isinstance(outer, Outer)
    return outer


def refused(**changes: Any) -> list[str]:
    outer, problems = build(Outer, values(**changes))
    assert outer is None
    return problems


def one_problem(**changes: Any) -> str:
    (problem,) = refused(**changes)
    return problem


def test_a_mapping_becomes_an_object_with_its_defaults():
    assert built() == Outer(shape=Square(), rate=0.5)


def test_groups_and_lists_are_converted():
    outer = built(
        shape={"_target_": target("Square"), "length": 2, "sides": 4},
        inner={"widths": [4, 5, 6], "colour": "blue"},
    )
    assert outer.shape == Square(length=2.0, sides=4)
    assert outer.inner == Inner(widths=(4, 5, 6), colour="blue")


def test_an_empty_list_is_an_empty_tuple():
    assert built(inner={"widths": []}).inner.widths == ()


def test_a_whole_number_becomes_a_float_where_a_number_is_wanted():
    rate = built(rate=2).rate
    assert rate == 2
    assert type(rate) is float


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"rate": "fast"}, "rate = fast: must be a number"),
        ({"rate": None}, "rate = null: must be a number"),
        ({"rate": [1.0]}, "rate = [1.0]: must be a number"),
        ({"rate": True}, "rate = true: must be a number"),
        ({"count": 1.0}, "count = 1.0: must be a whole number at least 1; write 1"),
        ({"count": 1e4}, "count = 10000.0: must be a whole number at least 1; write 10000"),
        ({"count": 1.5}, "count = 1.5: must be a whole number at least 1"),
        ({"count": 1e300}, "count = 1e+300: must be a whole number at least 1"),
        ({"count": math.inf}, "count = inf: must be a whole number at least 1"),
        ({"count": True}, "count = true: must be a whole number at least 1"),
        ({"count": "7"}, "count = 7: must be a whole number at least 1"),
        ({"count": 0}, "count = 0: must be a whole number at least 1"),
        ({"verbose": 1}, "verbose = 1: must be true or false"),
        ({"verbose": "true"}, "verbose = true: must be true or false"),
        ({"limit": 0.0}, "limit = 0.0: must be a number above 0"),
        ({"limit": False}, "limit = false: must be a number above 0"),
        ({"inner": 7}, "inner = 7: must be a group of settings"),
        ({"inner": None}, "inner = null: must be a group of settings"),
        ({"inner": {"widths": 3}}, "inner.widths = 3: must be a list, each a whole number at least 1"),
        ({"inner": {"widths": "34"}}, "inner.widths = 34: must be a list, each a whole number at least 1"),
        (
            {"inner": {"widths": [3, 0]}},
            "inner.widths = [3, 0]: must be a list, each a whole number at least 1",
        ),
        (
            {"inner": {"widths": [3, True]}},
            "inner.widths = [3, True]: must be a list, each a whole number at least 1",
        ),
        (
            {"inner": {"colour": "gren"}},
            "inner.colour = gren: must be one of red, green, blue; did you mean green?",
        ),
        ({"inner": {"colour": "xyz"}}, "inner.colour = xyz: must be one of red, green, blue"),
        ({"inner": {"colour": 3}}, "inner.colour = 3: must be one of red, green, blue"),
        (
            {"shape": {"_target_": target("Square"), "sides": 10}},
            "shape.sides = 10: must be a whole number at least 0 and at most 9",
        ),
    ],
)
def test_a_wrong_value_is_named_with_its_key_and_what_is_allowed(changes, problem):
    assert one_problem(**changes) == problem


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_not_finite_are_refused(value):
    assert one_problem(rate=value) == f"rate = {value}: must be a number, and finite"


@pytest.mark.parametrize("digits", [13, 400, 5000])
def test_a_whole_number_above_a_trillion_is_refused_in_every_field(digits):
    problem = one_problem(count=10**digits)
    assert problem.startswith("count = ")
    assert problem.endswith(": must be a whole number at least 1 and at most 1000000000000")
    assert len(problem) < 200
    assert built(count=10**12).count == 10**12


def test_a_list_may_have_a_least_length():
    @dataclass(frozen=True, kw_only=True)
    class Several:
        numbers: tuple[float, ...] = bounded((1.0,), above=0, fewest=2)

    words = "must be a list of at least 2, each a number above 0"
    for wrong in ([], [1.0], [1.0, -1.0]):
        assert build(Several, {"numbers": wrong}, "few")[1] == [f"few.numbers = {wrong}: {words}"]
    assert build(Several, {"numbers": [1, 2]}, "few") == (Several(numbers=(1.0, 2.0)), [])


@dataclass(frozen=True, kw_only=True)
class Rectangle:
    width: float = 1.0
    height: float = bounded(None, above=0)

    def __post_init__(self) -> None:
        if self.height is None:
            object.__setattr__(self, "height", self.width)


def test_null_lets_a_class_derive_a_number_that_has_no_default() -> None:
    assert build(Rectangle, {"width": 2, "height": None}) == (Rectangle(width=2.0, height=2.0), [])
    assert build(Rectangle, {"width": None}) == (None, ["width = null: must be a number"])


def test_an_optional_number_may_be_null_or_a_number():
    assert built(limit=None).limit is None
    assert built(limit=2).limit == 2.0


@pytest.mark.parametrize("value", ["red", "green", "blue"])
def test_every_allowed_choice_is_accepted(value):
    assert built(inner={"colour": value}).inner.colour == value


def test_the_first_choice_is_the_default():
    assert Inner().colour == "red"


def test_an_unknown_key_is_answered_with_the_nearest():
    assert one_problem(cuont=3) == "cuont = 3: no such key; did you mean count?"


def test_an_unknown_key_with_none_near_is_answered_with_all_that_are_known():
    problem = one_problem(inner={"zzz": 3})
    assert problem == "inner.zzz = 3: no such key; known: widths, colour"


def test_a_missing_key_is_refused_with_what_to_set_it_to():
    outer, problems = build(Outer, {})
    assert outer is None
    assert problems == ["shape: missing; set it to Shape", "rate: missing; set it to a number"]


def test_a_long_value_is_shortened():
    problem = one_problem(rate="x" * 61)
    assert problem == f"rate = {'x' * 57}...: must be a number"
    assert "x" * 60 in one_problem(rate="x" * 60)


def test_all_problems_are_found_at_once():
    problems = refused(
        shape={"_target_": target("Square"), "length": -1.0, "lenght": 2},
        rate="fast",
        count=0,
        inner={"colour": "gren", "widths": [0]},
        verbos=True,
    )
    assert sorted(line.split(" = ")[0] for line in problems) == [
        "count",
        "inner.colour",
        "inner.widths",
        "rate",
        "shape.lenght",
        "shape.length",
        "verbos",
    ]


def test_a_target_that_cannot_be_imported_is_named():
    for path in ("nowhere.at.All", target("Nothing"), "Square", ""):
        problem = one_problem(shape={"_target_": path})
        assert problem.startswith(f"shape._target_ = {path}: cannot be imported (")


@pytest.mark.parametrize("name", ["Inner", "target", "math"])
def test_a_target_of_another_kind_is_refused(name):
    problem = one_problem(shape={"_target_": target(name)})
    assert problem == f"shape._target_ = {target(name)}: must be a dataclass derived from Shape"


def test_an_abstract_target_is_refused():
    problem = one_problem(shape={"_target_": target("Shape")})
    assert problem == f"shape._target_ = {target('Shape')}: is abstract; name a class that can be built"


def test_a_group_of_an_abstract_class_needs_a_target():
    assert one_problem(shape={"sides": 3}) == "shape._target_: missing; set it to the dotted path of a Shape"


def test_a_target_may_be_given_where_the_class_is_known():
    assert built(inner={"_target_": target("Inner"), "widths": [1]}).inner == Inner(widths=(1,))


def test_conflicts_are_all_reported():
    assert refused(low=2.0, count=6, verbose=True) == [
        "low = 2: must be at most high",
        "count = 6: too many to tell about",
    ]


def test_conflicts_of_a_group_bear_its_name():
    whole = make_dataclass("Whole", [("outer", Outer)], frozen=True)
    _, problems = build(whole, {"outer": values(low=2.0)})
    assert problems == ["outer.low = 2: must be at most high"]


def test_conflicts_are_checked_only_when_all_values_are_valid():
    assert one_problem(low=2.0, rate="fast") == "rate = fast: must be a number"


def test_a_value_that_is_no_mapping_is_refused_as_a_group():
    assert build(Outer, [1], "outer") == (None, ["outer = [1]: must be a group of settings"])


def test_the_nearest_word_is_offered_only_when_it_is_near():
    assert nearest("sien", ["sine", "square"]) == "; did you mean sine?"
    assert nearest("qqq", ["sine", "square"]) == ""
    assert nearest("sine", []) == ""


@pytest.mark.parametrize(
    ("allowed", "words"),
    [
        (Allowed(), ""),
        (Allowed(above=0), "above 0"),
        (Allowed(at_least=1, below=2.5), "at least 1 and below 2.5"),
        (Allowed(at_least=0, at_most=2**32 - 1), "at least 0 and at most 4294967295"),
        (Allowed(choices=("a", "b")), "one of a, b"),
    ],
)
def test_bounds_are_described_in_words(allowed, words):
    assert allowed.words() == words


numbers = st.floats(-1e6, 1e6)


@given(limits=st.tuples(numbers, numbers), open_below=st.booleans(), open_above=st.booleans(), data=st.data())
def test_exactly_the_numbers_in_bounds_are_accepted(limits, open_below, open_above, data):
    low, high = sorted(limits)
    bounds = {"above" if open_below else "at_least": low, "below" if open_above else "at_most": high}
    box = make_dataclass("Box", [("size", float, bounded(**bounds))], frozen=True)
    value = data.draw(st.one_of(numbers, st.floats(low, high), st.sampled_from([low, high])))
    inside = (low < value or (low == value and not open_below)) and (
        value < high or (value == high and not open_above)
    )
    built, problems = build(box, {"size": value}, "box")
    if inside:
        assert problems == []
        assert built.size == value
    else:
        assert built is None
        (problem,) = problems
        assert problem.startswith(f"box.size = {value}: must be a number ")


@given(low=st.integers(-(10**18), 10**18), room=st.integers(0, 100), value=st.integers(-(10**18), 10**18))
def test_exactly_the_whole_numbers_in_bounds_are_accepted(low, room, value):
    box = make_dataclass("Box", [("sizes", tuple[int, ...], bounded(at_least=low, at_most=low + room))])
    assert build(box, {"sizes": [low, low + room]})[0].sizes == (low, low + room)
    assume(not low <= value <= low + room)
    built, (problem,) = build(box, {"sizes": [low, value]})
    assert built is None
    assert problem.startswith(f"sizes = [{low}, {value}]: must be a list, each a whole number at least ")


@given(st.one_of(st.none(), st.booleans(), st.integers(), st.text(), st.lists(st.integers())))
def test_values_that_are_no_choice_are_refused(value):
    assume(value not in ("red", "green", "blue"))
    built, problems = build(Inner, {"colour": value})
    assert built is None
    assert len(problems) == 1


def test_a_number_beyond_all_floats_is_refused_like_any_other() -> None:
    built, problems = build(Optimiser, {"_target_": ADAM, "lr": 10**400}, "optim")
    assert built is None
    assert problems[0] == "optim.lr = about 1e400: must be a number above 0, and finite"
    assert "must be a number above 0" in problems[0]


def test_a_dotted_path_that_cannot_be_imported_is_refused() -> None:
    built, problems = build(Optimiser, {"_target_": "..foo"}, "optim")
    assert built is None
    assert problems[0].startswith("optim._target_ = ..foo: cannot be imported")


ADAM = "sinegan.game.optimisers.Adam"


@dataclass(frozen=True, kw_only=True)
class Drawing:
    shapes: tuple[Shape, ...] = ()


def square(**settings: Any) -> dict[str, Any]:
    return {"_target_": f"{__name__}.Square", **settings}


def test_named_groups_of_settings_become_a_tuple_in_the_order_of_their_names():
    assert build(Drawing, {"shapes": {"b": square(length=2.0), "a": square()}}) == (
        Drawing(shapes=(Square(), Square(length=2.0))),
        [],
    )
    assert build(Drawing, {"shapes": {}}) == (Drawing(), [])


def test_the_problems_of_all_named_groups_are_reported_with_their_names():
    assert build(Drawing, {"shapes": {"b": square(length=0), "a": square(size=1), "c": {}}}) == (
        None,
        [
            "shapes.a.size = 1: no such key; did you mean sides?",
            "shapes.b.length = 0: must be a number above 0",
            "shapes.c._target_: missing; set it to the dotted path of a Shape",
        ],
    )
    assert build(Drawing, {"shapes": 3}) == (None, ["shapes = 3: must be named groups of settings"])
