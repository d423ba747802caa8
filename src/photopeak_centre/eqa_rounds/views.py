"""Rounds of external quality assessment: list, one round, the laboratory's own results, taking in a closed round."""

from __future__ import annotations

import csv
import io
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from photopeak.immunoassay.scheme import SchemeError
from photopeak.procedure import Refused
from photopeak.proportion import rate
from photopeak.table import TableError
from photopeak_centre.eqa_rounds.keeping import UnknownLaboratory, keep_round
from photopeak_centre.eqa_rounds.models import Round, Score
from photopeak_centre.hospitals.models import Organisation
from photopeak_centre.routes import getter, route
from photopeak_centre.said import in_words, now_said, said

LARGEST = 4 * 2**20


@getter("eqa_round")
def get_eqa_round_for(person: Any, id: int) -> Round:
    """Rounds belong to no hospital; who keeps rounds sees them, and their laboratories only where all hospitals are in reach."""
    from django.http import Http404
    from django.shortcuts import get_object_or_404

    if not person.may("eqa") or id > 2**62:
        raise Http404
    return get_object_or_404(Round, pk=id)


class RoundForm(forms.Form):
    """A closed round: the frozen scheme, the table that `photopeak eqa collect` wrote, and whose code is whose."""

    scheme = forms.FileField(label=said("scheme.toml, as it was frozen", "冻结的方案文件 scheme.toml"))
    results = forms.FileField(label=said("results.csv of all laboratories", "汇总结果 results.csv"))
    key = forms.FileField(label=said("key.csv: code, hospital", "对照表 key.csv：代码,医院名称"))
    closed_on = forms.DateField(label=said("closed on, as 2026-05-22", "截止日期，如 2026-05-22"))

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        for name in ("scheme", "results", "key"):
            if name in given and given[name].size > LARGEST:
                self.add_error(name, now_said("The file is too large.", "文件过大。"))
        return given


@route(exempt="rounds name no laboratory; a round is taken in by who sees all hospitals", methods="GET POST", act="eqa")
def eqa_rounds(request: HttpRequest) -> HttpResponse:
    person: Any = request.user
    may_take = person.reach == "all"
    form = RoundForm(request.POST or None, request.FILES or None) if may_take else None
    if request.method == "POST" and form is not None and form.is_valid():
        try:
            return redirect("eqa_round", _take(form.cleaned_data, person).pk)
        except (SchemeError, Refused, TableError, UnknownLaboratory) as error:
            form.add_error(None, in_words(error.words))
        except (UnicodeDecodeError, csv.Error):
            form.add_error(None, now_said("A file is not text in UTF-8.", "文件不是 UTF-8 文本。"))
    rows = Round.objects.order_by("-closed_on", "-id")[:200]
    return render(request, "eqa_rounds/list.html", {"rows": rows, "form": form})


def _take(given: dict[str, Any], person: Any) -> Round:
    names = {name: one for one in Organisation.objects.filter(merged_into=None) for name in (one.name_zh, one.name_en) if name}
    lines = csv.reader(io.StringIO(given["key"].read().decode("utf-8-sig")))
    whose = {line[0].strip(): names[line[1].strip()] for line in lines if len(line) > 1 and line[1].strip() in names}
    scheme = given["scheme"].read().decode("utf-8-sig")
    return keep_round(scheme, given["results"].read(), whose, closed_on=given["closed_on"], by=person)


@route("eqa_round", act="eqa")
def eqa_round(request: HttpRequest, shown: Round) -> HttpResponse:
    person: Any = request.user
    scores = (
        Score.objects.visible_to(person)
        .filter(round=shown)
        .select_related("laboratory")
        .order_by("laboratory__name_zh", "analyte")
    )
    every = Score.objects.filter(round=shown)
    by: dict[str, dict[str, Any]] = {}
    for row in every.values("analyte", "analyte_en", "analyte_zh", "results", "acceptable", "outcome"):
        one = by.setdefault(
            row["analyte"], {"en": row["analyte_en"], "zh": row["analyte_zh"], "n": 0, "of": 0, "good": 0, "judged": 0}
        )
        one["n"], one["of"] = one["n"] + row["acceptable"], one["of"] + row["results"]
        one["good"], one["judged"] = (
            one["good"] + (row["outcome"] == "pass"),
            one["judged"] + (row["outcome"] in ("pass", "fail")),
        )
    for one in by.values():
        one["rate"] = rate(one["n"], one["of"])
    laboratories = every.values("laboratory").distinct().count()
    return render(
        request,
        "eqa_rounds/page.html",
        {
            "shown": shown,
            "analytes": by,
            "laboratories": laboratories,
            "unsatisfactory": scores.filter(outcome="fail"),
            "targets": shown.document.get("targets", []),
            "names": person.reach == "all",
        },
    )


@route(exempt="the scores of one's own laboratories, of all for the centre's staff", act="see")
def eqa_scores(request: HttpRequest) -> HttpResponse:
    """What a laboratory's head reads: each analyte with each sample against its assigned value."""
    rows = Score.objects.visible_to(request.user).select_related("round", "laboratory")
    return render(
        request, "eqa_rounds/scores.html", {"rows": rows.order_by("-round__closed_on", "laboratory", "analyte")[:200]}
    )
