"""The demonstration's region: 26 SPECT and 25 SPECT/CT in made-up hospitals, tested with simulated phantoms of known faults.

Three more cameras could not be tested, and seventeen PET/CT wait for the second half-year.

The images go the same road as a hospital's own: intake, job, worker, verdict. Hospitals, people, makers and limits are made up;
the counts are those of a real half-year.
"""

from __future__ import annotations

import datetime
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any

DISTRICTS = (
    ("黄浦区", "Huangpu"), ("徐汇区", "Xuhui"), ("长宁区", "Changning"), ("静安区", "Jing'an"), ("普陀区", "Putuo"), ("虹口区", "Hongkou"),
    ("杨浦区", "Yangpu"), ("浦东新区", "Pudong"), ("闵行区", "Minhang"), ("宝山区", "Baoshan"), ("嘉定区", "Jiading"), ("松江区", "Songjiang"),
)  # fmt: skip
NAMES = (
    ("岚溪", "Lanxi"), ("望湖", "Wanghu"), ("石桥", "Shiqiao"), ("北汀", "Beiting"), ("青屿", "Qingyu"), ("南栅", "Nanzha"), ("东塘", "Dongtang"),
    ("鹤湾", "Hewan"), ("桐溪", "Tongxi"), ("沙浦", "Shapu"), ("海角", "Haijiao"), ("西岚", "Xilan"), ("中城", "Zhongcheng"), ("云汀", "Yunting"),
    ("澜桥", "Lanqiao"), ("松月", "Songyue"), ("梅陇溪", "Meilongxi"), ("枫渚", "Fengzhu"), ("听潮", "Tingchao"), ("星苑", "Xingyuan"),
    ("白鹭", "Bailu"), ("清渠", "Qingqu"), ("银杏", "Yinxing"), ("春申渡", "Chunshendu"), ("芦洲", "Luzhou"), ("远帆", "Yuanfan"),
    ("明轩", "Mingxuan"), ("竹泾", "Zhujing"), ("紫藤", "Ziteng"), ("临江", "Linjiang"), ("叠泉", "Diequan"), ("安澜", "Anlan"),
    ("和煦", "Hexu"), ("长汀", "Changting"),
)  # fmt: skip
MODELS = {
    "spect": (("Meridian", "NM-640"), ("Aster", "Gemini 2"), ("Corvus", "SP-510")),
    "spect_ct": (("Meridian", "NM-680 CT"), ("Aster", "Gemini CT"), ("Corvus", "SC-720")),
}
COUNTS = {"spect": 28, "spect_ct": 26}  #: of which 26 and 25 are tested
PET_CT = 17
#: device number -> what is wrong with it; the rest is sound
FAULTS: dict[str, dict[int, dict[str, Any]]] = {
    "spect": {
        3: {"flood": {"tube_depth_percent": 30.0, "tube_detector": 2}},
        9: {"flood": {"gradient_percent": 5.0}},
        14: {"cor": {"offset_mm": 3.4, "tilt_deg": 1.2}},
        17: {"flood": {"tube_gain_percent": 1.0}},
        21: {"flood": {"tube_depth_percent": 3.4}},
    },
    "spect_ct": {
        5: {"flood": {"tube_depth_percent": 18.0, "tube_detector": 1}},
        11: {"cor": {"offset_mm": 2.9}},
        16: {"flood": {"tube_depth_percent": 3.2, "tube_detector": 2}},
    },
}
NOT_TESTED = {"spect": (26, 27), "spect_ct": (25,)}
#: devices that failed in the autumn before, had a notice, and pass now
PUT_RIGHT = {"spect": 12, "spect_ct": 7}
#: devices that also send a monthly constancy flood; the first one drifts
MONTHLY = {"spect": (3, 0), "spect_ct": (1,)}
LIMITS = (
    ("integral_uniformity", {"fov": "UFOV"}, 5.0, "%"),
    ("integral_uniformity", {"fov": "CFOV"}, 4.0, "%"),
    ("differential_uniformity", {"fov": "UFOV"}, 3.5, "%"),
    ("differential_uniformity", {"fov": "CFOV"}, 3.0, "%"),
    ("cor_offset", {}, 2.0, "mm"),
)
PEOPLE = (
    ("director", "director", "陆景行", "Lu Jingxing"),
    ("secretary", "secretary", "沈若岚", "Shen Ruolan"),
    ("inspector", "inspector", "顾远舟", "Gu Yuanzhou"),
    ("expert", "expert", "叶知秋", "Ye Zhiqiu"),
    ("authority", "health_authority", "卫生健康委", "Health commission"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Test:
    """One simulated acquisition: which phantom, with which options, of which device, when."""

    kind: str
    device: int
    about: dict[str, str]
    at: datetime.datetime
    seed: int
    options: dict[str, Any] = field(default_factory=dict)


def simulate(test: Test) -> tuple[Test, list[tuple[str, bytes]]]:
    """The files of one acquisition, with the device and the date in their headers."""
    from pydicom import dcmread
    from pydicom.filebase import DicomBytesIO

    from photopeak.phantom.flood import flood_files
    from photopeak.phantom.spect_projections import centre_of_rotation_files

    made = {"flood": flood_files, "cor": centre_of_rotation_files}[test.kind]
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for path in made(Path(folder), seed=test.seed, **test.options):
            if path.suffix != ".dcm":
                continue
            dataset = dcmread(path)
            dataset.Manufacturer, dataset.ManufacturerModelName = test.about["manufacturer"], test.about["model"]
            dataset.DeviceSerialNumber, dataset.StationName = test.about["serial"], test.about["station"]
            dataset.StudyInstanceUID = f"{dataset.StudyInstanceUID[:40].rstrip('.')}.{test.device}.{test.seed}"
            dataset.SeriesInstanceUID = f"{dataset.StudyInstanceUID}.1"
            dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = f"{dataset.StudyInstanceUID}.1.1"
            for part in ("Study", "Series", "Acquisition", "Content"):
                setattr(dataset, f"{part}Date", test.at.strftime("%Y%m%d"))
                setattr(dataset, f"{part}Time", test.at.strftime("%H%M%S"))
            stream = DicomBytesIO()
            dataset.save_as(stream, enforce_file_format=True)
            found.append((f"{test.kind}_{test.at:%Y%m%d}.dcm", stream.getvalue()))
    return test, found


def make_region(year: int) -> tuple[str, list[Test]]:
    """The centre, its hospitals, devices, limits and people; returns the password of all of them and the tests to simulate."""
    from django.db import transaction

    from photopeak_centre.accounts.models import Person
    from photopeak_centre.audit.chain import record
    from photopeak_centre.hospitals.models import Department, Organisation

    password = secrets.token_urlsafe(9)
    with transaction.atomic():
        centre = Organisation.objects.create(
            kind="centre",
            name_zh="示例市核医学质量控制中心（虚构）",
            name_en="Example Nuclear Medicine Quality Control Centre (made up)",
        )
        admin = {"name_zh": "管理员", "name_en": "Administrator", "organisation": centre, "role": "administrator"}
        Person.objects.make("admin", password, **admin)
        for username, role, zh, en in PEOPLE:
            Person.objects.make(username, password, name_zh=zh, name_en=en, organisation=centre, role=role)
        hospitals = []
        for number, (zh, en) in enumerate(NAMES):
            district_zh, district_en = DISTRICTS[number % len(DISTRICTS)]
            hospital = Organisation.objects.create(
                kind="hospital", name_zh=f"{zh}医院", name_en=f"{en} Hospital", district_zh=district_zh, district_en=district_en
            )
            Department.objects.create(organisation=hospital, name_zh="核医学科", name_en="Nuclear medicine")
            hospitals.append(hospital)
        Person.objects.make(
            "physicist", password, name_zh="林子衿", name_en="Lin Zijin", organisation=hospitals[0], role="hospital_physicist"
        )
        tests = list(_devices(hospitals, year))
        record("demonstration made", "region", devices=sum(COUNTS.values()))
    return password, tests


def _devices(hospitals: list[Any], year: int) -> Iterator[Test]:
    from photopeak_centre.devices.models import Device, DeviceLimit

    for kind, count in COUNTS.items():
        for number in range(count):
            maker, model = MODELS[kind][number % 3]
            hospital = hospitals[(3 * number + (0 if kind == "spect" else 1)) % len(hospitals)]
            device = Device.objects.create(
                organisation=hospital,
                department=hospital.departments.first(),
                kind=kind,
                manufacturer=maker,
                model=model,
                serial=f"{20400 + number}{'C' if kind == 'spect_ct' else ''}",
                station=f"NM{number + 1}",
                room=f"{number % 4 + 1}",
                detectors=2,
                ufov_rows_mm=387.0,
                ufov_columns_mm=533.0,
                installed=datetime.date(year - 3 - number % 8, number % 12 + 1, 15),
            )
            DeviceLimit.objects.bulk_create(
                DeviceLimit(
                    device=device, basis="manufacturer", stage="status", quantity=quantity, where=where, upper=upper, unit=unit,
                    source="示例厂家指标（虚构） / example specification (made up)", read_by="demo",
                )
                for quantity, where, upper, unit in LIMITS
            )  # fmt: skip
            yield from _tests(device, kind, number, year)
    Device.objects.bulk_create(
        Device(
            organisation=hospitals[(2 * number + 1) % len(hospitals)], kind="pet_ct", manufacturer="Lumen", model="PC-128",
            serial=f"L8-{93 + number:04}", station=f"PT{number + 1}", installed=datetime.date(year - 2 - number % 6, 5, 15),
        )
        for number in range(PET_CT)
    )  # fmt: skip


def _tests(device: Any, kind: str, number: int, year: int) -> Iterator[Test]:
    if number in NOT_TESTED[kind]:
        return
    fault = FAULTS[kind].get(number, {})
    about = {"manufacturer": device.manufacturer, "model": device.model, "serial": device.serial, "station": device.station}
    at = datetime.datetime(year, 3 + number % 3, 2 + number % 25, 9, 10)
    seed = 100 * number + (50_000 if kind == "spect_ct" else 10_000)
    field_size = {"field_rows_mm": 400.0, "field_columns_mm": 546.0}
    flood = {"counts": 60e6, **field_size, **fault.get("flood", {})}
    cor = {"offset_mm": 0.3 + 0.1 * (number % 7), "tilt_deg": 0.2, **fault.get("cor", {})}
    yield Test(kind="flood", device=device.pk, about=about, at=at, seed=seed, options=flood)
    yield Test(kind="cor", device=device.pk, about=about, at=at + datetime.timedelta(hours=1), seed=seed + 1, options=cor)
    if number == PUT_RIGHT[kind]:
        faulty = {"counts": 60e6, **field_size, "tube_depth_percent": 24.0, "tube_detector": 1}
        when = datetime.datetime(year - 1, 10, 12 + number, 9, 10)
        yield Test(kind="flood", device=device.pk, about=about, at=when, seed=seed + 5, options=faulty)
    if number in MONTHLY[kind]:
        drifts = number == MONTHLY["spect"][0] and kind == "spect"
        for month in range(6):
            depth = 1.5 * month if drifts else 0.0
            options = {"counts": 40e6, "matrix": 128, **field_size, "tube_depth_percent": depth, "tube_detector": 2}
            when = at - datetime.timedelta(days=30 * (6 - month))
            yield Test(kind="flood", device=device.pk, about=about, at=when, seed=seed + 10 + month, options=options)


def build(home: Path, say: Callable[[str, int, int], None], *, workers: int = 2) -> str:
    """The whole region in an empty home, simulated, handed in, checked; returns the password of the made-up people."""
    from photopeak_centre.devices.models import Device
    from photopeak_centre.evidence.intake import take
    from photopeak_centre.evidence.models import HandIn
    from photopeak_centre.half_year.demo import story_year, tell
    from photopeak_centre.jobs.models import Job

    year = story_year(datetime.date.today())
    password, tests = make_region(year)
    hand_ins: dict[int, HandIn] = {}
    owners = dict(Device.objects.values_list("id", "organisation"))
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_calm) as pool:
        for done, (test, files) in enumerate(pool.map(simulate, tests), 1):
            owner = owners[test.device]
            if owner not in hand_ins:
                hand_ins[owner] = HandIn.objects.create(organisation_id=owner, route="form")
            for name, data in files:
                take(hand_ins[owner], data, name)
            say("simulate", done, len(tests))
    from django.utils import timezone

    HandIn.objects.filter(pk__in=[one.pk for one in hand_ins.values()]).update(closed=timezone.now(), route="folder")
    run = [sys.executable, "-m", "photopeak_centre", "worker", "--until-idle", "--home", str(home)]
    children = [subprocess.Popen(run, stdin=subprocess.DEVNULL, env=_one_thread()) for _ in range(workers)]
    while any(child.poll() is None for child in children):
        say("check", Job.objects.filter(state="done").count(), len(tests))
        time.sleep(0.5)
    say("check", Job.objects.filter(state="done").count(), len(tests))
    tell(year, say)
    return password


def _one_thread() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def _calm() -> None:
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
