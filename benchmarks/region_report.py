"""The half-year report of a large made-up region: how long gathering and typesetting take.

    python benchmarks/region_report.py [--hospitals 1000]

Makes the region by bulk inserts in an empty home of its own, then runs what `photopeak report` runs, with the same progress.
"""

from __future__ import annotations

import argparse
import datetime
import os
import random
import resource
import subprocess
import sys
import tempfile
import time

PROCEDURES = (
    (
        "gamma_camera.flood_uniformity",
        "Flood uniformity",
        "泛源均匀性",
        ("integral_uniformity", "differential_uniformity"),
        "%",
    ),
    ("spect.centre_of_rotation", "Centre of rotation", "旋转中心", ("cor_offset",), "mm"),
    ("spect.tomographic_uniformity", "Tomographic uniformity", "断层均匀性", ("ring_amplitude",), "%"),
)
ANALYTES = ("TSH", "FT3", "FT4", "AFP", "CEA")


def make(hospitals: int, year: int, seed: int = 3) -> dict[str, int]:
    """1 to 3 devices a hospital, three procedures each, six EQA analytes at a third of them, monthly forms, findings."""
    from django.db import transaction
    from django.utils import timezone

    from photopeak_centre.checks.models import Judgement, Measurement, Result
    from photopeak_centre.devices.models import Device
    from photopeak_centre.eqa_rounds.models import Round, Score
    from photopeak_centre.evidence.models import Study
    from photopeak_centre.findings.models import Act, Finding
    from photopeak_centre.hospitals.models import Organisation
    from photopeak_centre.indicators.models import Monthly
    from photopeak_centre.indicators.national import national

    chance = random.Random(seed)
    with transaction.atomic():
        Organisation.objects.create(
            kind="centre", name_zh="示例市核医学质量控制中心（虚构）", name_en="Example Centre (made up)"
        )
        owners = Organisation.objects.bulk_create(
            Organisation(
                kind="hospital",
                name_zh=f"第{n}医院",
                name_en=f"Hospital {n}",
                district_zh=f"第{n % 16}区",
                district_en=f"District {n % 16}",
            )
            for n in range(hospitals)
        )
        devices = Device.objects.bulk_create(
            Device(organisation=owner, kind=chance.choice(("spect", "spect_ct", "pet_ct")), manufacturer="Meridian", model="NM-640", serial=f"{owner.pk}-{k}")
            for owner in owners for k in range(chance.randint(1, 3))
        )  # fmt: skip
        studies = Study.objects.bulk_create(
            Study(organisation_id=d.organisation_id, uid=f"1.{d.pk}", device=d) for d in devices
        )
        day = timezone.make_aware(datetime.datetime(year, 3, 2, 9))
        results = Result.objects.bulk_create(
            Result(
                organisation_id=d.organisation_id, study=s, device=d, job=1, procedure=name, name_en=en, name_zh=zh, version="0.1.0",
                evidence_sha256=f"{d.pk:064d}", stage="status", acquired=day + datetime.timedelta(hours=chance.randrange(2000)),
                outcome=chance.choices(("pass", "fail", "undecided"), (90, 6, 4))[0], document={},
            )
            for d, s in zip(devices, studies) if chance.random() < 0.95 for name, en, zh, _, _ in PROCEDURES
        )  # fmt: skip
        quantities = {name: (found, unit) for name, _, _, found, unit in PROCEDURES}
        measured = Measurement.objects.bulk_create(
            Measurement(
                result=r, device_id=r.device_id, acquired=r.acquired, quantity=quantity, place="{}", where={},
                value=chance.uniform(5.1, 8) if r.outcome == "fail" else chance.uniform(2, 4.5), unit=quantities[r.procedure][1], uncertainty=0.1,
            )
            for r in results for quantity in quantities[r.procedure][0]
        )  # fmt: skip
        limit = {"lower": None, "upper": 5.0, "standard": "EX 1", "edition": "2000", "clause": "1"}
        Judgement.objects.bulk_create(
            Judgement(result_id=m.result_id, measurement=m, outcome=m.result.outcome, criterion=limit) for m in measured
        )
        round_ = Round.objects.create(
            scheme_zh="激素", scheme_en="Hormones", name="1", closed_on=datetime.date(year, 5, 20), protocol_sha256="0" * 64
        )
        scores = Score.objects.bulk_create(
            Score(round=round_, laboratory=owner, analyte=a, analyte_en=a, analyte_zh=a, results=5, acceptable=5 - (k := chance.choice((0, 0, 0, 1, 3))),
                  score_percent=20.0 * (5 - k), outcome="pass" if k < 2 else "fail")
            for owner in owners[::3] for a in ANALYTES
        )  # fmt: skip
        forms = Monthly.objects.bulk_create(
            Monthly(organisation=owner, month=datetime.date(year, month, 1), code=one.code, numerator=chance.randrange(40, 60), denominator=60)
            for owner in owners for month in range(1, 7) for one in national().indicators if one.origin == "form"
        )  # fmt: skip
        findings = Finding.objects.bulk_create(
            Finding(organisation_id=r.organisation_id, device_id=r.device_id, source="test", procedure=r.procedure, words_en="outside", words_zh="超限", raised=r.acquired)
            for r in results if r.outcome == "fail"
        )  # fmt: skip
        Act.objects.bulk_create(
            Act(finding=f, act="notify", before="raised", after="notified", at=f.raised) for f in findings[::2]
        )
    return {"hospitals": len(owners), "devices": len(devices), "results": len(results), "scores": len(scores), "forms": len(forms), "findings": len(findings)}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--hospitals", type=int, default=1000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        os.environ |= {"PHOTOPEAK_HOME": home, "DJANGO_SETTINGS_MODULE": "photopeak_centre.settings"}
        from photopeak_centre.command import migrate, start

        start()
        migrate()
        print(make(arguments.hospitals, 2026))
        begun = time.perf_counter()
        run = [sys.executable, "-m", "photopeak_centre", "report", "2026H1", "--out", f"{home}/out", "--home", home]
        done = subprocess.run(run, stdin=subprocess.DEVNULL, check=False)
        seconds = time.perf_counter() - begun
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        sizes = {name: os.path.getsize(f"{home}/out/{name}") // 1000 for name in sorted(os.listdir(f"{home}/out"))}
        print(
            f"exit {done.returncode}: {seconds:.1f} s, {used.ru_utime + used.ru_stime:.1f} s of CPU, peak {used.ru_maxrss / 1024:.0f} MB; kB {sizes}"
        )


if __name__ == "__main__":
    main()
