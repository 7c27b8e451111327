"""Any long table of scores is judged: its columns are checked, and its runs are what a sweep's are."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_rel

import sinegan
from sinegan.report.scores import Columns, Scores, UnreadableScoresError, read_scores, scores_of

COLUMNS = Columns("method", "seed", "score")


def table_of(values: dict[str, list[float]], **more: str) -> pd.DataFrame:
    """A long table: the values of each method, by their seeds 0, 1, …"""
    rows = [(name, seed, value) for name, runs in values.items() for seed, value in enumerate(runs)]
    return pd.DataFrame(rows, columns=["method", "seed", "score"]).assign(**more)


CLEAR = table_of({"slow": [4.0, 4.4, 4.2, 3.9, 4.1], "fast": [1.0, 1.1, 1.05, 0.98, 1.02]})


def judge(table: pd.DataFrame, columns: Columns = COLUMNS, more_is_better: bool = False) -> Scores:
    return scores_of(table, columns, more_is_better)


def test_the_lower_score_is_better_and_its_ratio_is_that_of_geometric_means() -> None:
    (row,) = judge(CLEAR).comparisons.to_dict("records")
    means = {name: np.exp(np.log(group).mean()) for name, group in CLEAR.groupby("method")["score"]}
    assert (row["a"], row["b"], row["verdict"], row["n"]) == ("fast", "slow", "better", 5)
    assert row["ratio"] == pytest.approx(means["fast"] / means["slow"])
    assert row["low"] < row["ratio"] < row["high"] < 1
    logs = [np.log(CLEAR["score"][CLEAR["method"] == name].to_numpy()) for name in ("fast", "slow")]
    low, high = ttest_rel(*logs).confidence_interval()
    assert (row["low"], row["high"]) == pytest.approx((np.exp(low), np.exp(high)), rel=1e-4)
    times = [f"{1 / value:.2f}" for value in (row["ratio"], np.exp(high), np.exp(low))]
    assert judge(CLEAR).answer == [
        "At 5 seeds, fast is better than slow: "
        f"its score is {times[0]} times lower (95 % interval {times[1]} to {times[2]})."
    ]
    assert times == ["4.00", "3.98", "4.02"]


def test_the_higher_score_is_better_where_more_is() -> None:
    scores = judge(CLEAR, more_is_better=True)
    (row,) = scores.comparisons.to_dict("records")
    assert (row["a"], row["b"], row["verdict"]) == ("slow", "fast", "better")
    assert 1 < row["low"] < row["ratio"] < row["high"]
    assert scores.configurations.set_index("configuration")["rank"].to_dict() == {"slow": 1, "fast": 2}
    assert "4.00 times higher (95 % interval 3.98 to 4.02)" in scores.answer[0]


def test_more_is_better_mirrors_the_verdicts_of_negated_values() -> None:
    rng = np.random.default_rng(5)
    table = table_of(
        {name: (rng.normal(size=6) + shift).tolist() for name, shift in (("a", 0), ("b", 3), ("c", 5))}
    )
    less = judge(table.assign(score=-table["score"])).comparisons
    more = judge(table, more_is_better=True).comparisons
    for column in ("a", "b", "verdict", "p_corrected", "improvement"):
        assert less[column].tolist() == more[column].tolist()
    assert more["difference"].tolist() == pytest.approx((-less["difference"]).tolist())
    assert more["difference_low"].tolist() == pytest.approx((-less["difference_high"]).tolist())


def test_a_run_without_a_number_is_a_lost_one_whichever_way_is_better() -> None:
    values = {"safe": [1.0, 1.1, 1.05, 0.98, 1.02], "flaky": [1.0, math.nan, math.inf, math.nan, 1.0]}
    for more_is_better in (False, True):
        configurations = judge(table_of(values), more_is_better=more_is_better).configurations
        by_name = configurations.set_index("configuration")
        assert by_name["lost"].to_dict() == {"safe": 0, "flaky": 3}
        assert by_name["n"].to_dict() == {"safe": 5, "flaky": 2}
        assert pd.isna(by_name["rank"]["flaky"])  # it lost half of its runs
        assert "were lost" in judge(table_of(values), more_is_better=more_is_better).answer[0]


def test_problems_are_judged_apart_and_corrected_as_one_family() -> None:
    one = CLEAR.assign(dataset="one")
    both = pd.concat([one, one.assign(dataset="two", score=one["score"] * 100)])
    scores = judge(both, Columns("method", "seed", "score", "dataset"))
    alone = judge(CLEAR).comparisons["p_corrected"][0]
    assert scores.comparisons["problem"].tolist() == ["one", "two"]
    assert scores.comparisons["p_corrected"].tolist() == pytest.approx([2 * alone] * 2)
    assert scores.configurations["rank"].tolist() == [2, 1, 2, 1]
    assert [sentence.split(":")[0] for sentence in scores.answer] == [
        "At 5 seeds, fast is better than slow on one",
        "At 5 seeds, fast is better than slow on two",
    ]


def test_seeds_pair_the_runs_whatever_they_are_called_and_wherever_they_stand() -> None:
    rng = np.random.default_rng(2)
    common = rng.normal(size=6)
    table = table_of(
        {"a": np.exp(common).tolist(), "b": np.exp(common + 0.1 + 0.01 * rng.normal(size=6)).tolist()}
    )
    renamed = table.assign(seed=["run " + str(seed) for seed in table["seed"]]).sample(frac=1, random_state=0)
    assert judge(table).comparisons["verdict"].tolist() == ["better"]
    rows = judge(renamed).comparisons
    assert rows["p"].tolist() == pytest.approx(judge(table).comparisons["p"].tolist())


def test_the_public_function_takes_a_table_and_names_its_columns() -> None:
    table = CLEAR.rename(columns={"method": "model", "seed": "fold", "score": "loss"})
    rows = sinegan.compare(table, "loss", configuration="model", seed="fold")
    assert rows[["a", "b", "verdict"]].values.tolist() == [["fast", "slow", "better"]]
    assert rows["p"].tolist() == judge(CLEAR).comparisons["p"].tolist()


@pytest.mark.parametrize(
    ("table", "columns", "message"),
    [
        (CLEAR, Columns("metod", "seed", "score"), "column metod: is not there; did you mean method?"),
        (CLEAR, Columns("method", "seed", "method"), "give each another column"),
        (CLEAR.head(0), COLUMNS, "the table has no rows"),
        (CLEAR.assign(score="good"), COLUMNS, "column score: must hold numbers, not 'good'"),
        (CLEAR.assign(seed=0), COLUMNS, "method=slow, seed=0: is given more than once"),
        (CLEAR.assign(method=["slow", None] + ["fast"] * 8), COLUMNS, "column method: is empty in line 3"),
    ],
)
def test_an_unusable_table_is_refused(table: pd.DataFrame, columns: Columns, message: str) -> None:
    with pytest.raises(UnreadableScoresError, match=r"column|table|method") as refused:
        judge(table, columns)
    assert message in str(refused.value)


@pytest.mark.parametrize("content", [b"", b'a,b\n"x', b"\xff\xfe\x00\x01", None])
def test_an_unreadable_file_is_refused_with_its_name(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UnreadableScoresError, match=r"scores\.csv: (cannot be read|must be a CSV file)"):
        read_scores(path)


def test_scores_by_algorithm_and_task_as_rliable_takes_them_are_judged() -> None:
    """Its users have `{algorithm: array of (runs, tasks)}`; a long table of it is one expression."""
    rng = np.random.default_rng(1)
    tasks = ["Alien", "Amidar", "Assault"]
    scores = {"DER": rng.gamma(4, 1, (5, 3)), "DrQ": 3 * rng.gamma(40, 0.1, (5, 3))}
    table = pd.concat(
        pd.DataFrame(runs, columns=tasks).rename_axis("seed").reset_index().assign(algorithm=name)
        for name, runs in scores.items()
    ).melt(["algorithm", "seed"], var_name="task", value_name="score")
    rows = sinegan.compare(table, configuration="algorithm", problem="task", more_is_better=True)
    assert rows["problem"].tolist() == tasks
    assert set(rows["a"]) == {"DrQ"}
    improvement = [
        np.mean([x > y for x in scores["DrQ"][:, task] for y in scores["DER"][:, task]]) for task in range(3)
    ]
    assert rows["improvement"].tolist() == pytest.approx(improvement)  # rliable's probability of improvement
