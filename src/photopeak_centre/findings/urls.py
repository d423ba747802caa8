"""Addresses of findings and documents."""

from django.urls import path

from photopeak_centre.findings import document_views as documents
from photopeak_centre.findings import views

urlpatterns = [
    path("findings/", views.findings, name="findings"),
    path("findings/<int:id>/", views.finding, name="finding"),
    path("findings/<int:id>/act/", views.finding_act, name="finding_act"),
    path("findings/<int:id>/response/", views.finding_respond, name="finding_respond"),
    path("findings/<int:id>/re-inspection/", views.finding_reinspect, name="finding_reinspect"),
    path("findings/<int:id>/prepare/", views.finding_prepare, name="finding_prepare"),
    path("attachments/<int:id>/", views.attachment, name="attachment"),
    path("documents/", documents.documents, name="documents"),
    path("documents/record/", documents.record_new, name="record_new"),
    path("documents/<int:id>/", documents.document, name="document"),
    path("documents/<int:id>/file/", documents.document_file, name="document_file"),
    path("documents/<int:id>/issue/", documents.document_issue, name="document_issue"),
    path("documents/<int:id>/discard/", documents.document_discard, name="document_discard"),
    path("hospitals/<int:id>/letter/", documents.letter_new, name="letter_new"),
    path("results/<int:id>/certificate/", documents.certificate_new, name="certificate_new"),
    path("practice/", views.practice, name="practice"),
    path("practice/calendars/", views.calendars, name="calendars"),
    path("practice/texts/", views.document_texts, name="document_texts"),
]
