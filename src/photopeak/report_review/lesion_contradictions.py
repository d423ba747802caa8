"""Findings against impression, sex and operations against organs: checks on lesion frames."""

from __future__ import annotations

import re
from collections.abc import Iterator

from photopeak.report_review import context
from photopeak.report_review.contradictions import Defect, Setting, check, defect
from photopeak.report_review.elements import Element, Material
from photopeak.report_review.lesions import LEFT, REFERENCE, RIGHT, Frame, covers, organs
from photopeak.report_review.sections import CONCLUDING, Span

Elements = dict[str, Element]
SIDES = {LEFT: RIGHT, RIGHT: LEFT}
SIDE_WORDS = {LEFT: ("left", "左"), RIGHT: ("right", "右")}


def _concluded(material: Material) -> list[Frame]:
    """What the impression affirms of organs, advice left out."""
    return [
        one
        for one in material.frames
        if one.part in CONCLUDING
        and not one.advised
        and not one.family_history
        and not HYPOTHETICAL.search(material.report.plain[one.words.start : one.words.end])
    ]


HYPOTHETICAL = re.compile(
    r"敏感[性度]|灵敏度|局限性|受限|有限|漏[诊检]|检出|分辨|无法显示|sensitivity|resolution|cannot be excluded", re.I
)  # what the examination could have missed is not what it found


def _described(material: Material) -> list[Frame]:
    return [one for one in material.frames if one.part == "findings"]


def _same_place(a: Frame, b: Frame) -> bool:
    """One organ, and no sub-site or level that tells them apart."""
    if a.organ.id != b.organ.id and (a.organ.id, b.organ.id) != ("parathyroid", "thyroid"):
        return False  # the lower pole of the thyroid is where a parathyroid shows
    if a.site and b.site and a.site != b.site:
        return False
    return not (a.levels and b.levels and not set(a.levels) & set(b.levels))


@check
def laterality(material: Material, elements: Elements, setting: Setting) -> Iterator[Defect]:
    """A side in the impression where every matching finding (or, failing any, the history) has the other one."""
    findings = [one for one in _described(material) if one.side and not one.rest]
    history = [one for one in material.frames if one.part == "clinical" and one.side]
    for one in _concluded(material):
        if one.side not in SIDES or not (one.organ.paired or one.levels):
            continue
        matching = [f for f in findings if _same_place(one, f)]
        told = [h for h in history if _same_place(one, h)]
        if one.past and any(h.side == one.side for h in told):
            continue
        swapped = _strong_on_the_other_side(material, one, matching)
        matching = [swapped] if swapped else _alike(material, one, matching)
        if not matching and one.past:
            matching = told
        if matching and all(f.side == SIDES[one.side] for f in matching) and (swapped or not _elsewhere(material, one)):
            other = matching[0]
            said, found = SIDE_WORDS[one.side], SIDE_WORDS[other.side]
            yield defect(
                material, "LATERALITY_MISMATCH", other.span, one.span,
                en=f"{found[0]} before, {said[0]} in the impression", zh=f"前文为“{found[1]}”，结论为“{said[1]}”",
            )  # fmt: skip


SERIOUS = re.compile(
    r"积水|梗阻|受损|减退|减低|引流不畅|[热冷]\"?结节|高功能|骨折|缺损|瘢痕|萎缩|扩张|hydroneph|obstruct|(?:hot|cold) nodule",
    re.I,
)


def _strong_on_the_other_side(material: Material, one: Frame, matching: list[Frame]) -> Frame | None:
    """A lesion on the other side that the impression leaves out, where its own side holds nothing, or nothing but old or benign changes."""
    said = material.report.plain[one.words.start : one.words.end]
    serious = SERIOUS.search(said)
    if one.past or not (serious or (DISEASE.search(said) and not one.benign)):
        return None
    own = [f for f in matching if f.side == one.side]
    strong = [
        f for f in matching if f.side == SIDES[one.side] and f.abnormal and not f.benign and not f.past and f.site == one.site
    ]
    if any(f.abnormal for f in own):  # an old change of its own side: only a lesion with a number outweighs it
        strong = [f for f in strong if f.suvs]
    told = any(
        other.abnormal and other.side in (SIDES[one.side], "B") and _same_place(other, one) for other in _concluded(material)
    )
    unsided = any(f.abnormal and f.side not in SIDES and _same_place(one, f) for f in _described(material))
    if not strong or told or unsided or not own or not all(f.benign or not f.abnormal for f in own):
        return None
    return strong[0]


def _alike(material: Material, one: Frame, matching: list[Frame]) -> list[Frame]:
    """An abnormality is held against abnormalities where there are any on the other side; a normal organ has no lesion to swap."""
    if one.benign:
        return matching
    affected = [f for f in matching if f.abnormal and not f.past]
    if one.abnormal and affected and not any(f.side == one.side and _says_something(material, f) for f in matching):
        return affected
    return [f for f in matching if not f.normal] if one.abnormal else matching


BARE_NUMBER = re.compile(r"(?:Tmax|T1/2|GFR|ERPF|DRF|达峰|半排|峰时|mL\s*/\s*min|\d\s*%)", re.I)


def _says_something(material: Material, f: Frame) -> bool:
    """Neither normal nor a bare number (右肾Tmax 3.0 min) of the organ."""
    return f.abnormal or (not f.normal and not BARE_NUMBER.search(material.report.plain[f.words.start : f.words.end]))


def _elsewhere(material: Material, one: Frame) -> bool:
    """Whether the findings name this organ on the impression's side, or on both, in any other words."""
    side = {LEFT: "左", RIGHT: "右"}[one.side]
    words = [word for word, organ in organs().items() if organ.id == one.organ.id and not word.isascii()]
    pattern = rf"(?:{side}|双|两)侧?[^,。;、左右]{{0,4}}(?:{'|'.join(map(re.escape, words))})|(?:{'|'.join(map(re.escape, words))})[^,。;、左右]{{0,3}}{side}"
    same_site = [f for f in _described(material) if f.organ.id == one.organ.id and f.side not in SIDES]
    if any(f.abnormal and (not f.side or f.side == "B") and _same_place(one, f) for f in same_site):
        return True
    for found in re.finditer(pattern, material.report.said("findings")):
        if not one.site and not one.levels and not _only_normal(material, found.group()):
            return True
    return False


def _only_normal(material: Material, words: str) -> bool:
    matching = [f for f in _described(material) if words in material.report.plain[f.words.start : f.words.end]]
    return bool(matching) and all(not f.abnormal for f in matching)


@check
def level(material: Material, elements: Elements, setting: Setting) -> Iterator[Defect]:
    """A vertebra, rib, node station or lung lobe of the impression that is named nowhere before, while others of its kind are."""
    before = [one for one in material.frames if one.part in ("findings", "clinical", "comparison")]
    for one in _concluded(material):
        if not one.abnormal:
            continue
        others = [
            f for f in before if f.organ.id == one.organ.id and f.part == "findings" and f.abnormal and f.levels and not f.rest
        ]
        named = {n for f in before for n in f.levels}
        missing = [n for n in one.levels if n not in named]
        if (
            one.levels
            and missing
            and others
            and len(missing) == len(one.levels)
            and not (one.side and any(f.side and f.side != one.side for f in others))
        ):
            yield defect(
                material,
                "LEVEL_MISMATCH",
                others[0].span,
                one.span,
                en=f"{', '.join(missing)} is named only in the impression",
                zh=f"{'、'.join(missing)}仅见于结论",
            )
        elif one.site and one.side in SIDES and not one.past:
            lobes = [
                f
                for f in before
                if f.organ.id == one.organ.id and f.site and f.side in (one.side, "B") and f.abnormal and f.part == "findings"
            ]
            mentioned = [
                f for f in before if f.organ.id == one.organ.id and f.side in (one.side, "B", "") and f.site in (one.site, "")
            ]
            if lobes and not mentioned:
                yield defect(
                    material,
                    "LEVEL_MISMATCH",
                    lobes[0].span,
                    one.span,
                    en="another lobe in the findings",
                    zh="所见与结论的肺叶不同",
                )


GLOBAL = re.compile(
    r"(?:全身|检查范围|扫描范围|显像范围|各部位|骨骼|诸骨|骨显像|PET/?CT|所见|扫描部位|探测范围)[^。;\n]{0,14}未见(?:明显|明确|确切)?异常|未见(?:明显|明确)?(?:异常)?(?:放射性|显像剂|FDG|代谢|摄取|浓聚)[^。;,]{0,8}(?:增高|异常|浓聚)?灶|^[\s\d.、]*(?:全身)?[^,。;\n]{0,14}(?:显像|PET/?CT|骨显像|检查)?(?:未见(?:明显)?异常|(?:未见)?正常)",
    re.M,
)


@check
def negation(material: Material, elements: Elements, setting: Setting) -> Iterator[Defect]:
    """An organ that the findings describe as without abnormality and the impression as diseased, or the other way round."""
    findings = _described(material)
    for one in _concluded(material):
        if not one.abnormal or one.past or one.rest or one.compared:
            continue
        if material.exam.type == "MPI" and one.organ.family == "heart":
            continue  # perfusion_negation
        family = [f for f in findings if _family(one, f)]
        normal = [
            f
            for f in family
            if f.normal
            and not f.rest
            and not f.suvs
            and _covers(f, one)
            and _as_wide(f, one)
            and _of_the_same_tissue(material, f, one)
        ]
        affected = [f for f in family if f.abnormal] or [
            f for f in findings if f.abnormal and f.organ.family == one.organ.family
        ]
        plain = [f for f in normal if f.organ.id == one.organ.id and f.side == one.side and f.levels == one.levels]
        own = any(f.abnormal and _organ_of(f, one) and f.side in (one.side, "", "B") for f in findings)
        named = any(_named_otherwise(material, f, one) for f in family if not plain or f.organ.id == one.organ.id)
        if normal and (not affected or (plain and one.side in SIDES and not own)) and not named:
            yield defect(
                material,
                "NEGATION_CONTRADICTION",
                normal[0].words,
                one.words,
                en="normal in the findings, diseased in the impression",
                zh="所见为未见异常，结论为有病变",
            )
    yield from _denied_in_impression(material, findings)


PERFUSED = re.compile(
    r"(?:各壁|各节段|左室|心肌|walls|segments|perfusion)[^。;\n]{0,40}(?:均匀|正常|未见[^。;,]{0,10}(?:稀疏|缺损|异常|减低)|uniform|normal|without defects?)",
    re.I,
)
DEFECT = re.compile(r"稀疏|缺损|减低|降低|减弱|变薄|充盈|defect|reduced|decreased|hypoperfus", re.I)
ISCHAEMIC = re.compile(r"缺血|梗[死塞]|缺损|稀疏|灌注[^。;,]{0,4}减低|ischa?emi|infarct|defect", re.I)


@check
def perfusion_negation(material: Material, elements: Elements, setting: Setting) -> Iterator[Defect]:
    """A heart whose findings are even throughout and whose impression tells of ischaemia or infarction."""
    if material.exam.type != "MPI" or not material.report.has("findings"):
        return
    plain = material.report.plain
    if not any(_affirmed_words(plain, part.start, part.end, DEFECT) for part in material.report.of("findings")):
        yield from _even_but_diseased(material, PERFUSED, ISCHAEMIC)


WHOLE_NORMAL = re.compile(
    r"(?:全身(?:各|诸)?(?:部位)?骨骼?|诸骨|各骨|骨骼系统|全身|(?:扫描|检查|显像)范围内?)[^。;\n]{0,12}未见(?:明显|明确|确切)?(?:异常|局灶|病理性?)(?!外)"
)
SPREAD = re.compile(r"(?:多发|广泛|全身|骨)[^。;,]{0,8}转移")


@check
def whole_negation(material: Material, elements: Elements, setting: Setting) -> Iterator[Defect]:
    """A body, or a skeleton, that is normal throughout in the findings and full of metastases in the impression."""
    if not any(f.abnormal or f.suvs or f.sizes for f in _described(material)):
        yield from _even_but_diseased(material, WHOLE_NORMAL, SPREAD)


def _even_but_diseased(material: Material, even: re.Pattern[str], disease: re.Pattern[str]) -> Iterator[Defect]:
    """The findings hold `even`, and the impression affirms `disease`."""
    plain = material.report.plain
    normal = next((one for part in material.report.of("findings") for one in even.finditer(plain, part.start, part.end)), None)
    affirmed = (_affirmed_words(plain, part.start, part.end, disease) for part in material.report.of("impression"))
    told = next((one for one in affirmed if one), None)
    if normal is not None and told is not None:
        yield defect(
            material, "NEGATION_CONTRADICTION", Span(start=normal.start(), end=normal.end()), told,
            en="normal in the findings, diseased in the impression", zh="所见为未见异常，结论为有病变",
        )  # fmt: skip


def _affirmed_words(plain: str, start: int, end: int, words: re.Pattern[str]) -> Span | None:
    """The first of these words that its clause neither denies, doubts, dates back nor leaves to others."""
    for found in words.finditer(plain, start, end):
        left, right = context.clause_around(plain, found.start(), found.end())
        said = plain[left:right]
        if not context.denied(said, found.start() - left) and not re.search(
            r"排除|除外|既往|陈旧|病史|术后|建议|no |without", said
        ):
            return Span(start=found.start(), end=found.end())
    return None


def _family(one: Frame, f: Frame) -> bool:
    if f.organ.id == one.organ.id:
        return not (one.side in SIDES and f.side == SIDES[one.side]) and not (
            one.levels and f.levels and not set(one.levels) & set(f.levels)
        )
    return one.organ.family in covers().get(f.organ.id, ()) or f.organ.family in covers().get(one.organ.id, ())


def _covers(f: Frame, one: Frame) -> bool:
    """Whether the normal statement is about the whole organ, not of a sub-site the impression does not speak of."""
    return (
        not (f.levels and not one.levels)
        and not (f.site and f.site != one.site)
        and not (f.side in SIDES and not one.side and one.organ.paired)
    )


def _organ_of(f: Frame, one: Frame) -> bool:
    return f.organ.id == one.organ.id or (one.organ.id, f.organ.id) == ("parathyroid", "thyroid")


def _as_wide(f: Frame, one: Frame) -> bool:
    """A normal jaw does not contradict "bone": what is said to be normal must be the organ itself or hold it."""
    if f.organ.id == one.organ.id or one.organ.family in covers().get(f.organ.id, ()):
        return True
    return f.organ.family == one.organ.family and f.organ.id in ("pelvis", "pelvic_bone", "mediastinum", "retroperitoneum")


SUB_SITE = re.compile(r"(?<!骨)皮质|肾盂|肾盏|集合系统|胆管|静脉|动脉")


def _of_the_same_tissue(material: Material, f: Frame, one: Frame) -> bool:
    """A normal cortex says nothing of a dilated pelvis: the tissue named with the normal organ must be the one in question."""
    named = set(SUB_SITE.findall(material.report.plain[f.words.start : f.words.end]))
    return not named or bool(named & set(SUB_SITE.findall(material.report.plain[one.words.start : one.words.end])))


def _named_otherwise(material: Material, f: Frame, one: Frame) -> bool:
    """A description that neither affirms nor denies (a size, an SUV) may be the lesion."""
    reference = REFERENCE.search(material.report.plain[f.words.start : f.words.end])
    return bool(not f.normal and not reference and (f.sizes or f.suvs or f.uptake))


DISEASE = re.compile(
    r"癌|恶性|转移|淋巴瘤|肿瘤|高代谢|代谢[^,。;]{0,4}(?:增高|异常|活跃)|摄取[^,。;]{0,4}(?:增高|异常)|浓聚|高摄取|metasta|malign|avid|hypermetabolic",
    re.I,
)


def _denied_in_impression(material: Material, findings: list[Frame]) -> Iterator[Defect]:
    """The whole impression denies any abnormality, and the findings hold an unexplained lesion with uptake."""
    concluded = [one for one in material.frames if one.part in CONCLUDING]
    text = material.report.said("impression")
    denial = GLOBAL.search(text)
    if (
        denial is None
        or any(one.abnormal for one in concluded)
        or re.search(r"余|其余|其他|结节|病灶|考虑|可能|退行|炎|良性|术后|残留", text)
    ):
        return
    strong = [
        f
        for f in findings
        if f.abnormal
        and f.uptake
        and not f.benign
        and not f.rest
        and not f.past
        and f.organ.id not in ("heart", "myocardial_wall", "brain", "thyroid", "kidney")
    ]
    for part in material.report.of("impression"):
        at = material.report.plain.find(denial.group().strip(), part.start, part.end)
        if strong and at >= 0:
            yield defect(
                material,
                "NEGATION_CONTRADICTION",
                strong[0].words,
                Span(start=at, end=at + len(denial.group().strip())),
                en="a lesion in the findings, none in the impression",
                zh="所见有病灶，结论为未见异常",
            )
            return


GENERIC = frozenset(
    (
        "node",
        "bone",
        "abdominal_wall",
        "pelvis",
        "marrow",
        "peritoneum",
        "aorta",
        "bronchus",
        "heart",
        "myocardial_wall",
        "pelvic_bone",
        "thymus",
        "arm",
        "biliary",
        "station",
    )
)
COLLECTIVE = re.compile(r"多发|全身|广泛|上述|以上|诸|各|弥漫|multiple|diffuse|above", re.I)


@check
def only_in_impression(material: Material, elements: Elements, setting: Setting) -> Iterator[Defect]:
    """A specific organ with a disease in the impression that findings, history and comparison never name."""
    if not material.report.of("findings") or len(material.report.said("findings").strip()) < 30:
        return
    before = [one for one in material.frames if one.part not in CONCLUDING]
    families = {f.organ.family for f in before} | {wide for f in before for wide in covers().get(f.organ.id, ())}
    specific = {f.organ.family for f in before if not f.rest}
    for one in _concluded(material):
        if (
            not one.abnormal
            or one.past
            or one.rest
            or one.compared
            or one.organ.id in GENERIC
            or not DISEASE_OR_LESION.search(material.report.plain[one.words.start : one.words.end])
        ):
            continue
        if one.organ.family in specific or (one.organ.family in families and not _bone(one)) or _told(material, one):
            continue
        if any(f.organ.id == "node" and not f.normal for f in before) and one.organ.node:
            continue
        yield defect(
            material, "IMPRESSION_NOT_IN_FINDINGS", one.words, en="the findings do not name this site", zh="所见未提及该部位"
        )


DISEASE_OR_LESION = re.compile(
    r"癌|恶性|转移|淋巴瘤|肿瘤|瘤|占位|结节|肿块|病灶|灶|浓聚|摄取|代谢|破坏|肿大|浸润|侵犯|受累|积液|脓肿|血肿|梗死|血栓|metasta|malign|lesion|nodule|mass|uptake",
    re.I,
)


def _bone(one: Frame) -> bool:
    """Of a bone the findings must name the region or speak of bone without 余."""
    return one.organ.family in covers()["bone"]


def _told(material: Material, one: Frame) -> bool:
    """The word of the organ stands somewhere before the impression, whatever frame it made."""
    words = material.report.plain[one.span.start : one.span.end]
    core = re.sub(r"[左右双两侧叶脏部区第\d\s前后]|淋巴结|多发", "", words)
    before = material.report.said("header", "clinical", "technique", "comparison", "findings")
    return (len(core) > 0 and core in before) or bool(
        re.search(r"上述|以上", material.report.plain[one.words.start : one.words.end])
    )


@check
def only_in_findings(material: Material, elements: Elements, setting: Setting) -> Iterator[Defect]:
    """A lesion with uptake in the findings, unexplained there, whose organ the impression does not name in any way."""
    if not material.report.has("impression") or RESPONSE.search(material.report.said("impression")):
        return
    concluded = [one for one in material.frames if one.part in CONCLUDING]
    text = material.report.said(*CONCLUDING)
    families = {one.organ.family for one in concluded} | {wide for one in concluded for wide in covers().get(one.organ.id, ())}
    for f in _described(material):
        said = material.report.plain[f.words.start : f.words.end]
        if (
            not (f.abnormal and f.uptake and (f.suvs or STRONG.search(said)))
            or f.benign
            or f.rest
            or f.past
            or f.compared
            or f.uncertain
            or not _weighty(f)
        ):
            continue
        if (
            f.organ.family in families
            or f.organ.id in GENERIC
            or f.organ.id in PHYSIOLOGICAL
            or any(one.levels and f.levels and set(one.levels) & set(f.levels) for one in concluded)
        ):
            continue
        if (
            (f.organ.node and re.search(r"淋巴结|node", text, re.I))
            or (COLLECTIVE_BONE.search(text) and _bone(f))
            or re.search(r"上述|以上|所见(?:病灶|部位)|多发(?:转移|病灶|代谢|异常)|全身多发|广泛|炎|生理", text)
            or re.search(r"病灶[^。;,]{0,8}(?:评分|表达|摄取)|(?:mi|yc?|c)T[0-4x]", text)  # told by score or stage
        ):
            continue
        if material.exam.type in ("RENAL", "THYROID") or _named_in(material, f, text):
            continue
        yield defect(material, "FINDING_NOT_IN_IMPRESSION", f.words, en="the impression does not mention it", zh="结论未提及")


RESPONSE = re.compile(
    r"(?:完全|部分)(?:代谢)?缓解|C?MR\b|Deauville|多维尔|疾病(?:稳定|进展)|metabolic response", re.I | re.A
)  # an impression that sums up a course names no single lesion
STRONG = re.compile(
    r"高摄取|高代谢|高表达|(?:摄取|代谢|浓聚|放射性)[^,。;]{0,4}(?:明显|显著)?(?:增高|升高|活跃|浓聚|增强)|明显(?:摄取|浓聚)|异常浓聚|hypermetabolic|avid|intense",
    re.I,
)
COLLECTIVE_BONE = re.compile(r"(?:多发|全身|广泛|诸)[^,。;]{0,4}骨|骨(?:多发|转移)|bone metast|skeletal metast", re.I)
PHYSIOLOGICAL = frozenset(
    (
        "brain",
        "heart",
        "myocardial_wall",
        "kidney",
        "ureter",
        "bladder",
        "bowel",
        "stomach",
        "tonsil",
        "larynx",
        "salivary",
        "parotid",
        "submandibular",
        "uterus",
        "ovary",
        "testis",
        "spleen",
        "sinus",
        "arm",
        "leg",
        "humerus",
        "marrow",
        "orbit",
        "thymus",
        "aorta",
    )
)


def _weighty(f: Frame) -> bool:
    return bool(f.sizes) or not f.suvs or max(f.suvs) >= SUV_WORTH_A_WORD


SUV_WORTH_A_WORD = 2.5  # below it, a finding without a size is often left out of the impression on purpose


def _named_in(material: Material, f: Frame, text: str) -> bool:
    core = re.sub(r"[左右双两侧叶脏部区第\d\s前后]|淋巴结|多发", "", material.report.plain[f.span.start : f.span.end])
    return bool(core) and (core in text or core[:2] in text)


OTHER_SEX = {"M": "F", "F": "M"}


@check
def sex_organ(material: Material, elements: Elements, setting: Setting) -> Iterator[Defect]:
    """An organ of the other sex anywhere in history, findings or impression (not of the family, not as a laboratory marker)."""
    sex, span = stated_sex(material, elements)
    if not sex:
        return
    for one in material.frames:
        if (
            one.organ.sex == OTHER_SEX[sex]
            and not one.family_history
            and not re.search(r"特异|PSA|家属|丈夫|妻子", material.report.plain[one.span.start : one.words.end][:12])
        ):
            yield defect(
                material, "SEX_ORGAN", *([span] if span else []), one.span, en="not of the stated sex", zh="与所示性别不符"
            )
            return


def stated_sex(material: Material, elements: Elements) -> tuple[str, Span | None]:
    """M or F as the header says, and where; "" where it says neither or both."""
    own = elements.get("sex")
    if own is not None and own.evidence:
        for quote in own.evidence:
            words = material.report.plain[quote.start : quote.end + 1]
            male, female = (
                bool(re.search(r"男|先生|(?<!fe)male|\bM\b", words, re.I | re.A)),
                bool(re.search(r"女|female|\bF\b", words, re.I | re.A)),
            )
            if male != female:
                return ("M" if male else "F"), Span(start=quote.start, end=quote.end)
    return material.header.get("sex", "")[:1].upper(), None


REMOVED = re.compile(
    r"(?P<side>左|右|双)?侧?(?P<organ>子宫|卵巢|附件|前列腺|脾脏?|胆囊|肾脏?|甲状腺|胃|膀胱|乳房|乳腺|乳|睾丸|肾上腺)(?P<what>[^,。;、肿左右]{0,12}?)(?P<how>全切(?:除)?|根治(?:性)?(?:切除)?术?后|根治术|摘除|切除术?后|(?<!部分)切除|缺如|改良根治)"
)
PARTIAL = re.compile(
    r"部分|次全|大部|囊肿|肌瘤|结节|息肉|电切|保[乳留肾]|楔形|去顶|病损|腺瘤|腺叶|区段|肿物|占位|单侧|一侧|癌(?!.{0,6}(?:根治|全切))|近端|远端|剔除"
)
LOOKS_NORMAL = re.compile(
    r"(?:大小|形态|位置|密度|轮廓|显影|摄取|实质|结构)[^,。;]{0,10}(?:正常|良好|清晰|未见(?:明显)?异常|如常|自然|均匀)|未见(?:明显)?(?:异常|占位)|不大|生理性摄取|无(?:明显)?(?:异常|增大)|充盈(?:良好|可)"
)
NAMED_ORGANS = {"子宫": "uterus", "卵巢": "ovary", "附件": "ovary", "前列腺": "prostate", "脾": "spleen", "脾脏": "spleen", "胆囊": "biliary", "肾": "kidney", "肾脏": "kidney",
                "甲状腺": "thyroid", "胃": "stomach", "膀胱": "bladder", "乳房": "breast", "乳腺": "breast", "乳": "breast", "睾丸": "testis", "肾上腺": "adrenal"}  # fmt: skip
WHOLE_ONLY = {"胃": "全", "甲状腺": "全切", "膀胱": "全切|根治"}


@check
def removed_organ(material: Material, elements: Elements, setting: Setting) -> Iterator[Defect]:
    """An organ that was taken out wholly, and is then described as normal."""
    seen: set[str] = set()
    for found in REMOVED.finditer(material.report.plain):
        word, side = found.group("organ"), {"左": LEFT, "右": RIGHT}.get(found.group("side") or "", "")
        left, right = context.clause_around(material.report.plain, found.start(), found.end())
        whole = WHOLE_ONLY.get(word)
        if (
            PARTIAL.search(found.group("what"))
            or (whole and not re.search(whole, material.report.plain[left:right]))
            or context.FAMILY.search(material.report.plain[left:right])
        ):
            continue
        if word in ("肾", "肾脏", "肾上腺", "乳", "乳房", "乳腺", "睾丸", "卵巢") and not found.group("side"):
            continue
        span = Span(start=found.start(), end=found.end())
        for f in material.frames:
            if (
                f.organ.id == NAMED_ORGANS[word]
                and f.part in ("findings", "impression")
                and f.span.start > found.end()
                and NAMED_ORGANS[word] + side not in seen
                and _intact(material, f, side)
            ):
                seen.add(NAMED_ORGANS[word] + side)
                yield defect(
                    material, "REMOVED_ORGAN", span, f.words, en="described as if it were there", zh="切除后仍描述为正常"
                )


def _intact(material: Material, f: Frame, side: str) -> bool:
    if (side and f.side not in (side, "B")) or f.rest:
        return False
    said = material.report.plain[f.words.start : f.words.end]
    after = material.report.plain[f.span.end : f.span.end + 2]
    return (
        bool(LOOKS_NORMAL.search(said))
        and not re.match(r"[床区术窝癌]", after)
        and not re.search(r"术后|切除|缺如|残[端胃]|术区|未见(?:确切)?显示|未显影|吻合|复发|移植", said)
    )
