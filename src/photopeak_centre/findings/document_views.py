"""Documents: list, draft with preview, issue, files."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from photopeak.finding import IllegalAct
from photopeak_centre.audit.chain import record
from photopeak_centre.audit.models import Entry
from photopeak_centre.campaigns.models import Visit
from photopeak_centre.checks.models import Result
from photopeak_centre.evidence.store import read
from photopeak_centre.findings import issue
from photopeak_centre.findings.forms import DraftForm, PeriodForm
from photopeak_centre.findings.models import Document
from photopeak_centre.findings.overdue import calendar_warnings
from photopeak_centre.findings.papers import due_of
from photopeak_centre.findings.texts import PLACEHOLDERS
from photopeak_centre.findings.views import CONTENT
from photopeak_centre.hospitals.models import Organisation
from photopeak_centre.keyset import page_of
from photopeak_centre.routes import getter, route
from photopeak_centre.said import in_words, language, now_said
from photopeak_centre.tenancy import get_for


@getter("document")
def get_document_for(person: Any, id: int) -> Document:
    found: Document = get_for(Document, person, id, "organisation", "finding__device", "signed_by")
    return found


@route(exempt="lists what the person may see", act="see")
def documents(request: HttpRequest) -> HttpResponse:
    shown = Document.objects.visible_to(request.user).select_related("organisation", "finding")
    kind, state = request.GET.get("kind", ""), request.GET.get("state", "")
    kinds = Document._meta.get_field("kind").choices or ()
    if kind in dict(kinds):
        shown = shown.filter(kind=kind)
    if state == "draft":
        shown = shown.filter(number="")
    elif state == "issued":
        shown = shown.exclude(number="")
    rows = page_of(shown.defer("content"), "made", request, descending=True)
    return render(request, "findings/documents.html", {"rows": rows, "kind": kind, "kinds": kinds, "state": state})


@route("document", methods="GET POST", act="see")
def document(request: HttpRequest, shown: Document) -> HttpResponse:
    """An issued document as it is; a draft with its paragraphs to edit and what they amount to."""
    return _page(request, shown)


def _page(request: HttpRequest, shown: Document, problem: str = "", status: int = 200) -> HttpResponse:
    person: Any = request.user
    may_edit = not shown.is_issued and person.may("notify")
    form = DraftForm(request.POST if request.method == "POST" and not problem else None, document=shown) if may_edit else None
    if request.method == "POST" and not problem:
        if form is None:
            problem, status = now_said("This document can no longer be changed.", "该文书已不能修改。"), 409
        elif form.is_valid():
            with transaction.atomic():
                held = Document.objects.select_for_update(of=("self",)).get(pk=shown.pk)
                if not held.is_issued:
                    held.content = form.keep_in(held.content)
                    held.save(update_fields=["content"])
                    record("draft changed", f"document {held.pk}", person=person, organisation=held.organisation_id)
            return redirect("document", shown.pk)
    composed = issue.composed_of(shown)
    due = due_of(shown, timezone.localdate()) if shown.kind in ("notice", "reinspection_opinion") else None
    entry = Entry.objects.filter(act="document issued", about=f"document {shown.pk}").first() if shown.is_issued else None
    context = {
        "document": shown, "paper": composed.of(language()), "form": form, "problem": problem, "entry": entry,
        "may_issue": not shown.is_issued and person.may("sign"), "may_discard": may_edit,
        "due": due if not shown.is_issued else None, "warnings": calendar_warnings(due) if due and not shown.is_issued else (),
        "placeholders": [("{" + name + "}", in_words(words)) for name, words in PLACEHOLDERS.items()],
        "files": [(form_, code, now_said(*said), getattr(shown, f"{form_}_{code}_id", None)) for code, said in (("zh", ("Chinese", "中文")), ("en", ("English", "英文"))) for form_ in ("pdf", "docx")],
    }  # fmt: skip
    return render(request, "findings/document.html", context, status=status)


@route("document", act="see")
def document_file(request: HttpRequest, shown: Document) -> HttpResponse:
    """A file of the document: as stored, or of a draft made now."""
    form = "docx" if request.GET.get("form") == "docx" else "pdf"
    code = "en" if request.GET.get("lang") == "en" else "zh"
    blob = getattr(shown, f"{form}_{code}_id")
    if shown.is_issued and blob is None:
        raise Http404
    content = read(blob) if shown.is_issued else issue.made(issue.composed_of(shown), code, form)
    response = HttpResponse(content, content_type=CONTENT[form.upper()])
    way = "inline" if form == "pdf" else "attachment"
    response["Content-Disposition"] = f'{way}; filename="document-{shown.pk}.{code}.{form}"'
    return response


@route("document", methods="POST", act="sign")
def document_issue(request: HttpRequest, shown: Document) -> HttpResponse:
    try:
        issue.issue(shown, by=request.user)
    except IllegalAct as refused:
        shown.refresh_from_db()
        return _page(request, shown, in_words(refused.words), 409)
    return redirect("document", shown.pk)


@route("document", methods="POST", act="notify")
def document_discard(request: HttpRequest, shown: Document) -> HttpResponse:
    """Throw a draft away; nothing that was issued."""
    with transaction.atomic():
        held = Document.objects.select_for_update(of=("self",)).get(pk=shown.pk)
        if held.is_issued:
            return _page(request, held, now_said("This document can no longer be changed.", "该文书已不能修改。"), 409)
        record("draft discarded", f"document {held.pk}", person=request.user, organisation=held.organisation_id, kind=held.kind)
        held.delete()
    return redirect("documents")


@route("hospital", methods="GET POST", act="notify")
def letter_new(request: HttpRequest, hospital: Organisation) -> HttpResponse:
    """Draft a letter on what the hospital handed in within a period."""
    today = timezone.localdate()
    begins = today.replace(month=1 if today.month <= 6 else 7, day=1)
    form = PeriodForm(request.POST or None, initial={"first": begins, "last": today})
    if request.method == "POST" and form.is_valid():
        first, last = form.cleaned_data["first"], form.cleaned_data["last"]
        if first <= last:
            made = issue.draft("feedback_letter", hospital, **{"from": first.isoformat(), "until": last.isoformat()})
            return redirect("document", made.pk)
        form.add_error("last", now_said("This lies before the first day.", "截止日期早于起始日期。"))
    return render(
        request, "form.html", {"form": form, "title": now_said("Letter on quality control", "质控反馈函"), "back": "documents"}
    )


@route("result", methods="POST", act="notify")
def certificate_new(request: HttpRequest, result: Result) -> HttpResponse:
    """Draft a certificate of a result that passed and was accepted."""
    if result.outcome != "pass" or result.review != "accepted" or result.superseded_by_id or result.device_id is None:
        return redirect("result", result.pk)
    return redirect("document", issue.draft("certificate", result.organisation, result=result.pk).pk)


@route(exempt="makes a record of a visit that is fetched for the person", methods="POST", act="notify")
def record_new(request: HttpRequest) -> HttpResponse:
    """Draft the record of a visit."""
    chosen = request.POST.get("visit", "")
    if not chosen.isdigit() or len(chosen) > 18:
        raise Http404
    visit: Visit = get_for(Visit, request.user, int(chosen), "organisation")
    known = Document.objects.filter(organisation=visit.organisation, kind="site_record", content__visit=visit.pk).first()
    return redirect("document", (known or issue.draft("site_record", visit.organisation, visit=visit.pk)).pk)
