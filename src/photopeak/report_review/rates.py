"""Element rates of each hospital with Wilson intervals, beside the published ones, and the national indicator NM-07; as a workbook."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from photopeak.proportion import Rate, binomial_p, discoveries, funnel_limits, rate
from photopeak.report_review.score import PUBLISHED_RATES, WORTH
from photopeak.words import Language

NATIONAL_KINDS = ("FDG_PETCT", "PSMA_PETCT", "PETCT")
UNNAMED = "（未注明医院）"
FEWEST = 10  # reports of an element below which a hospital is not set apart


@dataclass(slots=True)
class HospitalRates:
    """Counts of one hospital: of each element [present, assessed], of NM-07 and of defects by code."""

    reports: int = 0
    elements: dict[str, list[int]] = field(default_factory=dict)
    complete: int = 0
    national: int = 0
    defects: Counter[str] = field(default_factory=Counter)

    def rates(self) -> dict[str, Rate]:
        return {name: rate(*pair) for name, pair in sorted(self.elements.items())}

    def nm_07(self) -> Rate:
        """PET/CT reports with all national elements that apply and can be assessed from text, of all PET/CT reports (provisional)."""
        return rate(self.complete, self.national)


@dataclass(slots=True)
class Region:
    """All hospitals, and the names of the elements in both languages."""

    hospitals: dict[str, HospitalRates] = field(default_factory=dict)
    names: dict[str, tuple[str, str]] = field(default_factory=dict)

    def total(self) -> HospitalRates:
        whole = HospitalRates()
        for one in self.hospitals.values():
            whole.reports, whole.complete, whole.national = (
                whole.reports + one.reports,
                whole.complete + one.complete,
                whole.national + one.national,
            )
            whole.defects += one.defects
            for name, pair in one.elements.items():
                own = whole.elements.setdefault(name, [0, 0])
                own[0], own[1] = own[0] + pair[0], own[1] + pair[1]
        return whole

    def standing_out(self) -> dict[tuple[str, str], str]:
        """(hospital, element) whose rate differs from the region's after Benjamini-Hochberg at 5 %: "below" or "above"."""
        whole = self.total().elements
        tests: dict[str, float] = {}
        for hospital, one in self.hospitals.items():
            for name, (present, assessed) in one.elements.items():
                target = whole[name][0] / whole[name][1]
                if assessed >= FEWEST and 0 < target < 1:
                    tests[f"{hospital}\n{name}"] = binomial_p(present, assessed, target)
        found = {}
        for key in discoveries(tests):
            hospital, name = key.split("\n")
            present, assessed = self.hospitals[hospital].elements[name]
            low, _ = funnel_limits(whole[name][0] / whole[name][1], assessed)
            found[hospital, name] = "below" if present / assessed < low else "above"
        return found


def region(reports: Iterable[Mapping[str, Any]], confirmed: Mapping[tuple[str, str], bool] | None = None) -> Region:
    """Rates over the lines of a run. `confirmed` {(report, element): really absent}: a person's word on an element found absent or doubted."""
    found = Region()
    for report in reports:
        own = found.hospitals.setdefault(report["hospital"] or UNNAMED, HospitalRates())
        own.reports += 1
        own.defects.update({defect["code"] for defect in report["defects"]})
        statuses = {}
        for element in report["elements"]:
            found.names[element["element"]] = (element["zh"], element["en"])
            status = element["status"]
            said = (confirmed or {}).get((report["report"], element["element"]))
            if status == "absent" and said is False:
                status = "present"
            elif status == "not_assessable" and said is not None:  # a person has looked at what was doubted
                status = "absent" if said else "present"
            if status in WORTH:
                pair = own.elements.setdefault(element["element"], [0, 0])
                pair[0], pair[1] = pair[0] + (status == "present"), pair[1] + 1
                if element["national"]:
                    statuses[element["element"]] = status
        if report["report_type"] in NATIONAL_KINDS and statuses:
            own.national += 1
            own.complete += all(status == "present" for status in statuses.values())
    return found


HEADS: dict[str, tuple[str, ...]] = {
    "zh": ("医院", "要素", "有", "可判断", "率 %", "95% 下限", "95% 上限", "文献 %（NOPR 2010）", "与区域比较"),
    "en": (
        "hospital",
        "element",
        "present",
        "assessed",
        "rate %",
        "95 % from",
        "95 % to",
        "published % (NOPR 2010)",
        "against the region",
    ),
}
AGAINST = {"below": ("低于", "below"), "above": ("高于", "above")}


def workbook(found: Region, language: Language = "zh") -> bytes:
    """The region's table as XLSX: one sheet of element rates, one of NM-07 and defects."""
    import xlsxwriter  # type: ignore[import-untyped]

    content = io.BytesIO()
    chinese = language == "zh"
    with xlsxwriter.Workbook(content, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}) as book:
        bold, one_place = book.add_format({"bold": True, "text_wrap": True}), book.add_format({"num_format": "0.0"})
        sheet = book.add_worksheet("要素率" if chinese else "element rates")
        sheet.write_row(0, 0, HEADS[language], bold)
        outside, line = found.standing_out(), 0
        everyone = {**dict(sorted(found.hospitals.items())), ("区域合计" if chinese else "region"): found.total()}
        for hospital, own in everyone.items():
            for name, value in own.rates().items():
                line += 1
                against = AGAINST.get(outside.get((hospital, name), ""), ("", ""))[0 if chinese else 1]
                sheet.write_row(line, 0, (hospital, found.names[name][0 if chinese else 1], value.count, value.total))
                sheet.write_row(line, 4, (value.percent, value.lower, value.upper), one_place)
                if name in PUBLISHED_RATES:
                    sheet.write_number(line, 7, PUBLISHED_RATES[name], one_place)
                sheet.write_string(line, 8, against)
        sheet.set_column(0, 1, 26)
        sheet.freeze_panes(1, 0)
        sheet.autofilter(0, 0, max(1, line), 8)
        _indicators(book, everyone, chinese, bold, one_place)
    return content.getvalue()


def _indicators(book: Any, everyone: Mapping[str, HospitalRates], chinese: bool, bold: Any, one_place: Any) -> None:
    sheet = book.add_worksheet("NM-07")
    codes = sorted({code for one in everyone.values() for code in one.defects})
    heads = ("医院", "报告数", "PET/CT 报告", "要素齐全", "NM-07 %（暂定）", "95% 下限", "95% 上限") if chinese else (
        "hospital", "reports", "PET/CT reports", "complete", "NM-07 % (provisional)", "95 % from", "95 % to")  # fmt: skip
    sheet.write_row(0, 0, (*heads, *codes), bold)
    for line, (hospital, own) in enumerate(everyone.items(), 1):
        value = own.nm_07()
        sheet.write_row(line, 0, (hospital, own.reports, value.total, value.count))
        if value.percent is not None:
            sheet.write_row(line, 4, (value.percent, value.lower, value.upper), one_place)
        sheet.write_row(line, 7, [own.defects[code] for code in codes])
    sheet.set_column(0, 0, 26)
