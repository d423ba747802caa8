"""From a failing result to a closed finding, by three people in three browsers, in Chinese and in English.

A flood with a weak tube fails; the inspector raises the finding and drafts the notice, the director issues it, the hospital's physicist
confirms receipt, answers with a repair slip and a flood acquired after the answer; the inspector re-inspects with it and drafts the
opinion; the director issues that, and the finding is closed. Each page on the way is looked at by axe, on a desk and on a phone.
"""

import datetime
import time
from zoneinfo import ZoneInfo

import pydicom
import pypdfium2 as pdfium
import pytest
from test_centre_in_the_browser import PASSWORD, add_person, sign_in

from looking import axe_findings, take_picture
from photopeak.evidence import Subject
from photopeak.phantom.flood import flood_files

CENTRE = "云汀市核医学质量控制中心"
SLIP = b"%PDF-1.4\n% repair slip\n"


@pytest.fixture(scope="module")
def administrator(browser, centre):
    context = centre.watch(browser.new_context(viewport={"width": 1440, "height": 1000}, locale="zh-CN"))
    page = context.new_page()
    page.goto(centre.first_page)
    for name, value in {
        "centre_zh": CENTRE, "centre_en": "Yunting Nuclear Medicine Quality Control Centre", "username": "administrator", "name_zh": "沈若岚",
        "password": PASSWORD,
    }.items():  # fmt: skip
        page.fill(f"#id_{name}", value)
    page.click("form.card button")
    page.wait_for_selector("nav.nav")
    add_person(page, centre, "inspector", "inspector", CENTRE, "顾远舟", "Gu Yuanzhou")
    add_person(page, centre, "director", "director", CENTRE, "陆景行", "Lu Jingxing")
    yield page
    context.close()


@pytest.fixture(scope="module", params=["zh", "en"])
def told(request, browser, centre, administrator, tmp_path_factory):
    """The story once through; the tests after it ask how it came out."""
    story = Story(request.param, browser, centre, administrator, tmp_path_factory.mktemp("floods"))
    story.the_hospital_and_its_camera()
    story.a_flood_fails()
    story.the_inspector_raises_and_drafts()
    story.the_director_issues_the_notice()
    story.the_hospital_answers()
    story.the_inspector_goes_back()
    story.the_director_closes()
    yield story
    for page in story.pages.values():
        page.context.close()


class Story:
    def __init__(self, language, browser, centre, administrator, folder):
        self.language, self.browser, self.centre, self.administrator, self.folder = (
            language,
            browser,
            centre,
            administrator,
            folder,
        )
        self.number = {"zh": 1, "en": 2}[language]
        self.serial, self.physicist = f"3041{self.number}", f"answering{self.number}"
        self.barriers: list[str] = []
        self.states: list[str] = []
        self.pages = {}
        self.pdfs = {}

    def say(self, en, zh):
        return en if self.language == "en" else zh

    def page_of(self, username):
        if username not in self.pages:
            self.pages[username] = sign_in(self.browser, self.centre, username, self.language)
        return self.pages[username]

    def look(self, page, name):
        self.barriers += axe_findings(page)
        take_picture(page, f"{self.language}.finding.{name}")

    def flood(self, name, depth_percent, acquired):
        """A flood of the story's camera at that moment; `depth_percent`: how weak its bad tube is."""
        about = Subject(manufacturer="Meridian", model="NM-640", station="NM1", serial=self.serial)
        seed = self.number * 10 + int(depth_percent)
        files = flood_files(
            self.folder / name, about, seed=seed, counts=40e6, tube_depth_percent=depth_percent, tube_detector=2
        )
        path = next(one for one in files if one.suffix == ".dcm")
        dataset, local = pydicom.dcmread(path), acquired.astimezone(ZoneInfo("Asia/Shanghai"))
        for part in ("Study", "Series", "Acquisition", "Content"):
            setattr(dataset, f"{part}Date", local.strftime("%Y%m%d"))
            setattr(dataset, f"{part}Time", local.strftime("%H%M%S"))
        dataset.StudyInstanceUID = f"1.2.826.0.1.3680043.10.{self.serial}.{seed}"
        dataset.SeriesInstanceUID = f"{dataset.StudyInstanceUID}.1"
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = f"{dataset.StudyInstanceUID}.1.1"
        dataset.save_as(path, enforce_file_format=True)
        return path

    def hand_in(self, page, path):
        """Hand a file in and wait for its verdict; the page of the result."""
        page.goto(f"{self.centre.address}/evidence/new/")
        page.click("form.fields button.main")
        page.wait_for_selector("[data-upload]")
        page.set_input_files("[data-files]", path)
        page.wait_for_selector("[data-upload][data-arrived='1']")
        page.click("[data-close]")
        page.wait_for_selector("#progress td .v.fail, #progress td .v.pass", timeout=120_000)
        page.click("#progress td a")
        page.wait_for_selector("h1")
        return page.url

    def the_hospital_and_its_camera(self):
        page = self.administrator
        name_zh, name_en = [("岚溪医院", "Lanxi Hospital"), ("望湖医院", "Wanghu Hospital")][self.number - 1]
        page.goto(f"{self.centre.address}/hospitals/new/")
        page.fill("#id_name_zh", name_zh)
        page.fill("#id_name_en", name_en)
        page.click("form.fields button.main")
        add_person(page, self.centre, self.physicist, "hospital_physicist", name_zh, "陆予宁", "Lu Yuning")
        page = self.page_of(self.physicist)
        page.goto(f"{self.centre.address}/devices/new/")
        for name, value in {"manufacturer": "Meridian", "model": "NM-640", "serial": self.serial, "detectors": "2"}.items():
            page.fill(f"#id_{name}", value)
        page.select_option("#id_kind", "spect")
        page.click("form.fields button.main")
        page.click(f"text={self.say('Add a limit', '添加限值')}")
        page.select_option("#id_measured", "gamma_camera.flood_uniformity|integral_uniformity")
        for name, value in {
            "place": "fov=UFOV", "upper": "5.0", "source": "Meridian NM-640, 3.1", "read_by": "2026-05-14 LJX",
        }.items():  # fmt: skip
            page.fill(f"#id_{name}", value)
        page.click("form.fields button.main")
        page.wait_for_url("**/devices/*/")

    def a_flood_fails(self):
        yesterday = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
        self.failed = self.hand_in(self.page_of(self.physicist), self.flood("bad", 30.0, yesterday))

    def the_inspector_raises_and_drafts(self):
        page = self.page_of("inspector")
        page.goto(self.failed)
        self.look(page, "01-failing-result")
        page.click("button[value=raise]")
        page.wait_for_url("**/findings/*/")
        self.finding = page.url
        self.states.append(page.inner_text(".state-now"))
        self.hidden = self.page_of(self.physicist).request.get(self.finding).status
        self.look(page, "02-raised")
        page.click(f"text={self.say('Prepare the notice', '拟制整改通知')}")
        page.wait_for_url("**/documents/*/")
        self.notice = page.url
        page.fill("#id_demand_zh", "请查明原因并整改，于{due}前书面反馈；其间请标注探头2影像。")
        page.fill("#id_demand_en", "Please find the cause and put it right by {due}; until then mark images of detector 2.")
        page.click("form.fields button.main")
        page.wait_for_load_state()
        self.look(page, "03-notice-draft")
        self.no_issue_button = page.locator("form[action$='/issue/']").count()

    def the_director_issues_the_notice(self):
        page = self.page_of("director")
        page.goto(f"{self.centre.address}/documents/?state=draft")
        self.look(page, "04-drafts")
        page.goto(self.notice)
        page.click("form[action$='/issue/'] button")
        page.wait_for_selector(".crumbs")
        page.goto(self.notice)
        self.number_of_notice = page.inner_text(".head p")
        self.look(page, "05-notice-issued")
        self.pdfs["notice"] = self.fetched(page, self.notice)
        page.goto(self.finding)
        self.states.append(page.inner_text(".state-now"))

    def fetched(self, page, address):
        files = {}
        for form in ("pdf", "docx"):
            for language in ("zh", "en"):
                files[form, language] = page.request.get(f"{address}file/?form={form}&lang={language}").body()
        return files

    def the_hospital_answers(self):
        page = self.page_of(self.physicist)
        page.goto(f"{self.centre.address}/")
        self.today = page.inner_text("main")
        self.look(page, "06-hospital-today")
        page.goto(f"{self.centre.address}/findings/")
        self.look(page, "07-hospital-findings")
        page.click("table a")
        page.wait_for_url("**/findings/*/")
        page.click(
            f"button >> text={self.say('Confirm receipt', '签收').capitalize() if self.language == 'zh' else 'confirm receipt'}"
        )
        page.wait_for_selector(f"text={self.say('send the response', '提交整改反馈')}")
        self.states.append(page.inner_text(".state-now"))
        self.look(page, "08-received")
        page.click(f"a.btn >> text={self.say('send the response', '提交整改反馈')}")
        for name, value in {
            "cause": self.say("Photomultiplier 17 has aged.", "17 号光电倍增管老化。"),
            "measure": self.say("Replaced it; new uniformity map.", "更换 17 号光电倍增管，重做均匀性校正。"),
            "person": self.say("Lu Yuning", "陆予宁"), "date": datetime.date.today().isoformat(),
        }.items():  # fmt: skip
            page.fill(f"#id_{name}", value)
        page.set_input_files("#id_files", {"name": "slip.exe", "mimeType": "application/pdf", "buffer": b"MZ no pdf"})
        page.click("form.fields button.main")
        self.refused_file = page.inner_text(".wrong")
        page.set_input_files("#id_files", {"name": "维修单.pdf", "mimeType": "application/pdf", "buffer": SLIP})
        self.look(page, "09-response")
        page.click("form.fields button.main")
        page.wait_for_url("**/findings/*/")
        self.states.append(page.inner_text(".state-now"))
        time.sleep(1.1)  # the header's time has whole seconds, and must lie after the response
        now = datetime.datetime.now(datetime.UTC)
        self.passed = self.hand_in(page, self.flood("good", 0.0, now))

    def the_inspector_goes_back(self):
        page = self.page_of("inspector")
        page.goto(self.finding)
        self.look(page, "10-responded")
        self.slip = page.request.get(page.get_attribute("a.doc[href*='/attachments/']", "href") and page.locator("a.doc[href*='/attachments/']").evaluate("a => a.href")).body()  # fmt: skip
        page.click(f"a.btn >> text={self.say('record the re-inspection', '登记复查')}")
        page.check("input[name=result]")
        page.fill("#words", self.say("Same phantom, same limit.", "同一模体、同一限值。"))
        self.look(page, "11-re-inspection")
        page.click("form.choosing button.main")
        page.wait_for_url("**/findings/*/")
        self.states.append(page.inner_text(".state-now"))
        self.look(page, "12-re-inspected")
        page.click(f"text={self.say('Prepare the opinion on re-inspection', '拟制复查意见书')}")
        page.wait_for_url("**/documents/*/")
        self.opinion = page.url
        self.proposed = page.input_value("#id_decision")
        self.look(page, "13-opinion-draft")

    def the_director_closes(self):
        page = self.page_of("director")
        page.goto(self.opinion)
        page.click("form[action$='/issue/'] button")
        page.wait_for_selector(".crumbs")
        self.pdfs["opinion"] = self.fetched(page, self.opinion)
        page.goto(self.finding)
        self.states.append(page.inner_text(".state-now"))
        self.acts = page.locator(".life .act").all_inner_texts()
        self.look(page, "14-closed")
        for name in ("practice", "practice/calendars", "practice/texts", "findings", "documents"):
            page.goto(f"{self.centre.address}/{name}/")
            self.look(page, f"15-{name.replace('/', '-')}")
        page = self.page_of(self.physicist)
        page.goto(self.finding)
        self.hospital_reads = page.inner_text("main")


def printed(pdf):
    pages = pdfium.PdfDocument(pdf)
    return "".join(page.get_textpage().get_text_range() for page in pages).replace("\r", "").replace("\n", "")


def test_the_life_is_walked_to_its_end(told):
    say = told.say
    zh = ["已提出", "已通知", "已签收", "已反馈", "已复查", "已销号"]
    en = ["raised", "notified", "received", "responded", "re-inspected", "closed"]
    assert [state.lower() for state in told.states] == say(en, zh)
    assert told.acts == ["accept", "reinspect", "respond", "receive", "notify", "raise"]


def test_the_hospital_knows_nothing_before_the_notice_and_only_the_director_issues(told):
    assert told.hidden == 404
    assert told.no_issue_button == 0
    assert told.say("1 findings open, 1 wait for you", "未销号 1 项，其中 1 项待本方办理") in told.today


def test_the_papers_say_what_was_found_and_what_was_edited(told):
    notice, opinion = (printed(told.pdfs[name]["pdf", "zh"]) for name in ("notice", "opinion"))
    assert "其间请标注探头2影像" in notice
    assert "限值≤5.0%" in notice
    assert "异议" in notice
    assert "同意销号" in opinion
    assert told.proposed == "accept"
    assert "mark images of detector 2" in printed(told.pdfs["notice"]["pdf", "en"])
    assert all(files["docx", "zh"][:2] == b"PK" for files in told.pdfs.values())
    assert f"核质控〔{datetime.date.today().year}〕{told.number}号" in told.number_of_notice


def test_evidence_is_told_by_its_bytes(told):
    assert "slip.exe" in told.refused_file
    assert told.slip == SLIP


def test_the_hospital_reads_how_it_ended(told):
    assert told.say("closed", "已销号") in told.hospital_reads.lower()
    assert told.say("Opinion on re-inspection", "整改复查意见书").lower() in told.hospital_reads.lower()


def test_no_page_of_the_story_has_a_serious_barrier(told):
    assert told.barriers == []


def test_no_page_complains_and_no_request_leaves_the_machine(told, centre):
    assert centre.asked_elsewhere() == []
    assert [one for one in centre.complaints if "404" not in one] == []
