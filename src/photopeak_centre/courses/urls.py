"""Addresses of courses."""

from django.urls import URLPattern, path

from photopeak_centre.courses import views

urlpatterns: list[URLPattern] = [
    path("courses/", views.courses, name="courses"),
    path("courses/new/", views.course_new, name="course_new"),
    path("courses/<int:id>/", views.course, name="course"),
    path("courses/<int:id>/edit/", views.course_edit, name="course_edit"),
    path("courses/<int:id>/state/", views.course_state, name="course_state"),
    path("courses/<int:id>/sessions/new/", views.session_new, name="session_new"),
    path("courses/<int:id>/questions/new/", views.question_new, name="question_new"),
    path("courses/<int:id>/certificates/", views.course_certificates, name="course_certificates"),
    path("courses/<int:id>/participants.xlsx", views.course_export, name="course_export"),
    path("questions/<int:id>/remove/", views.question_remove, name="question_remove"),
    path("sessions/<int:id>/door/", views.session_door, name="session_door"),
    path("sessions/<int:id>/by-hand/", views.session_by_hand, name="session_by_hand"),
    path("registrations/<int:id>/cancel/", views.registration_cancel, name="registration_cancel"),
    path("registrations/<int:id>/certificate.pdf", views.registration_certificate, name="registration_certificate"),
    path("join/", views.course_join, name="course_join"),
    path("attend/", views.course_attend, name="course_attend"),
    path("examination/", views.course_examination, name="course_examination"),
    path("certificates/check/", views.certificate_check, name="certificate_check"),
]
