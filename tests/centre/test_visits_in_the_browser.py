"""A visit on a phone of 390 px: opened, then without a network answered, photographed, closed, opened cold, signed; then sent, once."""

import contextlib
import datetime
import json
import os
import socket
import threading
from pathlib import Path

import pytest
from cast_campaigns import with_result

from cast import make_device, person
from photopeak_centre.accounts.models import Person
from photopeak_centre.campaigns.models import Campaign, Entry, Visit
from photopeak_centre.campaigns.planning import add_targets, arrange
from photopeak_centre.campaigns.scoring import shipped
from photopeak_centre.findings.models import Finding
from photopeak_centre.hospitals.models import Organisation

CHROMIUM = Path("/usr/bin/chromium")
ROOT = Path(__file__).parents[2]
#: where the screenshots are kept, build output
PICTURES = Path(os.environ.get("PHOTOPEAK_SCREENSHOTS") or ROOT / "build" / "screenshots")
AXE = ROOT / "tests" / "story" / "axe" / "axe.min.js"
PHONE = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "has_touch": True,
    "is_mobile": True,
    "timezone_id": "Asia/Shanghai",
}


def missing(what):
    """Skip with a message; on the integration machine, which has everything, a missing piece is a failure."""
    if os.environ.get("CI"):
        pytest.fail(f"{what}: the integration machine must have it")
    pytest.skip(what)


@pytest.fixture
def browser(monkeypatch):
    if not CHROMIUM.is_file():
        missing(f"{CHROMIUM} not found")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing("playwright is not installed")
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")  # the browser's event loop runs in this thread
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield chromium
        chromium.close()


class Cable:
    """Between the browser and the centre. `cut` is a network that is gone, for pages and service workers alike."""

    def __init__(self, port):
        self.to, self.whole, self.lines = port, True, []
        self.plug = socket.create_server(("127.0.0.1", 0))
        self.port = self.plug.getsockname()[1]
        threading.Thread(target=self._take, daemon=True).start()

    def _take(self):
        with contextlib.suppress(OSError):  # closed at the end
            while True:
                near, _ = self.plug.accept()
                if not self.whole:
                    near.close()
                    continue
                try:
                    far = socket.create_connection(("127.0.0.1", self.to))
                except OSError:  # the centre is gone: the test is over
                    near.close()
                    continue
                self.lines += [near, far]
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=self._carry, args=(one, other), daemon=True).start()

    @staticmethod
    def _carry(one, other):
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                other.sendall(data)
        for end in (one, other):
            end.close()

    def cut(self):
        self.whole = False
        for line in self.lines:
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
        self.lines.clear()

    def mend(self):
        self.whole = True


@pytest.fixture
def cable(committed):
    """The centre on a port of its own, with this test's database, at the end of a cable."""
    import waitress
    from django.db import connections

    from photopeak_centre.wsgi import application

    server = waitress.create_server(application, host="127.0.0.1", port=0, threads=4)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    made = Cable(server.effective_port)
    yield made
    made.cut()
    made.plug.close()
    server.close()
    connections.close_all()


@pytest.fixture
def served(cable):
    """The address of the centre."""
    return f"http://127.0.0.1:{cable.port}"


@pytest.fixture
def scene(served, cable):
    centre = Organisation.objects.create(kind="centre", name_zh="云汀市核医学质量控制中心", name_en="Yunting Centre")
    hospital = Organisation.objects.create(
        kind="hospital", name_zh="石桥区中医医院", name_en="Shiqiao Hospital", district_zh="石桥区"
    )
    device = make_device(hospital)
    people = [person("inspector", centre, name) for name in ("first", "second")]
    campaign = Campaign.objects.create(
        name_zh="设备检查",
        name_en="Equipment",
        kind="devices",
        begins=datetime.date(2026, 1, 1),
        ends=datetime.date(2026, 12, 31),
        checklist="spect_equipment",
    )
    add_targets(campaign, [device], None)
    return {
        "address": served,
        "cable": cable,
        "visit": arrange(campaign, hospital, datetime.date(2026, 6, 3), people, None, device),
    }


def sign_in(context, address, name, language):
    context.clear_cookies()
    context.add_cookies([{"name": "django_language", "value": language, "url": address}])
    page = context.new_page()
    page.goto(f"{address}/sign-in/")
    page.fill("[name=username]", name)
    page.fill("[name=password]", "correct horse battery")
    page.click("main button")
    page.wait_for_url(f"{address}/")
    return page


def item(page, number):
    return page.locator(f'[data-item="{number}"]')


def say(page, number, answer):
    item(page, number).locator(f'[data-answer="{answer}"]').click()


def draw(page, side):
    canvas = page.locator(f'[data-pad="{side}"] canvas')
    canvas.evaluate("pad => pad.scrollIntoView({ block: 'center' })")  # clear of the bar at the bottom
    box = canvas.bounding_box()
    page.mouse.move(box["x"] + 40, box["y"] + 60)
    page.mouse.down()
    for step in range(12):
        page.mouse.move(box["x"] + 40 + 18 * step, box["y"] + (30 if step % 2 else 80))
    page.mouse.up()


def waits(page, now):
    page.locator(f'[data-status][data-now="{now}"]').wait_for(timeout=20_000)


def picture(page, name, full=True):
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=str(PICTURES / f"{name}.png"), full_page=full)


def barriers(page):
    """The serious and critical findings of axe on the page as it stands."""
    page.evaluate(AXE.read_text("utf-8"))  # by the debugger: the page's own policy lets no foreign script in
    found = page.evaluate("async () => JSON.stringify((await axe.run(document, {resultTypes: ['violations']})).violations)")
    serious = [one for one in json.loads(found) if one["impact"] in ("serious", "critical")]
    return [f"{one['id']}: {node['html'][:200]}" for one in serious for node in one["nodes"][:5]]


def photograph(tmp_path):
    from PIL import Image

    place = tmp_path / "shot.jpg"
    Image.effect_noise((2400, 1800), 60).convert("RGB").save(place, "JPEG")
    return str(place)


def kept_pages(page):
    return page.evaluate(
        "async () => { const found = []; for (const name of await caches.keys()) if (name.startsWith('photopeak-pages-'))"
        " for (const request of await (await caches.open(name)).keys()) found.push(new URL(request.url).pathname); return found; }"
    )


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_a_visit_lives_through_no_network_and_a_closed_tab_and_is_sent_once(browser, scene, language, tmp_path):
    visit, address, tag = scene["visit"], scene["address"], language[:2]
    context, complaints = browser.new_context(**PHONE), []
    context.on("weberror", lambda error: complaints.append(str(error.error)))
    context.on("console", lambda message: complaints.append(message.text) if "Content Security" in message.text else None)
    page = sign_in(context, address, "first", language)
    page.goto(f"{address}/visits/")
    page.locator("table a.btn").click()
    page.locator("body[data-kept='1']").wait_for(timeout=20_000)
    waits(page, "sent")
    sheet = page.url

    context.set_offline(True)
    waits(page, "offline")
    for number in [one.number for one in shipped("spect_equipment").items()]:
        say(page, number, "met")
    say(page, "3.2", "partial")
    item(page, "3.2").locator("[data-more]").click()
    item(page, "3.2").locator("[data-note]").fill("两个容器缺标签" if tag == "zh" else "two containers without")
    say(page, "4.2", "not_met")
    item(page, "4.2").locator("[data-note]").fill("第一季度无记录" if tag == "zh" else "no record of the first quarter")
    say(page, "4.4", "not_applicable")
    item(page, "3.2").locator("[data-photo]").set_input_files(photograph(tmp_path))
    item(page, "3.2").locator("figure.photo").wait_for()
    assert item(page, "3.2").locator("[data-points]").inner_text() == "3"
    assert page.locator("[data-total]").inner_text() == "98"
    assert page.locator("[data-possible]").inner_text() == "105"
    item(page, "3.1").scroll_into_view_if_needed()
    picture(page, f"visit_offline_{tag}")
    assert barriers(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.locator("[data-finish]").click()  # nobody has signed
    page.locator("[data-wrong]").wait_for()
    assert Entry.objects.count() == 0
    page.close()

    page = context.new_page()  # cold, without a network
    page.goto(sheet)
    page.locator("body[data-ready='1']").wait_for()
    waits(page, "offline")
    assert page.locator("[data-total]").inner_text() == "98"
    assert (
        item(page, "3.2").locator("figure.photo img").evaluate("image => image.decode().then(() => image.naturalWidth)") == 1600
    )
    draw(page, "centre")
    draw(page, "hospital")
    page.locator('[data-pad="hospital"] [data-name]').fill("王主任" if tag == "zh" else "Dr Wang")
    picture(page, f"visit_signing_{tag}", full=False)
    page.locator("[data-finish]").click()
    waits(page, "signedHere")
    assert page.locator("[data-finish]").is_disabled()
    picture(page, f"visit_signed_offline_{tag}", full=False)

    context.set_offline(False)
    waits(page, "signed")
    found = Visit.objects.get(pk=visit.pk)
    assert (found.state, found.score, found.possible, found.outcome) == ("signed", 98.0, 105.0, "pass")
    assert [one.verdicts[0]["criterion"]["clause"] for one in Finding.objects.filter(visit=visit)] == ["4.2"]
    assert Entry.objects.filter(kind="photograph", state="current").count() == 1
    assert Entry.objects.filter(kind="signature", state="current").count() == 2
    number = Entry.objects.count()
    again = page.evaluate(
        """async visit => {
          const open = indexedDB.open("photopeak-visits");
          const base = await new Promise(yes => { open.onsuccess = () => yes(open.result); });
          const all = base.transaction("entries").objectStore("entries").getAll();
          const rows = await new Promise(yes => { all.onsuccess = () => yes(all.result); });
          const entries = rows.filter(row => !row.blob).map(row => row.entry);
          const token = document.cookie.split("; ").find(one => one.startsWith("csrftoken=")).slice(10);
          const answer = await fetch(`/visits/${visit}/sync/`, { method: "POST", body: JSON.stringify({ entries }), headers: { "X-CSRFToken": token } });
          return { sent: entries.length, results: (await answer.json()).results.map(one => one.is) };
        }""",
        visit.pk,
    )
    assert set(again["results"]) == {"known"}
    assert again["sent"] == number - 3  # all but the photograph and the two signatures
    assert Entry.objects.count() == number
    page.goto(f"{address}/visits/{visit.pk}/")
    page.set_viewport_size({"width": 1440, "height": 1000})
    picture(page, f"visit_record_{tag}")
    assert barriers(page) == []
    assert "style" not in " ".join(complaints)
    assert complaints == []
    context.close()


def test_a_second_phone_that_answered_otherwise_is_shown_beside_and_settled(browser, scene):
    address, visit = scene["address"], scene["visit"]
    phones = []
    for name in ("first", "second"):
        context = browser.new_context(**PHONE)
        page = sign_in(context, address, name, "en")
        page.goto(f"{address}/visits/{visit.pk}/sheet/")
        page.locator("body[data-kept='1']").wait_for(timeout=20_000)
        context.set_offline(True)
        waits(page, "offline")
        phones.append((context, page))
    say(phones[0][1], "1.2", "met")
    say(phones[1][1], "1.2", "not_met")
    for context, page in phones:
        context.set_offline(False)
        waits(page, "sent")
    page = phones[1][1]
    beside = item(page, "1.2").locator("[data-conflicts] .say")
    beside.wait_for()
    assert "Not met" in beside.inner_text()
    item(page, "1.2").scroll_into_view_if_needed()
    picture(page, "visit_conflict_en", full=False)
    beside.locator("[data-take]").click()
    beside.wait_for(state="detached")
    waits(page, "sent")
    assert [one.value["answer"] for one in Entry.objects.filter(kind="answer", state="current")] == ["not_met"]
    assert Entry.objects.filter(kind="answer").count() == 3  # nothing was thrown away
    for context, _ in phones:
        context.close()


def test_signing_out_takes_the_kept_pages_away_and_leaves_what_was_not_sent(browser, scene):
    address, visit = scene["address"], scene["visit"]
    context = browser.new_context(**PHONE)
    page = sign_in(context, address, "first", "en")
    sheet = f"{address}/visits/{visit.pk}/sheet/"
    page.goto(sheet)
    page.locator("body[data-kept='1']").wait_for(timeout=20_000)
    assert kept_pages(page) == [f"/visits/{visit.pk}/sheet/"]
    context.set_offline(True)
    say(page, "1.1", "met")
    waits(page, "offline")
    page.route("**/sync/", lambda route: route.abort())
    context.set_offline(False)
    page.goto(f"{address}/")
    page.evaluate("document.querySelector('[data-sign-out]').requestSubmit()")
    page.wait_for_url(f"{address}/sign-in/**")
    page.wait_for_timeout(300)
    assert kept_pages(page) == []
    context.set_offline(True)
    with pytest.raises(Exception, match=r"ERR_INTERNET_DISCONNECTED|ERR_FAILED"):
        page.goto(sheet)
    context.set_offline(False)
    page.close()
    page = sign_in(context, address, "second", "en")  # another person on the same phone
    page.goto(sheet)
    page.locator("body[data-ready='1']").wait_for()
    waits(page, "sent")
    assert item(page, "1.1").locator("[aria-checked=true]").count() == 0
    assert Entry.objects.count() == 0
    page.close()
    page = sign_in(context, address, "first", "en")
    page.goto(sheet)
    waits(page, "sent")
    assert Entry.objects.get().item == "1.1"
    context.close()


def test_after_the_phone_was_restarted_without_a_network_the_entries_are_there(browser, scene, tmp_path):
    address, visit = scene["address"], scene["visit"]
    chromium, given = browser.browser_type, {**PHONE, "executable_path": str(CHROMIUM), "args": ["--no-sandbox"]}
    context = chromium.launch_persistent_context(tmp_path / "phone", **given)
    page = sign_in(context, address, "first", "en")
    page.goto(f"{address}/visits/{visit.pk}/sheet/")
    page.locator("body[data-kept='1']").wait_for(timeout=20_000)
    context.set_offline(True)
    scene["cable"].cut()
    say(page, "1.1", "not_met")
    item(page, "1.1").locator("[data-note]").fill("nobody appointed")
    item(page, "1.1").locator("[data-photo]").set_input_files(photograph(tmp_path))
    item(page, "1.1").locator("figure.photo").wait_for()
    say(page, "1.2", "partial")
    item(page, "1.2").locator("[data-more]").evaluate("button => { button.click(); button.click(); }")  # faster than it is kept
    item(page, "1.2").get_by_text("3", exact=True).wait_for()
    page.wait_for_timeout(1000)  # what is typed is kept without leaving the field
    context.close()  # the whole browser ends

    context = chromium.launch_persistent_context(tmp_path / "phone", offline=True, **given)
    page = context.new_page()
    page.goto(f"{address}/visits/{visit.pk}/sheet/")
    page.locator("body[data-ready='1']").wait_for()
    waits(page, "offline")
    assert item(page, "1.1").locator("[data-answer=not_met]").get_attribute("aria-checked") == "true"
    assert item(page, "1.1").locator("[data-note]").input_value() == "nobody appointed"
    assert item(page, "1.1").locator("figure.photo").count() == 1
    assert Entry.objects.count() == 0
    scene["cable"].mend()
    context.set_offline(False)
    waits(page, "sent")
    assert Entry.objects.filter(state="current").count() == 3
    assert not Entry.objects.filter(state="conflict").exists()
    assert Entry.objects.get(item="1.2", state="current").value["occurrences"] == 3
    assert Entry.objects.get(item="1.1", kind="answer", state="current").value["note"] == "nobody appointed"
    context.close()


def test_who_is_taken_off_a_visit_is_told_and_loses_nothing(browser, scene):
    address, visit = scene["address"], scene["visit"]
    context = browser.new_context(**PHONE)
    page = sign_in(context, address, "first", "en")
    page.goto(f"{address}/visits/{visit.pk}/sheet/")
    page.locator("body[data-kept='1']").wait_for(timeout=20_000)
    waits(page, "sent")
    visit.inspectors.remove(visit.inspectors.get(username="first"))
    say(page, "1.1", "met")
    waits(page, "barred")
    visit.inspectors.add(Person.objects.get(username="first"))
    page.reload()
    waits(page, "sent")
    assert Entry.objects.get().item == "1.1"
    context.close()


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_a_plan_on_the_desk_and_an_image_read_blinded(browser, served, language):
    import numpy as np

    from photopeak_centre.campaigns.image_quality import read_image
    from photopeak_centre.campaigns.models import ImageSample, Interest
    from photopeak_centre.campaigns.pictures import grey_png
    from photopeak_centre.evidence.store import keep

    tag = language[:2]
    centre = Organisation.objects.create(kind="centre", name_zh="云汀市核医学质量控制中心", name_en="Yunting Centre")
    districts = (
        ("石桥区", "Shiqiao"),
        ("北汀区", "Beiting"),
        ("青屿区", "Qingyu"),
        ("鹤湾区", "Hewan"),
        ("沙浦区", "Shapu"),
        ("云汀区", "Yunting"),
    )
    hospitals = []
    for n in range(18):
        zh, en = districts[n % 6]
        hospitals.append(
            Organisation.objects.create(
                kind="hospital",
                name_zh=f"{zh[:2]}第{n + 1}医院",
                name_en=f"{en} Hospital {n + 1}",
                district_zh=zh,
                district_en=en,
            )
        )
    devices = [
        make_device(hospital, f"{n}", kind="pet_ct", manufacturer="Meridian", model="P-320")
        for n, hospital in enumerate(hospitals)
    ]
    people = {role: person(role, centre, role) for role in ("secretary", "inspector", "expert")}
    Interest.objects.create(person=people["expert"], organisation=hospitals[0], kind="employer")
    context = browser.new_context(viewport={"width": 1440, "height": 1000}, timezone_id="Asia/Shanghai")
    page = sign_in(context, served, "secretary", language)
    page.goto(f"{served}/campaigns/new/")
    page.fill("[name=name_zh]", "PET/CT 设备检查")
    page.fill("[name=name_en]", "PET/CT equipment")
    page.select_option("[name=kind]", "devices")
    page.fill("[name=begins]", "2026-01-01")
    page.fill("[name=ends]", "2026-12-31")
    page.select_option("[name=stage]", "status")
    page.select_option("[name=checklist]", "pet_ct_equipment")
    assert barriers(page) == []
    page.click("main form.card button")
    page.locator("a[href$='/targets/']").first.click()
    page.check("[name=kinds][value=pet_ct]")
    page.locator("form.filter button").click()
    picture(page, f"campaign_targets_{tag}")
    page.locator("form[method=post] .btn.main").click()
    assert Campaign.objects.get().targets.count() == 18
    for n, device in enumerate(devices[:13]):
        with_result(device, ("pass", "pass", "fail", "undecided", "pass")[n % 5])
    page.locator("button[name=to]").click()
    page.select_option("[name=target]", index=2)
    page.fill("[name=day]", "2026-08-12")
    for role in ("inspector", "expert"):
        page.check(f"[name=inspectors][value='{people[role].pk}']")
    chosen = page.locator("[name=target]").input_value()
    page.locator("form[action$='/arrange/'] .btn.main").click()
    refused = Campaign.objects.get().targets.get(pk=chosen).organisation == hospitals[0]
    assert page.locator("[role=alert]").count() == int(refused)
    assert Visit.objects.count() == int(not refused)
    picture(page, f"campaign_{tag}")
    assert barriers(page) == []
    page.set_viewport_size({"width": 390, "height": 844})
    picture(page, f"campaign_{tag}_phone")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390

    images = Campaign.objects.create(
        name_zh="PET/CT 图像质量",
        name_en="PET/CT image quality",
        kind="images",
        begins=datetime.date(2026, 1, 1),
        ends=datetime.date(2030, 12, 31),
    )
    add_targets(images, devices, None)
    y, x = np.mgrid[-1:1:128j, -1:1:128j]
    second = person("expert", centre, "second")
    for n, hospital in enumerate(hospitals[:6]):
        body = 60 * (x**2 / 0.6 + y**2 / 0.9 < 0.8) + 200 * ((x - 0.1 * n + 0.2) ** 2 + y**2 < 0.01)
        blob = keep(grey_png(np.random.default_rng(n).poisson(body), 0, 260, inverse=True))
        one = ImageSample.objects.create(
            campaign=images, organisation=hospital, modality="pet_ct", blob=blob, media="image/png"
        )
        read_image(one, second, {"range_right": True, "no_artefact": n % 3 > 0, "grey_suits": True, "fusion_right": True})
    desk = browser.new_context(viewport={"width": 1440, "height": 1000})
    reader = sign_in(desk, served, "expert", language)
    reader.goto(f"{served}/readings/")
    picture(reader, f"readings_{tag}")
    assert barriers(reader) == []
    reader.locator(".head a.btn").click()
    for n in range(5):  # not the image of his own house
        if not n:
            picture(reader, f"reading_{tag}")
            assert barriers(reader) == []
            assert not any(
                hospital.name_zh in reader.content() or hospital.name_en in reader.content() for hospital in hospitals
            )
        for name in ("range_right", "no_artefact", "grey_suits", "fusion_right"):
            reader.check(f"[name={name}][value=yes]")
        reader.locator("form.fields .btn.main").click()
    reader.wait_for_url(f"{served}/readings/")
    assert people["expert"].readings.count() == 5
    page.set_viewport_size({"width": 1440, "height": 1000})
    page.goto(f"{served}/campaigns/{images.pk}/")
    picture(page, f"campaign_images_{tag}")
    assert barriers(page) == []
    page.goto(f"{served}/interests/")
    picture(page, f"interests_{tag}")
    assert barriers(page) == []
    desk.close()
    context.close()


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_from_a_campaign_to_a_closed_finding(browser, served, language):
    """The secretary plans, the inspector visits with a phone, the director issues, the hospital answers, the inspector looks again."""
    tag = language[:2]
    centre = Organisation.objects.create(kind="centre", name_zh="云汀市核医学质量控制中心", name_en="Yunting Centre")
    hospital = Organisation.objects.create(
        kind="hospital", name_zh="石桥区中医医院", name_en="Shiqiao Hospital", district_zh="石桥区"
    )
    device = make_device(hospital, "")
    for role in ("secretary", "inspector", "director"):
        person(role, centre, role)
    person("hospital_physicist", hospital, "physicist")
    contexts = {
        name: browser.new_context(**(PHONE if name == "inspector" else {"viewport": {"width": 1440, "height": 1000}}))
        for name in ("secretary", "inspector", "director", "physicist")
    }
    pages = {name: sign_in(context, served, name, language) for name, context in contexts.items()}

    page = pages["secretary"]
    page.goto(f"{served}/campaigns/new/")
    for name, value in {
        "name_zh": "SPECT 设备检查",
        "name_en": "SPECT equipment",
        "begins": "2026-01-01",
        "ends": "2026-12-31",
    }.items():
        page.fill(f"[name={name}]", value)
    for name, value in {"kind": "devices", "stage": "status", "checklist": "spect_equipment"}.items():
        page.select_option(f"[name={name}]", value)
    page.click("main form.card button")
    page.locator("a[href$='/targets/']").first.click()
    page.locator("form[method=post] .btn.main").click()
    page.locator("button[name=to]").click()
    page.select_option("[name=target]", index=1)
    page.fill("[name=day]", "2026-06-03")
    page.check("[name=inspectors]")
    page.locator("form[action$='/arrange/'] .btn.main").click()
    page.locator("aside table a").wait_for()
    visit = Visit.objects.get()
    assert visit.device == device

    page = pages["inspector"]
    page.goto(f"{served}/visits/")
    page.locator("table a.btn").click()
    page.locator("body[data-ready='1']").wait_for()
    for one in shipped("spect_equipment").items():
        say(page, one.number, "not_met" if one.number == "4.2" else "met")
    item(page, "4.2").locator("[data-note]").fill("第一季度无记录" if tag == "zh" else "no record of the first quarter")
    page.locator("[data-total]", has_text="105").wait_for()
    page.locator(
        "[data-deductions] li", has_text="第一季度" if tag == "zh" else "first quarter"
    ).wait_for()  # before a hand draws
    draw(page, "centre")
    draw(page, "hospital")
    page.locator('[data-pad="hospital"] [data-name]').fill("王主任")
    page.locator("[data-finish]").click()
    waits(page, "signed")
    finding = Finding.objects.get(visit=visit)
    page.goto(f"{served}/visits/{visit.pk}/")
    page.locator(f"a[href='/findings/{finding.pk}/']").click()
    picture(page, f"visit_finding_{tag}")
    page.locator("form[action$='/prepare/'] button").click()
    page.wait_for_url("**/documents/*/")
    notice = page.url

    page = pages["director"]
    page.goto(notice)
    page.locator("form[action$='/issue/'] button").click()
    page.locator(f"main a[href='/findings/{finding.pk}/']").first.wait_for(timeout=60_000)
    finding.refresh_from_db()
    assert finding.state == "notified"

    page = pages["physicist"]
    page.goto(f"{served}/findings/{finding.pk}/")
    page.locator("form[action$='/act/']").filter(has=page.locator("[value=receive]")).locator("button").click()
    page.goto(f"{served}/findings/{finding.pk}/response/")
    for name, value in {
        "cause": "无计划",
        "measure": "已补测并列入计划",
        "person": "陆予宁",
        "date": datetime.date.today().isoformat(),
    }.items():
        page.fill(f"#id_{name}", value)
    page.locator("form.fields button.main").click()
    page.wait_for_url(f"**/findings/{finding.pk}/")

    page = pages["inspector"]
    page.goto(f"{served}/findings/{finding.pk}/re-inspection/")
    page.locator("[name=item_0][value=pass]").check()
    page.locator("form.choosing button.main").click()
    page.wait_for_url(f"**/findings/{finding.pk}/")
    page.locator("form[action$='/prepare/'] button").click()
    page.wait_for_url("**/documents/*/")
    opinion = page.url

    page = pages["director"]
    page.goto(opinion)
    page.locator("form[action$='/issue/'] button").click()
    page.locator(f"main a[href='/findings/{finding.pk}/']").first.wait_for(timeout=60_000)
    finding.refresh_from_db()
    assert finding.state == "closed"
    assert list(finding.acts.order_by("pk").values_list("act", flat=True)) == [
        "raise",
        "notify",
        "receive",
        "respond",
        "reinspect",
        "accept",
    ]
    page.goto(f"{served}/findings/{finding.pk}/")
    picture(page, f"visit_finding_closed_{tag}")
    for context in contexts.values():
        context.close()
