"""What a result's page says of findings: the one raised from it, and what may be done."""

from __future__ import annotations

from typing import Any

from photopeak_centre.checks.models import Result
from photopeak_centre.findings.life import finding_of
from photopeak_centre.findings.models import Finding


def of_result(person: Any, result: Result) -> dict[str, Any]:
    """Variables of the page. A person always decides: nothing is raised by itself."""
    stands = result.superseded_by_id is None and result.review != "rejected"
    known = finding_of(result)
    visible = known if known and Finding.objects.visible_to(person).filter(pk=known.pk).exists() else None
    return {
        "finding": visible,
        "may_raise": known is None and stands and result.outcome == "fail" and person.may("review"),
        "may_certify": stands
        and result.outcome == "pass"
        and result.review == "accepted"
        and result.device_id
        and person.may("notify"),
    }
