from django.db import migrations


def fill(apps, schema_editor):
    """The rows of what was checked before."""
    latest, kept = apps.get_model("checks", "Latest"), apps.get_model("checks", "WorstOutcome")
    rank = ("fail", "undecided", "pass", "not_assessed")
    worst = {}
    rows = latest.objects.exclude(outcome="").values_list(
        "device", "device__organisation", "device__in_use", "quantity", "outcome"
    )
    for device, organisation, in_use, quantity, outcome in rows.iterator():
        key = (device, organisation, in_use, quantity)
        if key not in worst or rank.index(outcome) < rank.index(worst[key]):
            worst[key] = outcome
    kept.objects.bulk_create(
        (
            kept(device_id=device, organisation_id=organisation, in_use=in_use, quantity=quantity, outcome=outcome)
            for (device, organisation, in_use, quantity), outcome in worst.items()
        ),
        batch_size=1000,
    )


class Migration(migrations.Migration):
    dependencies = [("checks", "0002_worst_outcome")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
