"""A flood with a dead photomultiplier, from the hospital's browser to the inspector's word, in Chinese and in English.

The phantom says where the tube is dead and on which detector: the page must open on that detector, and the read-out of the viewer
must show almost no counts there and many beside it. Every page on the way is looked at by axe; no request may leave the machine.
"""

import json
import re
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest

from looking import DESK, axe_findings, take_picture
from photopeak.evidence import Subject
from photopeak.phantom.flood import flood_files

PASSWORD = "a flood every morning"
TUBE_X_MM, TUBE_Y_MM, DEAD_ON = 60.0, -45.0, 2
LIMIT = 5.0


@dataclass(frozen=True)
class Telling:
    """One telling of the story: its language, its hospital, its camera."""

    language: str
    hospital: str
    number: int

    def say(self, en: str, zh: str) -> str:
        return en if self.language == "en" else zh

    @property
    def serial(self) -> str:
        return f"2041{self.number}"

    @property
    def physicist(self) -> str:
        return f"physicist{self.number}"


TELLINGS = [Telling("zh", "岚溪医院", 1), Telling("en", "望湖医院", 2)]


@pytest.fixture(scope="module", params=TELLINGS, ids=lambda telling: telling.language)
def telling(request):
    return request.param


@pytest.fixture(scope="module")
def administrator(browser, centre):
    """The browser in which the centre was set up, at its first page."""
    context = centre.watch(browser.new_context(viewport=DESK, locale="zh-CN"))
    page = context.new_page()
    page.goto(centre.first_page)
    for name, value in {
        "centre_zh": "云汀市核医学质量控制中心", "centre_en": "Yunting Nuclear Medicine Quality Control Centre",
        "username": "administrator", "name_zh": "沈若岚", "password": PASSWORD,
    }.items():  # fmt: skip
        page.fill(f"#id_{name}", value)
    page.click("form.card button")
    page.wait_for_selector("nav.nav")
    add_person(page, centre, "inspector", "inspector", "云汀市核医学质量控制中心", "顾远舟", "Gu Yuanzhou")
    yield page
    context.close()


def add_person(page, centre, username, role, organisation, name_zh, name_en):
    page.goto(f"{centre.address}/people/new/")
    for field, value in {"username": username, "name_zh": name_zh, "name_en": name_en, "password": PASSWORD}.items():
        page.fill(f"#id_{field}", value)
    page.select_option("#id_organisation", label=organisation)
    page.select_option("#id_role", value=role)
    page.click("form.fields button.main")
    page.wait_for_url("**/people/")


def sign_in(browser, centre, username, language):
    """A browser of its own for this person, in this language, at the page of today."""
    context = centre.watch(browser.new_context(viewport=DESK, locale="zh-CN" if language == "zh" else "en-GB"))
    page = context.new_page()
    page.goto(f"{centre.address}/")
    if page.get_attribute("html", "lang") != {"zh": "zh-CN", "en": "en"}[language]:
        page.click(f".langs button[lang={language}]")
    page.fill("#id_username", username)
    page.fill("#id_password", PASSWORD)
    page.click("form.card button")
    page.wait_for_selector("nav.nav")
    return page


@pytest.fixture(scope="module")
def flood(tmp_path_factory, telling):
    """The flood of the telling's camera: detector 2 has a dead tube."""
    about = Subject(manufacturer="Meridian", model="NM-640", station="NM1", serial=telling.serial)
    files = flood_files(
        tmp_path_factory.mktemp("flood"), about, seed=telling.number, tube_depth_percent=100.0, tube_x_mm=TUBE_X_MM,
        tube_y_mm=TUBE_Y_MM, tube_detector=DEAD_ON,
    )  # fmt: skip
    return next(path for path in files if path.suffix == ".dcm")


@pytest.fixture(scope="module")
def told(browser, centre, administrator, telling, flood):
    """The story once through; the tests after it look at how it came out."""
    story = Story(browser, centre, administrator, telling, flood)
    story.the_hospital_is_entered()
    story.the_physicist_registers_the_camera()
    story.the_flood_is_handed_in()
    story.the_verdict_is_read()
    story.the_inspector_reviews()
    yield story
    story.hospital.context.close()


class Story:
    """What happens, in order; each step keeps what its test asks about."""

    def __init__(self, browser, centre, administrator, telling, flood):
        self.browser, self.centre, self.administrator, self.telling, self.flood = browser, centre, administrator, telling, flood
        self.barriers: list[str] = []
        self.states: list[str] = []

    def look(self, page, name):
        self.barriers += axe_findings(page)
        take_picture(page, f"{self.telling.language}.{name}")

    def the_hospital_is_entered(self):
        page, telling = self.administrator, self.telling
        page.goto(f"{self.centre.address}/hospitals/new/")
        page.fill("#id_name_zh", telling.hospital)
        page.fill("#id_name_en", {"岚溪医院": "Lanxi Hospital", "望湖医院": "Wanghu Hospital"}[telling.hospital])
        page.click("form.fields button.main")
        add_person(page, self.centre, telling.physicist, "hospital_physicist", telling.hospital, "陆景行", "Lu Jingxing")

    def the_physicist_registers_the_camera(self):
        page = self.hospital = sign_in(self.browser, self.centre, self.telling.physicist, self.telling.language)
        self.look(page, "01-today-empty")
        page.click(f"nav.nav >> text={self.telling.say('Devices', '设备')}")
        page.click(f"text={self.telling.say('Register a device', '登记设备')}")
        for name, value in {
            "manufacturer": "Meridian",
            "model": "NM-640",
            "serial": self.telling.serial,
            "detectors": "2",
        }.items():
            page.fill(f"#id_{name}", value)
        page.select_option("#id_kind", "spect")
        self.look(page, "02-register")
        page.click("form.fields button.main")
        page.click(f"text={self.telling.say('Add a limit', '添加限值')}")
        page.select_option("#id_measured", "gamma_camera.flood_uniformity|integral_uniformity")
        for name, value in {
            "place": "fov=UFOV", "upper": str(LIMIT), "source": "Meridian NM-640, 3.1", "read_by": "2026-05-14 LJX",
        }.items():  # fmt: skip
            page.fill(f"#id_{name}", value)
        page.click("form.fields button.main")
        page.wait_for_url("**/devices/*/")
        self.device = page.url

    def the_flood_is_handed_in(self):
        page, say = self.hospital, self.telling.say
        page.click(f"text={say('Hand in evidence', '上传证据')}")
        page.click("form.fields button.main")
        page.wait_for_selector("[data-upload]")
        self.look(page, "03-hand-in")
        page.set_input_files("[data-files]", self.flood)
        page.wait_for_selector("[data-upload][data-arrived='1']")
        self.arrived = page.inner_text("[data-said]")
        self.sent = page.eval_on_selector("[data-progress]", "bar => bar.value")
        page.click("[data-close]")
        page.wait_for_selector("#progress table")
        self.states.append(page.inner_text("#progress tbody td"))
        page.wait_for_selector("#progress .v.fail", timeout=90_000)  # the fragment asks by itself until the worker is done
        self.states.append(page.inner_text("#progress tbody td"))
        self.look(page, "04-progress")

    def the_verdict_is_read(self):
        page = self.hospital
        page.click("#progress td a")
        page.wait_for_selector("[data-viewer][data-shown]")
        self.result = page.url
        self.heading = page.inner_text("h1")
        self.first_row = page.inner_text("table.results tbody tr")
        self.shown = page.inner_text("[data-title]")
        self.look(page, "05-result")
        self.dead = read_out(page, TUBE_X_MM, TUBE_Y_MM)
        self.alive = read_out(page, -TUBE_X_MM, -TUBE_Y_MM)
        self.the_raw_frames_are_opened_by_keyboard(page)

    def the_raw_frames_are_opened_by_keyboard(self, page):
        """The image as handed in: its second frame is detector 2; the point that is read moves by shift and the arrows."""
        page.focus("[data-picture]")
        page.keyboard.press("ArrowDown")
        page.wait_for_selector("[data-viewer][data-shown='raw0.0']")
        page.keyboard.press("ArrowDown")
        page.wait_for_selector("[data-viewer][data-shown='raw0.1']")
        self.raw_title = page.inner_text("[data-title]")
        self.raw_frame = page.inner_text("[data-frame-name]")
        about = json.loads(page.get_attribute("[data-viewer]", "data-place"))
        steps = {axis: round(mm / spacing) for axis, mm, spacing in zip("xy", (TUBE_X_MM, TUBE_Y_MM), about["pixel_mm"][::-1])}
        for _ in range(steps["x"]):
            page.keyboard.press("Shift+ArrowRight")
        for _ in range(-steps["y"]):
            page.keyboard.press("Shift+ArrowUp")
        self.raw_dead = number_in(page.inner_text("[data-value]"))
        page.keyboard.press("p")
        self.profile_shown = page.is_visible("[data-line]")
        page.keyboard.press("?")
        self.keys_listed = page.inner_text("dialog[open]")
        self.look(page, "05-result-raw-keys")
        page.keyboard.press("Escape")

    def the_inspector_reviews(self):
        page = self.inspector = sign_in(self.browser, self.centre, "inspector", self.telling.language)
        self.look(page, "06-inspector-today")
        page.click(f"table >> text={self.telling.say('Flood uniformity', '泛源均匀性')} >> nth=0")
        page.wait_for_selector("form.reviewing")
        self.reviewed = page.url
        for decision, words in (
            ("comment", self.telling.say("Which tube is it?", "是哪一支光电倍增管？")),
            (
                "reject",
                self.telling.say("Taken before the service; hand in the one after it.", "系维修前采集，请上传维修后的图像。"),
            ),
            ("accept", self.telling.say("Detector 2 has a dead tube.", "探头 2 有一支光电倍增管失效。")),
        ):
            page.keyboard.press("v")  # all of it by keyboard: to the words, then on to the button
            page.keyboard.type(words)
            for _ in range(1 + ("accept", "comment", "reject").index(decision)):
                page.keyboard.press("Tab")
            page.keyboard.press("Enter")
            page.wait_for_selector(f".review >> text={words}")
            self.states.append(page.inner_text("[data-review-state]"))
        self.look(page, "07-reviewed")
        page.context.close()
        self.hospital.goto(self.result)
        self.read_by_the_hospital = self.hospital.inner_text("body")
        self.hospital.goto(self.device)
        self.hospital.wait_for_selector("[data-trend][data-drawn]")
        self.hospital.wait_for_selector("[data-viewer][data-shown]")
        self.device_says = self.hospital.inner_text("main")
        self.look(self.hospital, "08-device")


READINGS = (100.2, 99.8, 100.1, 99.9, 100.4, 99.6, 100.0, 100.3, 99.7, 100.0)


def test_readings_without_an_image_are_typed_in_and_judged(told):
    """A cell that is no number is told at its place; corrected, the same form is taken in and measured."""
    page, say = told.hospital, told.telling.say
    page.goto(f"{told.centre.address}/evidence/enter/")
    page.click(f"text={say('Activity meter reproducibility', '活度计重复性')}")
    for line, value in enumerate(READINGS):
        if page.locator(f"[id='row.{line}.readings_mbq']").count() == 0:
            page.click("[data-add]")
        page.fill(f"[id='row.{line}.readings_mbq']", "100,3 MBq" if line == 7 else str(value))
    page.click("aside button.main")
    wrong = page.locator("[aria-invalid=true]")
    assert wrong.count() == 1
    assert wrong.get_attribute("name") == "row.7.readings_mbq"
    assert say("without its unit", "不带单位") in page.inner_text(".has-wrong .wrong")
    take_picture(page, f"{told.telling.language}.09-entered-wrong")
    page.fill("[id='row.7.readings_mbq']", str(READINGS[7]))
    page.click("aside button.main")
    page.wait_for_url("**/studies/*/")
    assert say("The table", "表格内容") in page.inner_text("main")
    for _ in range(60):
        if page.locator(f"table >> text={say('Activity meter reproducibility', '活度计重复性')}").count():
            break
        page.wait_for_timeout(500)
        page.reload()
    page.click(f"table >> text={say('Activity meter reproducibility', '活度计重复性')}")
    page.wait_for_selector("#side-by-side")
    assert "0.26" in page.inner_text("main")  # the standard deviation of these readings, in per cent of their mean
    take_picture(page, f"{told.telling.language}.10-entered-result")


def read_out(page, x_mm, y_mm):
    """The number under the pointer at a place of the picture, in mm from the centre of the field."""
    about = json.loads(page.get_attribute("[data-viewer]", "data-place"))
    page.locator("[data-picture]").scroll_into_view_if_needed()
    box = page.locator("[data-picture]").bounding_box()
    across = (x_mm - about["left_mm"]) / about["pixel_mm"][1] / about["columns"]
    down = (y_mm - about["top_mm"]) / about["pixel_mm"][0] / about["rows"]
    page.mouse.move(box["x"] + across * box["width"], box["y"] + down * box["height"])
    return number_in(page.inner_text("[data-value]"))


def number_in(text):
    """The number at the beginning of a written value: true minus, thin spaces between thousands."""
    return float(re.match(r"[−\d.\u2009]+", text)[0].replace("−", "-").replace("\u2009", ""))


def test_the_upload_says_what_arrived(told):
    assert told.sent == 1.0
    assert told.telling.say("All have arrived", "全部到达") in told.arrived


def test_the_check_is_seen_waiting_or_running_and_then_done(told):
    waiting = [told.telling.say("waiting", "等待"), told.telling.say("running", "进行中")]
    assert any(word in told.states[0] for word in waiting), told.states
    assert told.telling.say("done", "完成") in told.states[1]


def test_the_verdict_is_fail_with_its_number_limit_and_place(told):
    say = told.telling.say
    assert say("fail", "不合格") in told.heading
    assert say("integral uniformity", "积分均匀性") in told.first_row.lower()
    assert "5.0" in told.first_row
    assert re.search(r"\b(99|100)\.\d", told.first_row), told.first_row  # a dead tube: maximum and nothing


def test_the_picture_opens_on_the_detector_with_the_dead_tube(told):
    assert told.telling.say("detector 2", "探头 2") in told.shown.lower()
    assert told.alive > 100
    assert told.dead < 0.02 * told.alive


def test_the_raw_frames_and_every_key_are_within_reach_of_the_keyboard(told):
    assert told.telling.say("detector 2", "探头 2") in told.raw_title
    assert "2" in told.raw_frame
    assert told.raw_dead == 0
    assert told.profile_shown
    for key in ("W", "O", "P", "B", "F", "/", "?"):
        assert key in told.keys_listed.split()


def test_the_inspector_comments_rejects_and_accepts_and_the_hospital_reads_it(told):
    say = told.telling.say
    assert told.reviewed == told.result
    assert told.states[2:] == [say("to be reviewed", "待审核"), say("rejected", "已退回"), say("accepted", "已接受")]
    assert say("Detector 2 has a dead tube.", "探头 2 有一支光电倍增管失效。") in told.read_by_the_hospital
    assert say("Gu Yuanzhou", "顾远舟") in told.read_by_the_hospital
    assert say("fail", "不合格") in told.device_says


def test_no_page_of_the_story_has_a_serious_barrier(told):
    assert told.barriers == []


def test_no_page_complains_and_no_request_leaves_the_machine(told, centre):
    assert len(centre.requests) > 100
    assert centre.asked_elsewhere() == []
    assert centre.complaints == []


def every_page(page, start):
    """The addresses of all pages reachable by links, one for each form of address (numbers and queries left out)."""
    found, waiting = {}, [start]
    while waiting:
        url = waiting.pop()
        key = re.sub(r"\d+", "N", urlsplit(url).path)
        if key in found or Path(key).suffix:
            continue
        found[key] = url
        body = page.request.get(url).text()
        waiting += [urljoin(url, unescape(link)) for link in re.findall(r'<a\b[^>]*href="([^"]+)"', body)]
    return found


#: forms of tests without images: readings alone, both parts with options, once only, choices
FORMS = (
    "activity_meter.reproducibility",
    "activity_meter.linearity",
    "radionuclide_therapy.delivery",
    "gamma_camera.count_rate",
)


def test_no_listed_page_has_a_serious_barrier(told, browser, centre):
    """The inspector may do most, so most pages are looked at with the inspector's buttons; each other role adds its own pages."""
    barriers, seen, language = [], set(), told.telling.language
    for username in ("inspector", "administrator", told.telling.physicist):
        page = sign_in(browser, centre, username, language)
        for key, url in every_page(page, f"{centre.address}/").items():
            if key not in seen:
                page.goto(url)
                barriers += axe_findings(page)
                seen.add(key)
        if username != "administrator":
            for name in FORMS:
                page.goto(f"{centre.address}/evidence/enter/?procedure={name}")
                barriers += axe_findings(page)
        page.context.close()
    assert seen >= {
        "/", "/people/", "/people/N/", "/hospitals/", "/hospitals/N/", "/hospitals/N/edit/", "/devices/", "/devices/N/", "/devices/N/edit/",
        "/devices/N/limits/", "/devices/import/", "/evidence/", "/evidence/N/", "/studies/N/", "/held/", "/senders/", "/jobs/", "/results/",
        "/results/N/", "/region/", "/audit/", "/health/",
    }  # fmt: skip
    assert barriers == []
    assert centre.asked_elsewhere() == []
    assert centre.complaints == []
