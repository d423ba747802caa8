"""The cast's rounds: each with a score of its hospital, whose words only that hospital and the centre may read."""

import itertools

from photopeak_centre.eqa_rounds.models import Round, Score

CENTRE_ONLY = {"eqa_round"}
COMMON = {"eqa_round"}
ids = itertools.count(640_001)


def things_of(organisation, device, result, by, word):
    made = Round.objects.create(
        pk=next(ids), scheme_zh="激素", scheme_en="Hormones", name="2026-1", closed_on="2026-05-22", protocol_sha256="0" * 64,
        document={"targets": [{"analyte": "TSH", "sample": "S1", "group": "all", "unit": "mIU/L", "n": 9, "shown": "4.6 ± 0.2"}]},
    )  # fmt: skip
    Score.objects.create(
        pk=next(ids), round=made, laboratory=organisation, analyte="TSH", analyte_en="TSH", analyte_zh="促甲状腺激素", results=2, acceptable=1,
        outcome="fail", document={"samples": [{"sample": f"S{word}", "deviation_percent": 31.0}]},
    )  # fmt: skip
    return {"eqa_round": made}
