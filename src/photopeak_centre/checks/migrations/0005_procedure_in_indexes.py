from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("checks", "0004_procedure_of_quantity")]

    operations = [
        migrations.AddIndex(
            model_name="latest",
            index=models.Index(fields=["procedure", "quantity", "place"], name="checks_late_procedu_266369_idx"),
        ),
        migrations.AddConstraint(
            model_name="latest",
            constraint=models.UniqueConstraint(fields=("device", "procedure", "quantity", "place"), name="one_latest"),
        ),
        migrations.AddIndex(
            model_name="worstoutcome",
            index=models.Index(fields=["in_use", "procedure", "quantity", "outcome", "organisation"], name="region_counts"),
        ),
        migrations.AddConstraint(
            model_name="worstoutcome",
            constraint=models.UniqueConstraint(fields=("device", "procedure", "quantity"), name="one_worst_outcome"),
        ),
    ]
