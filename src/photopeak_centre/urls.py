"""Every address of the centre."""

from importlib import import_module

from django.urls import path

from photopeak_centre.accounts import views as accounts
from photopeak_centre.audit import views as audit
from photopeak_centre.checks import views as checks
from photopeak_centre.devices import views as devices
from photopeak_centre.devices import workbook
from photopeak_centre.evidence import entering, folders
from photopeak_centre.evidence import views as evidence
from photopeak_centre.hospitals import views as hospitals
from photopeak_centre.jobs import views as jobs

#: folders whose addresses stand in a urls.py of their own
FOLDERS = ("campaigns", "findings", "eqa_rounds", "indicators", "half_year", "committee", "courses")

urlpatterns = [
    path("", accounts.home, name="home"),
    path("sign-in/", accounts.sign_in, name="login"),
    path("sign-out/", accounts.sign_out, name="sign_out"),
    path("set-up/", accounts.set_up, name="set_up"),
    path("language/", accounts.choose_language, name="choose_language"),
    path("people/", accounts.people, name="people"),
    path("people/new/", accounts.person_new, name="person_new"),
    path("people/<int:id>/", accounts.person_edit, name="person_edit"),
    path("hospitals/", hospitals.hospitals, name="hospitals"),
    path("hospitals/new/", hospitals.hospital_new, name="hospital_new"),
    path("hospitals/<int:id>/", hospitals.hospital, name="hospital"),
    path("hospitals/<int:id>/edit/", hospitals.hospital_edit, name="hospital_edit"),
    path("hospitals/<int:id>/merge/", hospitals.hospital_merge, name="hospital_merge"),
    path("devices/", devices.devices, name="devices"),
    path("devices/export.xlsx", workbook.devices_export, name="devices_export"),
    path("devices/import/", workbook.devices_import, name="devices_import"),
    path("devices/empty.xlsx", workbook.devices_template, name="devices_template"),
    path("devices/new/", devices.device_new, name="device_new"),
    path("devices/<int:id>/", devices.device, name="device"),
    path("devices/<int:id>/edit/", devices.device_edit, name="device_edit"),
    path("devices/<int:id>/trend/", devices.device_trend, name="device_trend"),
    path("devices/<int:id>/limits/", devices.device_criteria, name="device_criteria"),
    path("limits/<int:id>/remove/", devices.limit_remove, name="limit_remove"),
    path("evidence/", evidence.hand_ins, name="hand_ins"),
    path("evidence/new/", evidence.hand_in_new, name="hand_in_new"),
    path("evidence/enter/", entering.enter, name="enter"),
    path("evidence/<int:id>/", evidence.hand_in, name="hand_in"),
    path("evidence/<int:id>/file/", evidence.hand_in_file, name="hand_in_file"),
    path("evidence/<int:id>/close/", evidence.hand_in_close, name="hand_in_close"),
    path("studies/<int:id>/", evidence.study, name="study"),
    path("items/<int:id>/about.json", evidence.item_about, name="item_about"),
    path("items/<int:id>/frame.f4", evidence.item_frame, name="item_frame"),
    path("held/", evidence.held, name="held"),
    path("held/<int:id>/settle/", evidence.held_settle, name="held_settle"),
    path("folders/", folders.folders, name="folders"),
    path("folders/<int:id>/remove/", folders.folder_remove, name="folder_remove"),
    path("senders/", evidence.senders, name="senders"),
    path("senders/<int:id>/remove/", evidence.sender_remove, name="sender_remove"),
    path("jobs/", jobs.jobs, name="jobs"),
    path("jobs/<int:id>/again/", jobs.job_again, name="job_again"),
    path("results/", checks.results, name="results"),
    path("results/<int:id>/", checks.result, name="result"),
    path("results/<int:id>/result.json", checks.result_document, name="result_document"),
    path("results/<int:id>/beside/", checks.result_beside, name="result_beside"),
    path("results/<int:id>/review/", checks.result_review, name="result_review"),
    path("drawings/<int:id>.svg", checks.drawing, name="drawing"),
    path("drawings/<int:id>.f4", checks.pixels, name="pixels"),
    path("region/", checks.region, name="region"),
    path("audit/", audit.audit, name="audit"),
    path("health/", audit.health, name="health"),
    path("alive/", audit.alive, name="alive"),
]
for _folder in FOLDERS:
    urlpatterns += import_module(f"photopeak_centre.{_folder}.urls").urlpatterns
