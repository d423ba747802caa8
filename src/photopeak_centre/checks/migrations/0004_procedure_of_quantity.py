from django.db import migrations, models
from django.db.models import OuterRef, Subquery

PROCEDURE = {"max_length": 80, "default": "", "db_default": ""}
RANK = ("fail", "undecided", "pass", "not_assessed")


def name_procedures(apps, schema_editor):
    """Each summary row learns whose measurement it shows. A row two procedures had shared is complete after the next check."""
    latest, measurement = apps.get_model("checks", "Latest"), apps.get_model("checks", "Measurement")
    of = measurement.objects.filter(pk=OuterRef("measurement")).values("result__procedure")[:1]
    latest.objects.update(procedure=Subquery(of))


def count_again(apps, schema_editor):
    """The region's rows are made anew from the summary rows, one a procedure."""
    latest, worst = apps.get_model("checks", "Latest"), apps.get_model("checks", "WorstOutcome")
    found = {}
    rows = latest.objects.exclude(outcome="").values_list(
        "device", "procedure", "quantity", "outcome", "device__organisation", "device__in_use"
    )
    for device, procedure, quantity, outcome, organisation, in_use in rows.iterator():
        key = (device, procedure, quantity)
        before = found.get(key, ("not_assessed",))[0]
        found[key] = (min(before, outcome, key=RANK.index), organisation, in_use)
    worst.objects.all().delete()
    worst.objects.bulk_create(
        (
            worst(device_id=d, procedure=p, quantity=q, outcome=outcome, organisation_id=organisation, in_use=in_use)
            for (d, p, q), (outcome, organisation, in_use) in found.items()
        ),
        batch_size=2000,
    )


class Migration(migrations.Migration):
    dependencies = [("checks", "0003_fill_worst_outcome"), ("devices", "0002_procedure_of_quantity")]

    operations = [
        migrations.RemoveConstraint(model_name="latest", name="one_latest"),
        migrations.RemoveIndex(model_name="latest", name="checks_late_quantit_7ccbb5_idx"),
        migrations.AddField(model_name="latest", name="procedure", field=models.CharField(**PROCEDURE)),
        migrations.RunPython(name_procedures, migrations.RunPython.noop),
        migrations.RemoveConstraint(model_name="worstoutcome", name="one_worst_outcome"),
        migrations.RemoveIndex(model_name="worstoutcome", name="region_counts"),
        migrations.AddField(model_name="worstoutcome", name="procedure", field=models.CharField(**PROCEDURE)),
        migrations.RunPython(count_again, migrations.RunPython.noop),
    ]
