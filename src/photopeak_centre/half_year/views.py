"""The half-year reports: list, page, evidence of a number, words, release, files."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from photopeak_centre.half_year import keeping
from photopeak_centre.half_year.evidence import rows_of
from photopeak_centre.half_year.models import HalfYear, Immutable
from photopeak_centre.half_year.paper import WrongPlace, default_text, formed, typed_numbers
from photopeak_centre.half_year.periods import NotAPeriod, period, period_of
from photopeak_centre.half_year.typeset import pdf
from photopeak_centre.routes import getter, route
from photopeak_centre.said import in_words, language, now_said, said

FILES = {
    "pdf_zh": ("application/pdf", "zh.pdf"),
    "pdf_en": ("application/pdf", "en.pdf"),
    "docx_zh": ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", "zh.docx"),
    "docx_en": ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", "en.docx"),
    "document": ("application/json", "json"),
}
ROWS = 200


@getter("half_year")
def get_half_year_for(person: Any, id: int) -> HalfYear:
    """The centre's staff see every version; who sees summaries only, what was released."""
    if not person.may("region") or id > 2**62:
        raise Http404
    found = HalfYear.objects.filter(pk=id).select_related("released_by").first()
    if found is None or (person.reach != "all" and not found.is_released):
        raise Http404
    return found


class NewForm(forms.Form):
    period = forms.CharField(label=said("half-year, as 2026H1", "半年，如 2026H1"), max_length=6)

    def clean_period(self) -> Any:
        try:
            return period(self.cleaned_data["period"])
        except NotAPeriod as error:
            raise forms.ValidationError(in_words(error.words)) from None


@route(exempt="the region's reports; who sees summaries only gets the released ones", methods="GET POST", act="region")
def half_years(request: HttpRequest) -> HttpResponse:
    person: Any = request.user
    form = NewForm(request.POST or None, initial={"period": str(period_of(timezone.localdate()).before)})
    if request.method == "POST" and person.may("report") and form.is_valid():
        return redirect("half_year", keeping.draft(form.cleaned_data["period"], person).pk)
    rows = HalfYear.objects.defer("numbers", "evidence").select_related("released_by").order_by("-period_name", "-version")
    if person.reach != "all":
        rows = rows.filter(state="released")
    return render(request, "half_year/list.html", {"rows": rows[:200], "form": form if person.may("report") else None})


@route("half_year", act="region")
def half_year(request: HttpRequest, shown: HalfYear) -> HttpResponse:
    person: Any = request.user
    names = person.reach == "all"
    return render(
        request,
        "half_year/page.html",
        {
            "shown": shown,
            "paper": keeping.paper_of(shown, language(), names=names),
            "names": names,
            "files": [(key, end) for key, (_, end) in FILES.items()] if names else [],
            "may_edit": person.may("report") and not shown.is_released,
            "may_release": person.may("sign") and not shown.is_released,
            "may_amend": person.may("sign") and shown.is_released,
            "holds": keeping.verify(shown) if shown.is_released else None,
        },
    )


@route("half_year", act="region")
def half_year_evidence(request: HttpRequest, shown: HalfYear) -> HttpResponse:
    """What one number counts: the very rows that were counted when the report was gathered."""
    name = request.GET.get("of", "")
    kept = shown.evidence.get(name)
    person: Any = request.user
    listed = [] if kept is None or person.reach != "all" else rows_of(kept)
    page = Paginator(listed, ROWS).get_page(request.GET.get("page"))
    known = kept is not None
    return render(
        request, "half_year/evidence.html", {"shown": shown, "name": name, "rows": page, "known": known, "all": len(listed)}
    )


@route("half_year", methods="GET POST", act="report")
def half_year_edit(request: HttpRequest, edited: HalfYear) -> HttpResponse:
    """The words of each section round its numbers."""
    wrong, at = "", ""
    if request.method == "POST":
        at = request.POST.get("section", "")
        texts = {one: request.POST.get(one, "")[:20000] for one in keeping.LANGUAGES}
        try:
            keeping.edit(edited, at, texts, request.user)
            return redirect("half_year_edit", edited.pk)
        except WrongPlace as error:
            wrong = in_words(error.words)
        except KeyError:
            return redirect("half_year_edit", edited.pk)
        except Immutable:
            return redirect("half_year", edited.pk)
    sections = []
    for section in edited.numbers["sections"]:
        own = edited.texts.get(section["key"]) or {}
        given = {one: request.POST.get(one, "") for one in keeping.LANGUAGES} if wrong and section["key"] == at else own
        sections.append(
            {
                "key": section["key"],
                "title": section["title"],
                "texts": [(one, given.get(one) or default_text(section, one)) for one in keeping.LANGUAGES],
                "typed": [digit for one in keeping.LANGUAGES for digit in typed_numbers(own.get(one, ""))],
                "numbers": [
                    (name, formed(number, "value" if "value" in number else "n", language()))
                    for name, number in section["numbers"].items()
                ][:60],
                "wrong": wrong if section["key"] == at else "",
            }
        )
    return render(request, "half_year/edit.html", {"shown": edited, "sections": sections})


@route("half_year", methods="POST", act="report")
def half_year_gather(request: HttpRequest, shown: HalfYear) -> HttpResponse:
    if not shown.is_released:
        keeping.gather_again(shown, request.user)
    return redirect("half_year", shown.pk)


@route("half_year", methods="POST", act="sign")
def half_year_release(request: HttpRequest, shown: HalfYear) -> HttpResponse:
    from django.contrib import messages

    try:
        keeping.release(shown, request.user)
    except keeping.Changed as error:
        messages.error(request, in_words(error.words))
    except Immutable:
        messages.error(request, now_said("This version was released before.", "该版本此前已发布。"))
    return redirect("half_year", shown.pk)


@route("half_year", methods="POST", act="sign")
def half_year_amend(request: HttpRequest, shown: HalfYear) -> HttpResponse:
    """A corrected version: a new draft, the released one stays."""
    made = keeping.amend(shown, request.user) if shown.is_released else shown
    return redirect("half_year", made.pk)


@route("half_year", act="region")
def half_year_file(request: HttpRequest, shown: HalfYear) -> HttpResponse:
    """A file of the report. Who sees summaries only gets the PDF without the tables that name hospitals."""
    person: Any = request.user
    wanted = request.GET.get("file", "")
    if person.reach != "all":
        lang = "en" if wanted == "pdf_en" else "zh"
        return _download(pdf(keeping.paper_of(shown, lang, names=False)), "application/pdf", f"half_year_{shown}.{lang}.pdf")
    if wanted not in FILES:
        return redirect("half_year", shown.pk)
    kind, end = FILES[wanted]
    return _download(keeping.file(shown, wanted), kind, f"half_year_{shown.period_name}.{shown.version}.{end}")


def _download(data: bytes, kind: str, name: str) -> HttpResponse:
    response = HttpResponse(data, content_type=kind)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
