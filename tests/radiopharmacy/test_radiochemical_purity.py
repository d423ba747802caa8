"""Radiochemical purity: the published value, strips with known shares and Poisson counts, refusals."""

import numpy as np
import pytest

from photopeak.criterion import parse_criteria
from photopeak.procedure import Refused
from photopeak.radiopharmacy.radiochemical_purity import accepts, radiochemical_purity
from photopeak.verdict import judge

PHARMACOPOEIA = 'standard="x"\nread_by=["t"]\n[[limit]]\nquantity="radiochemical_purity"\nunit="%"\nstage="status"\nlower=91.0\ncoverage=0.0\n'


def purity(result):
    return next(one for one in result.measurements if one.quantity.name == "radiochemical_purity")


def test_the_published_value_of_two_systems(therapy_example, rows_table):
    for case in therapy_example("ga68_rcp_formula")["cases"]:
        found = purity(radiochemical_purity(rows_table(case["inputs"])))
        assert found.value == pytest.approx(case["expected"]["rcp_pct"], abs=case["tolerance"])
        assert found.value == pytest.approx(case["published"], abs=case["tolerance"])
        outcome = judge([found], parse_criteria(PHARMACOPOEIA, "x.toml"))[0].outcome
        assert outcome == case["expected"]["verdict"]


def test_the_shares_of_a_strip_are_those_it_was_made_with(rows_table):
    rows = [("free", 300, "MDP"), ("product", 9500, "MDP"), ("colloid", 200, "MDP")]
    result = radiochemical_purity(rows_table(*({"component": c, "counts": n, "tracer": t} for c, n, t in rows)))
    assert purity(result).value == pytest.approx(95.0)
    assert purity(result).where == {"tracer": "99mTc-MDP"}
    shares = {one.where["component"]: one.value for one in result.measurements if "component" in one.where}
    assert shares == pytest.approx({"free": 3.0, "product": 95.0, "colloid": 2.0})


@pytest.mark.parametrize("draws", [300, pytest.param(2000, marks=pytest.mark.full)])
def test_the_true_purity_lies_within_two_uncertainties_in_about_95_percent(rows_table, draws):
    rng, inside, errors = np.random.default_rng(8), 0, []
    true = np.array([0.95, 0.03, 0.02])
    for _ in range(draws):
        counts = rng.poisson(20000 * true + 100)
        row = {"component": ["product", "free", "colloid"], "counts": list(counts), "background_counts": 100}
        rows = [{"component": c, "counts": int(n), "background_counts": 100} for c, n in zip(row["component"], counts)]
        found = purity(radiochemical_purity(rows_table(*rows)))
        errors.append(found.value - 95.0)
        inside += abs(found.value - 95.0) <= 2 * found.uncertainty
    assert abs(np.mean(errors)) < 3 * np.std(errors) / np.sqrt(draws)
    assert 0.93 <= inside / draws <= 0.985


def test_impurities_of_two_strips_are_subtracted(rows_table):
    found = purity(radiochemical_purity(rows_table({"free_percent": 2.5, "hydrolysed_percent": 1.5, "tracer": "MIBI"})))
    assert found.value == pytest.approx(96.0)


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        ([{"component": "product", "counts": 0}, {"component": "free", "counts": 0}], "no_counts"),
        ([{"component": "a", "counts": 5}, {"component": "b", "counts": 5}], "no_product"),
        ([{"a_pct": 120, "t": 0.9}], "impossible_value"),
        ([{"a_pct": 1}], "input_missing"),
        ([{"free_percent": 80, "hydrolysed_percent": 40}], "impossible_value"),
    ],
)
def test_impossible_strips_are_refused(rows_table, rows, code):
    with pytest.raises(Refused) as refused:
        radiochemical_purity(rows_table(*rows))
    assert refused.value.code == code
    assert refused.value.words.zh


def test_only_chromatography_is_accepted_and_it_is_drawn(rows_table):
    assert accepts(rows_table({"A_pct": 1, "T": 0.9})) is None
    assert accepts(rows_table({"counts": 1})) is not None
    rows = [{"component": c, "counts": n} for c, n in (("product", 90), ("free", 10))]
    result = radiochemical_purity(rows_table(*rows))
    assert len(result.figures()) == 2
    assert "few_counts" in {one.code for one in result.remarks}
