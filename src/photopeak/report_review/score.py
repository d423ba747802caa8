"""Score, completeness and grade of a report, and the rates of its elements.

The weights come from the packs and are a proposal; the centre's expert committee may give its own. A critical contradiction that a person has
confirmed caps the grade; nothing the machine alone found does.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from photopeak.proportion import Rate, rate
from photopeak.report_review.contradictions import Defect
from photopeak.report_review.elements import Element
from photopeak.words import Words

WORTH = {"present": 1.0, "partial": 0.5, "absent": 0.0}
GRADES = (Words("excellent", "优"), Words("good", "良"), Words("acceptable", "合格"), Words("not acceptable", "不合格"))
GRADE_FROM = (90.0, 80.0, 60.0, 0.0)  # proposal, to be settled by the committee


def score(elements: Iterable[Element], weights: Mapping[str, float] | None = None) -> float | None:
    """Weighted share (0-100) over the elements that apply and can be assessed; None where none can. Needs O are left out."""
    pairs = [(_weight(one, weights), WORTH[one.status]) for one in elements if one.status in WORTH and one.need != "O"]
    total = sum(weight for weight, _ in pairs)
    return 100 * sum(weight * worth for weight, worth in pairs) / total if total > 0 else None


def _weight(one: Element, weights: Mapping[str, float] | None) -> float:
    return one.weight if weights is None else float(weights.get(one.element, one.weight))


def completeness(elements: Iterable[Element], *, national: bool = False) -> Rate:
    """Elements that are present, of those that apply and can be assessed: of the packs, or of the national list alone."""
    judged = [
        one for one in elements if one.status in WORTH and one.need != "O" and (one.national if national else one.weight > 0)
    ]
    return rate(sum(one.status == "present" for one in judged), len(judged))


def grade(points: float, confirmed: Iterable[Defect] = ()) -> Words:
    """The grade of a score; a confirmed critical contradiction makes it not acceptable, a major one at best acceptable."""
    return grade_of(points, {one.severity for one in confirmed if not one.hint})


def grade_of(points: float, severities: Collection[str]) -> Words:
    """The grade of a score with confirmed contradictions of these severities."""
    place = next(number for number, least in enumerate(GRADE_FROM) if points >= least)
    if "critical" in severities:
        return GRADES[3]
    return GRADES[max(place, 2)] if "major" in severities else GRADES[place]


def element_rates(reports: Iterable[Iterable[Element]]) -> dict[str, Rate]:
    """Per element, how often it is present among the reports where it applies and can be assessed."""
    counts: dict[str, list[int]] = {}
    for elements in reports:
        for one in elements:
            if one.status in WORTH:
                pair = counts.setdefault(one.element, [0, 0])
                pair[0] += one.status == "present"
                pair[1] += 1
    return {name: rate(present, total) for name, (present, total) in sorted(counts.items())}


#: Element rates of the NOPR audit (%), to stand beside a hospital's own: Coleman et al., J Nucl Med 2010;51:158-163.
PUBLISHED_RATES = {
    "uptake_time": 51.7,
    "range": 91.6,
    "comparison_pet": 30.3,
    "comparison_other": 45.8,
    "lesion_location": 97.0,
    "lesion_intensity": 72.4,
    "ct_correlation": 90.5,
    "incidental_ct": 63.1,
    "answers_question": 55.6,
    "interpretation": 86.8,
}
