"""A notified finding of each hospital with its response's file, and an issued document."""

from django.utils import timezone

from photopeak_centre.evidence.store import keep
from photopeak_centre.findings.models import Act, Attachment, Document, Finding

CENTRE_ONLY: set[str] = set()


def things_of(organisation, device, result, by, word):
    from cast import numbers

    now = timezone.now()
    verdict = {
        "outcome": "fail", "name": {"en": f"quantity {word}", "zh": f"量{word}"}, "quantity": "integral_uniformity", "where": {"detector": 1},
        "value": 6.2, "unit": "%", "uncertainty": 0.1, "judgement": None,
        "criterion": {"standard": f"EX 1{word}", "edition": "2000", "clause": "1", "unit": "%", "upper": 5.0, "stage": "status"},
    }  # fmt: skip
    finding = Finding.objects.create(
        pk=next(numbers), organisation=organisation, device=device, result=result, source="test", procedure="gamma_camera.flood_uniformity",
        words_en=f"finding {word}", words_zh=f"问题{word}", verdicts=[verdict], state="notified", raised=now, due=now.date(),
    )  # fmt: skip
    document = Document.objects.create(
        pk=next(numbers), organisation=organisation, kind="notice", finding=finding, number=f"核质控〔2026〕{finding.pk}号", issued=now.date(),
        signed_by=by, content=_content(word), pdf_zh=keep(f"pdf {word}".encode()),
    )  # fmt: skip
    acts = [("raise", "", "raised"), ("notify", "raised", "notified")]
    made = [
        Act.objects.create(finding=finding, act=name, before=before, after=after, by=by, at=now, words=f"act {word}", document=document if name == "notify" else None)
        for name, before, after in acts
    ]  # fmt: skip
    attachment = Attachment.objects.create(
        pk=next(numbers), act=made[-1], name=f"slip {word}.pdf", kind="PDF", blob=keep(f"%PDF- {word}".encode())
    )
    return {"finding": finding, "document": document, "attachment": attachment}


def _content(word):
    paper = {
        "language": "zh", "kind": "notice", "title": f"通知{word}", "mark": "", "number": "", "courtesy": "", "to": word, "facts": [],
        "paragraphs": [{"kind": "p", "text": f"正文{word}"}], "annex_note": "", "signer": "", "date": "", "form": [], "annexes": [], "copies": "",
        "printer": "", "printed": "",
    }  # fmt: skip
    return {"texts": {}, "zh": paper, "en": {**paper, "language": "en"}, "pictures": {}}
