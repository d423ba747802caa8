"""A visit on a phone of 390 px: opened, then without a network answered, photographed, closed, opened cold, signed; then sent, once."""

import datetime
import os
import threading
from pathlib import Path

import pytest

from cast import make_device, person
from photopeak_centre.campaigns.models import Campaign, Entry, Visit
from photopeak_centre.campaigns.planning import add_targets, arrange
from photopeak_centre.campaigns.scoring import shipped
from photopeak_centre.findings.models import Finding
from photopeak_centre.hospitals.models import Organisation

CHROMIUM = Path("/usr/bin/chromium")
#: where the screenshots are kept; the build's output where it says so
PICTURES = Path(os.environ.get("PHOTOPEAK_PICTURES") or Path(__file__).parents[2] / "build" / "pictures")
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


@pytest.fixture
def served(committed):
    """The centre on a port of its own, with this test's database; its address."""
    import waitress
    from django.db import connections

    from photopeak_centre.wsgi import application

    server = waitress.create_server(application, host="127.0.0.1", port=0, threads=4)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.effective_port}"
    server.close()
    connections.close_all()


@pytest.fixture
def scene(served):
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
    return {"address": served, "visit": arrange(campaign, hospital, datetime.date(2026, 6, 3), people, None, device)}


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
    canvas.scroll_into_view_if_needed()
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
    picture(page, f"visit_record_{tag}")
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
