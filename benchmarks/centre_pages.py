"""How fast the centre's pages are over a large region: 1,000 hospitals, 10,000 devices, 1,000,000 measurements.

    python benchmarks/centre_pages.py make --home DIR        fills an empty home (DATABASE_URL: an empty PostgreSQL database)
    python benchmarks/centre_pages.py measure --home DIR     requests every list and dashboard page for every role; prints p50 and p95

The rows are those that a check writes (study, file, job, result, measurements, verdicts, drawings, summary rows, audit entry), written
in bulk. Requests go through Django's test client: middleware, permission, database and template, without the network.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import random
import statistics
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

SIZES = {"hospitals": 1000, "devices": 10_000, "tests": 10}
PROCEDURE = "gamma_camera.flood_uniformity"
QUANTITIES = ("integral_uniformity", "differential_uniformity", "cor_offset", "fwhm", "system_planar_sensitivity")
PLACES = ({"detector": 1}, {"detector": 2})
OUTCOMES = ("pass",) * 90 + ("fail",) * 4 + ("undecided",) * 4 + ("not_assessed",) * 2
KINDS = ("spect", "spect_ct", "pet_ct", "gamma_camera", "activity_meter")
START = datetime.datetime(2021, 1, 4, 8, 0)
BUDGET_MS = 300.0


def start(home: Path) -> None:
    os.environ["PHOTOPEAK_HOME"] = str(home.resolve())
    os.environ["DJANGO_SETTINGS_MODULE"] = "photopeak_centre.settings"
    import django

    django.setup()


def write(model: Any, rows: Iterable[dict[str, Any]]) -> None:
    """Rows with explicit keys, by COPY or executemany; what a row leaves out gets the field's default."""
    from django.db import connection

    fields = model._meta.concrete_fields
    given: dict[str, Any] = {}
    for field in fields:
        value = field.get_default()
        if value is None and getattr(field, "auto_now_add", False):
            value = str(START)
        given[field.attname] = json.dumps(value) if isinstance(value, (dict, list)) else value
    names = ", ".join(f'"{field.column}"' for field in fields)
    attributes = [field.attname for field in fields]

    def made() -> Iterator[tuple[Any, ...]]:
        for row in rows:
            yield tuple([row.get(name, given[name]) for name in attributes])

    table = model._meta.db_table
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.copy(f'COPY "{table}" ({names}) FROM STDIN') as copy:
                for row in made():
                    copy.write_row(row)
            return
        marks = ", ".join("?" * len(fields))
        connection.connection.executemany(f'INSERT INTO "{table}" ({names}) VALUES ({marks})', made())


def make() -> None:
    """The region, in one transaction a table."""
    from django.apps import apps
    from django.core.management import call_command
    from django.core.management.color import no_style
    from django.db import connection, transaction

    call_command("migrate", verbosity=0, interactive=False)
    began = time.perf_counter()
    with transaction.atomic():
        for model, rows in tables():
            write(model, rows)
            print(
                f"{model._meta.db_table:28} {model.objects.count():>10,} rows  {time.perf_counter() - began:6.1f} s", flush=True
            )
    statements = connection.ops.sequence_reset_sql(no_style(), list(apps.get_models()))
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        cursor.execute("ANALYZE" if connection.vendor == "postgresql" else "PRAGMA optimize")


def moment(device: int, test: int) -> str:
    """When a device's test was made; no two at the same minute, the order of identifiers not that of time."""
    return str(START + datetime.timedelta(days=180 * test + device % 170, minutes=device * 7 % 1440))


def outcome(device: int, test: int, measured: int) -> str:
    return OUTCOMES[(device * 31 + test * 17 + measured * 7) % len(OUTCOMES)]


def worst(outcomes: Iterable[str]) -> str:
    found = set(outcomes)
    return next(one for one in ("fail", "undecided", "pass", "not_assessed") if one in found)


def tables() -> Iterator[tuple[Any, Iterable[dict[str, Any]]]]:
    from photopeak_centre.accounts.models import Person
    from photopeak_centre.audit.chain import START as FIRST
    from photopeak_centre.audit.chain import _canonical, _detail_hash, hash_of
    from photopeak_centre.audit.models import ChainHead, Detail, Entry
    from photopeak_centre.checks.models import Drawing, Judgement, Latest, Measurement, Result, WorstOutcome
    from photopeak_centre.devices.models import Device
    from photopeak_centre.evidence.models import Blob, HandIn, Held, Item, Sender, Study
    from photopeak_centre.hospitals.models import Organisation
    from photopeak_centre.jobs.models import Job

    hospitals, devices, tests = SIZES["hospitals"], SIZES["devices"], SIZES["tests"]
    per_result = len(QUANTITIES) * len(PLACES)
    each = [(d, t) for t in range(tests) for d in range(devices)]
    owner = [2 + d % hospitals for d in range(devices)]

    yield Organisation, [{"id": 1, "kind": "centre", "name_zh": "示例市质控中心", "name_en": "Example Centre"}]
    yield (
        Organisation,
        (
            {"id": 2 + n, "kind": "hospital", "name_zh": f"第{n * 617 % hospitals}医院", "name_en": f"Hospital {n}"}
            for n in range(hospitals)
        ),
    )
    roles = (
        "administrator",
        "director",
        "secretary",
        "inspector",
        "expert",
        "eqa_coordinator",
        "committee_member",
        "health_authority",
    )
    yield (
        Person,
        (
            {"id": n, "username": role, "name_zh": role, "organisation_id": 1, "role": role, "password": "!"}
            for n, role in enumerate(roles, 1)
        ),
    )
    own = ("hospital_physicist", "hospital_director", "laboratory_head", "therapy_officer")
    yield (
        Person,
        (
            {
                "id": 100 + n,
                "username": f"person{n}",
                "name_zh": f"人{n}",
                "organisation_id": 2 + n // 4,
                "role": own[n % 4],
                "password": "!",
            }
            for n in range(4 * hospitals)
        ),
    )
    yield Device, (
        {
            "id": 1 + d, "organisation_id": owner[d], "kind": KINDS[d % 5], "manufacturer": f"Maker {d % 9}", "model": f"Model {d * 37 % 400}",
            "serial": f"S{d}", "station": f"NM{d}", "outcome": worst(outcome(d, tests - 1, m) for m in range(per_result)),
            "last_tested": moment(d, tests - 1), "in_use": d % 50 != 0,
        }
        for d in range(devices)
    )  # fmt: skip
    yield (
        Sender,
        ({"id": 1 + n, "organisation_id": 2 + n, "address": f"10.0.{n // 250}.{n % 250 + 1}"} for n in range(hospitals)),
    )
    yield Blob, ({"sha256": f"{n:064x}", "size": 130_000} for n in range(devices * tests))
    routes = ("browser", "dicom", "folder")
    yield HandIn, (
        {"id": 1 + n, "organisation_id": 2 + n % hospitals, "route": routes[n % 3], "opened": moment(n % devices, n // hospitals % tests), "taken": 5}
        for n in range(devices * tests // 5)
    )  # fmt: skip
    yield (
        Study,
        (
            {"id": 1 + n, "organisation_id": owner[d], "uid": f"1.2.3.{n}", "device_id": 1 + d, "first_received": moment(d, t)}
            for n, (d, t) in enumerate(each)
        ),
    )
    yield Item, (
        {
            "id": 1 + n, "organisation_id": owner[d], "study_id": 1 + n, "hand_in_id": 1 + n % (devices * tests // 5), "identity": f"1.2.3.{n}.1",
            "content": f"{n:064x}", "blob_id": f"{n:064x}", "name": "flood.dcm",
        }
        for n, (d, t) in enumerate(each)
    )  # fmt: skip
    yield Held, (
        {
            "id": 1 + n, "organisation_id": 2 + n % hospitals, "hand_in_id": 1 + n, "kind": "patient" if n % 3 else "unread", "code": "patient_name",
            "settled": "" if n % 10 == 0 else "discarded", "at": moment(n, n % tests),
        }
        for n in range(devices * tests // 10)
    )  # fmt: skip
    yield Job, (
        {
            "id": 1 + n, "organisation_id": owner[d], "study_id": 1 + n, "state": "dead" if n % 1000 == 0 else "done", "not_before": moment(d, t),
            "created": moment(d, t), "attempts": 1,
        }
        for n, (d, t) in enumerate(each)
    )  # fmt: skip
    document = json.dumps({
        "procedure": PROCEDURE, "evidence": [{"path": "flood.dcm", "sha256": "0" * 64, "series_uid": "1.2"}],
        "measurements": [{"quantity": q, "value": 2.5, "unit": "%", "where": w} for q in QUANTITIES for w in PLACES],
        "verdicts": [{"quantity": q, "outcome": "pass", "clause": "x" * 120} for q in QUANTITIES for w in PLACES], "refusal": None, "remarks": [],
        "conditions": [],
    })  # fmt: skip
    reviews = ("accepted",) * 6 + ("open",) * 3 + ("rejected",)
    yield Result, (
        {
            "id": 1 + n, "organisation_id": owner[d], "study_id": 1 + n, "device_id": 1 + d, "job": 1 + n,
            "procedure": PROCEDURE, "name_en": "Flood uniformity", "name_zh": "泛源均匀性", "version": "0.1.0",
            "evidence_sha256": f"{n:064x}", "stage": "status", "acquired": moment(d, t), "made": moment(d, t), "document": document,
            "outcome": "refused" if n % 5000 == 0 else worst(outcome(d, t, m) for m in range(per_result)),
            "review": "accepted" if t < tests - 1 else reviews[d % 10],
        }
        for n, (d, t) in enumerate(each)
    )  # fmt: skip
    where = [(q, json.dumps(w, separators=(",", ":"))) for q in QUANTITIES for w in PLACES]
    chance = random.Random(1)
    yield Measurement, (
        {
            "id": 1 + n * per_result + m, "result_id": 1 + n, "device_id": 1 + d, "acquired": moment(d, t), "quantity": q, "place": place,
            "where": place, "value": 2 + chance.random(), "unit": "%", "uncertainty": 0.1,
        }
        for n, (d, t) in enumerate(each)
        for m, (q, place) in enumerate(where)
    )  # fmt: skip
    criterion = json.dumps({
        "standard": "Maker's specification", "edition": "2020", "clause": "p. 12", "quantity": "integral_uniformity", "unit": "%", "lower": None,
        "upper": 5.0, "where": {}, "stage": "status", "read_by": ["x"], "provisional": False, "condition": None, "device": {},
    })  # fmt: skip
    yield Judgement, (
        {
            "id": 1 + n * per_result + m, "result_id": 1 + n, "measurement_id": 1 + n * per_result + m, "outcome": outcome(d, t, m),
            "criterion": criterion,
        }
        for n, (d, t) in enumerate(each)
        for m in range(per_result)
    )  # fmt: skip
    last = (tests - 1) * devices
    yield Latest, (
        {
            "id": 1 + d * per_result + m, "device_id": 1 + d, "procedure": PROCEDURE, "quantity": q, "place": place, "measurement_id": 1 + (last + d) * per_result + m,
            "acquired": moment(d, tests - 1), "value": 2.5, "outcome": outcome(d, tests - 1, m),
        }
        for d in range(devices)
        for m, (q, place) in enumerate(where)
    )  # fmt: skip
    yield WorstOutcome, (
        {
            "id": 1 + d * len(QUANTITIES) + k, "organisation_id": owner[d], "device_id": 1 + d, "procedure": PROCEDURE, "quantity": q, "in_use": d % 50 != 0,
            "outcome": worst(outcome(d, tests - 1, m) for m in range(per_result) if where[m][0] == q),
        }
        for d in range(devices)
        for k, q in enumerate(QUANTITIES)
    )  # fmt: skip
    yield Drawing, (
        {
            "id": 1 + n, "result_id": 1 + n, "number": 1, "title_en": "flood", "title_zh": "泛源", "en_id": f"{n:064x}", "zh_id": f"{n:064x}",
        }
        for n in range(devices * tests)
    )  # fmt: skip
    entries, previous = [], FIRST
    for n in range(devices * tests):
        content = {"job": n, "results": [[n, PROCEDURE, "pass"]]}
        entry = Entry(
            number=n + 1, at=moment(n % devices, n // devices), act="checked", about=f"study {n}", organisation=owner[n % devices],
            detail_hash=_detail_hash("0" * 32, content), previous=previous,
        )  # fmt: skip
        previous = entry.hash = hash_of(entry)
        entries.append({field.attname: getattr(entry, field.attname) for field in Entry._meta.concrete_fields})
    yield Entry, entries
    yield Detail, (
        {"entry_id": n + 1, "salt": "0" * 32, "content": _canonical({"job": n, "results": [[n, PROCEDURE, "pass"]]}).decode()}
        for n in range(devices * tests)
    )  # fmt: skip
    yield ChainHead, [{"id": 1, "number": devices * tests, "hash": previous}]


def addresses(person: Any) -> Iterator[tuple[str, list[str]]]:
    """(page, its addresses) for a person: every list and dashboard that the role may open, found in the routes, and pages of objects."""
    from django.urls import get_resolver, reverse

    from photopeak_centre.checks.models import Result
    from photopeak_centre.devices.models import Device
    from photopeak_centre.evidence.models import HandIn

    for pattern in get_resolver().url_patterns:
        route = getattr(getattr(pattern, "callback", None), "route", None)
        form = pattern.name and pattern.name.rsplit("_", 1)[-1] in ("new", "import", "export")
        if route is None or route.about or route.public or form or "GET" not in route.methods:
            continue
        if route.act is None or person.may(route.act):
            yield pattern.name, [reverse(pattern.name)]
    if not person.may("see"):
        return
    chance = random.Random(2)

    def some(model: Any, n: int = 8) -> list[int]:
        keys = list(model.objects.visible_to(person).order_by("id").values_list("id", flat=True)[:20_000])
        return chance.sample(keys, min(n, len(keys)))

    devices, found, hand_ins = some(Device), some(Result), some(HandIn)
    yield "devices, searched", [reverse("devices") + f"?q={text}" for text in ("Model 37", "S99", "第12", "nothing")]
    yield "devices, one kind", [reverse("devices") + f"?kind={kind}" for kind in KINDS]
    yield "devices, failing", [reverse("devices") + "?outcome=fail"]
    yield "devices, far in", [reverse("devices") + f"?after={pk}" for pk in devices]
    yield "hospitals, searched", [reverse("hospitals") + f"?q={text}" for text in ("12", "Hospital 9", "nothing")]
    for state in ("fail", "undecided", "refused"):
        yield f"results, {state}", [reverse("results") + f"?outcome={state}"]
    for state in ("open", "rejected"):
        yield f"results, {state}", [reverse("results") + f"?review={state}"]
    yield "results, failing and open", [reverse("results") + "?outcome=fail&review=open"]
    yield "results, far in", [reverse("results") + f"?after={pk}" for pk in found]
    yield "hand-ins, far in", [reverse("hand_ins") + f"?after={pk}" for pk in hand_ins]
    for state in ("dead", "waiting"):
        yield f"jobs, {state}", [reverse("jobs") + f"?state={state}"]
    yield "one device", [reverse("device", args=[pk]) for pk in devices]
    yield "one device's trend", [reverse("device_trend", args=[pk]) + f"?quantity={QUANTITIES[0]}" for pk in devices]
    yield "one result", [reverse("result", args=[pk]) for pk in found]
    yield "one hand-in", [reverse("hand_in", args=[pk]) for pk in hand_ins]


def measure(times: int, roles: list[str], slowest_first: bool) -> bool:
    """Each page `times` times for each role; prints a table; whether all p95 lie within the budget."""
    from django.db import connection
    from django.test import Client

    from photopeak_centre.accounts.models import Person
    from photopeak_centre.wsgi import settle

    settle()
    connection.ensure_connection()
    rows = []
    for role in roles:
        person = Person.objects.filter(role=role).order_by("id").first()
        if person is None:
            continue
        client = Client(SERVER_NAME="localhost")
        client.force_login(person)
        for page, places in addresses(person):
            took, worked = [], []
            for n in range(times + 1):
                client.cookies["django_language"] = ("zh-hans", "en")[n % 2]
                began, cpu = time.perf_counter(), time.process_time()
                answer = client.get(places[n % len(places)])
                took.append(1000 * (time.perf_counter() - began))
                worked.append(1000 * (time.process_time() - cpu))
                if answer.status_code != 200:
                    sys.exit(f"{places[n % len(places)]} answered {answer.status_code} to {role}")
            rows.append((role, page, statistics.median(took[1:]), high(took[1:]), took[0], high(worked[1:])))
    if slowest_first:
        rows.sort(key=lambda row: -row[3])
    print(f"{connection.vendor}, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores, {times} requests a page\n")
    print("| role | page | p50 / ms | p95 / ms | first / ms | processor, p95 / ms |\n|---|---|--:|--:|--:|--:|")
    for role, page, middle, slow, first, cpu in rows:
        print(f"| {role} | {page} | {middle:.0f} | {slow:.0f} | {first:.0f} | {cpu:.0f} |")
    late = [row for row in rows if row[3] >= BUDGET_MS]
    print(f"\n{len(rows)} pages; slowest p95 {max(row[3] for row in rows):.0f} ms; above {BUDGET_MS:.0f} ms: {len(late)}")
    return not late


def high(values: list[float]) -> float:
    """The 95th percentile, a value that was measured."""
    return sorted(values)[min(len(values) - 1, int(0.95 * len(values)))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("act", choices=("make", "measure"))
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--times", type=int, default=40)
    parser.add_argument("--roles", nargs="*", default=["director", "secretary", "hospital_physicist", "health_authority"])
    parser.add_argument("--slowest-first", action="store_true")
    parser.add_argument("--small", action="store_true", help="a region of 50 hospitals, to try the benchmark itself")
    given = parser.parse_args()
    if given.small:
        SIZES.update(hospitals=50, devices=200)
    start(given.home)
    if given.act == "make":
        make()
    elif not measure(given.times, given.roles, given.slowest_first):
        sys.exit(1)


if __name__ == "__main__":
    main()
