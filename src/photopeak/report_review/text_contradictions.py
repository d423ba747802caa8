"""Tracer against title, remains of templates and of other patients, signatures, calls, spelling, and what the elements left open."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from photopeak.report_review import context
from photopeak.report_review.contradictions import Defect, Setting, check, defect
from photopeak.report_review.elements import Element, Material
from photopeak.report_review.exam import nuclides_of, tracers_of
from photopeak.report_review.lesion_contradictions import stated_sex
from photopeak.report_review.normal import normal
from photopeak.report_review.readers import critical_findings, rule_book
from photopeak.report_review.sections import CONCLUDING, Span

Elements = dict[str, Element]


@check
def tracer(material: Material, elements: Elements, setting: Setting) -> Iterator[Defect]:
    """The title's examination is not made with the tracer of the technique; or a ligand bears a nuclide it is never made with."""
    for one in material.exam.tracers:
        if one.nuclide and one.nuclide not in nuclides_of(one.ligand) and one.part in ("header", "technique", "clinical"):
            yield defect(
                material,
                "TRACER_EXAM_MISMATCH",
                one.span,
                en=f"{one.ligand} is not labelled with {one.nuclide}",
                zh=f"{one.ligand} 不以 {one.nuclide} 标记",
            )
    fits = tracers_of(material.exam.titled)
    iodide = next(_iodide(material), None) if fits is not None and not fits.search("131I") else None
    if iodide:
        yield defect(
            material, "TRACER_EXAM_MISMATCH", iodide, en="the title names another examination", zh="与检查项目名称不符"
        )
        return
    told = "technique" if material.report.has("technique") else "clinical"
    used = [one for one in material.exam.tracers if one.part == told and not _spoken_of(material, one.span)]
    if fits is None or not used:
        return
    words = [material.report.plain[one.span.start : one.span.end] for one in used]
    given = [one for one in used if GIVEN.search(material.report.plain, max(0, one.span.start - 24), one.span.start)]
    if given and not any(fits.search(word) for word in words):
        yield defect(
            material, "TRACER_EXAM_MISMATCH", given[0].span, en="the title names another examination", zh="与检查项目名称不符"
        )
    elif not any(fits.search(word) for word in words) and not fits.search(material.report.said("technique")):
        yield defect(
            material, "TRACER_EXAM_MISMATCH", used[0].span, en="the title names another examination", zh="与检查项目名称不符"
        )


GIVEN = re.compile(
    r"(?:给予|口服|服用?|注射|静注|推注|注入|静推|打进|\biv\b|injected|injection of|administered)[^。;,\n]{0,16}$", re.I | re.A
)


IODIDE = re.compile(r"(?<![A-Za-z\d])(?:131I|I-131)(?!-?[A-Za-z]|\s*(?:碘代|标记|治疗|MIBG|therapy))", re.A)


WAS_GIVEN = re.compile(r"\s*(?:was|were) (?:given|injected|administered)", re.I)


def _iodide(material: Material) -> Iterator[Span]:
    """Radioiodine of no ligand, given for this examination."""
    for part in material.report.of("technique"):
        for found in IODIDE.finditer(material.report.plain, part.start, part.end):
            span = Span(start=found.start(), end=found.end())
            given = GIVEN.search(material.report.plain, max(part.start, found.start() - 24), found.start()) or WAS_GIVEN.match(
                material.report.plain, found.end()
            )
            if given and not _spoken_of(material, span):
                yield span


def _spoken_of(material: Material, span: Span) -> bool:
    """A tracer of an earlier or a proposed study, or of the therapy."""
    left, right = context.clause_around(material.report.plain, span.start, span.end)
    return bool(
        re.search(r"既往|前次|外院|对比|比较|曾|建议|治疗|20\d\d[-./年]|prior|previous", material.report.plain[left:right])
    )


@check
def method(material: Material, elements: Elements, setting: Setting) -> Iterator[Defect]:
    """Gates' GFR belongs to DTPA."""
    gates = re.search(r"Gates", material.report.plain, re.I)
    used = [one for one in material.exam.tracers if one.part in ("technique", "header")]
    if gates and used and all(one.ligand in ("EC", "MAG3", "DMSA") for one in used):
        yield defect(
            material,
            "METHOD_TRACER_MISMATCH",
            used[0].span,
            Span(start=gates.start(), end=gates.end()),
            citation="SNMMI/EANM renal 2018",
        )


@check
def calls(material: Material, elements: Elements, setting: Setting) -> Iterator[Defect]:
    """A critical finding without a record of whom it was told to."""
    found = critical_findings(material)
    if found and "critical_communication" in elements and elements["critical_communication"].status == "absent":
        yield defect(material, "CRITICAL_NOT_COMMUNICATED", found[0], citation="N13; IAC 2021 3.2.3A")


RESIDUE = re.compile(
    r"_{2,}|(?<![A-Za-z])X{2,}(?![A-Za-z])|(?<![\dx ])x{2,}(?![a-z])|请选择|请(?:输入|填写)|待(?:填|补充|录入)(?!写完)|\{[^}\n]{0,20}\}|<(?:请|此处|在此|填|输入|选择?|待|插入|姓名|部位|大小|数值|描述|日期|医[师生]|签名|器官|侧别|左/右|有/无)[^<>\n]{0,12}>|\[\s*\]|\(\s+\)|\(\)|[?？]{3,}|\*{3,}(?![\d岁])|(?:…){3,}|[□☐](?=[\u4e00-\u9fff\s])|(?<=[\u4e00-\u9fff])○{2,}|@@|模板(?!版本|编?号|名称|:)"
)


@check
def residue(material: Material, elements: Elements, setting: Setting) -> Iterator[Defect]:
    """Blanks, placeholders and unticked choices; names masked for privacy in header and signature are none."""
    for part in material.report.of(
        "header", "clinical", "technique", "comparison", "findings", "impression", "advice", "limits"
    ):
        for found in RESIDUE.finditer(material.report.plain, part.start, part.end):
            masked = part.kind in ("header", "clinical") and re.search(r"[xX*○]", found.group())
            ticked = found.group() in "□☐" and re.search(
                r"[☑☒√✓■✔]", material.report.plain[max(0, found.start() - 30) : found.end() + 30]
            )
            person = re.search(
                r"(?:医师|医生|姓名|患者|医院|通知|告知|电话|者|号|主任)\s*[:(]?\s*[\u4e00-\u9fff]?$",
                material.report.plain[max(0, found.start() - 8) : found.start()],
            )
            if not masked and not ticked and not person:
                yield defect(material, "TEMPLATE_RESIDUE", Span(start=found.start(), end=found.end()))


BODY_PERSON = re.compile(
    r"(?:患者|病人|患儿)\s*[,:]?\s*(?P<sex>男|女)性?\s*,?\s*(?:(?P<age>\d{1,3})\s*岁)?|(?P<sex2>男|女)性?\s*,\s*(?P<age2>\d{1,3})\s*岁|(?P<age3>\d{1,3})\s*岁\s*(?P<sex3>男|女)性?(?:患者|病人)?|(?P<age4>\d{1,3})[- ]years?[- ]old (?P<sex4>male|female|man|woman|gentleman|lady)"
)
HEADER_AGE = re.compile(
    r"(?:年龄|age)\s*[:/|]?\s*(\d{1,3})(?!\s*(?:个?月|天))|(?<![\d.-])(\d{1,3})\s*(?:岁|Y\b|周岁)", re.I | re.A
)


@check
def another_patient(material: Material, elements: Elements, setting: Setting) -> Iterator[Defect]:
    """The body speaks of another sex or age than the header, or of a child where the patient is adult."""
    sex, shown = stated_sex(material, elements)
    plain = material.report.plain
    header = [
        (int(f.group(1) or f.group(2)), Span(start=f.start(), end=f.end()))
        for part in material.report.of("header")
        for f in HEADER_AGE.finditer(plain, part.start, part.end)
    ]
    age = header[0] if header else None
    for part in material.report.of("header", "clinical", "technique", "findings", "impression", "comparison"):
        for found in BODY_PERSON.finditer(plain, part.start, part.end):
            said = found.group("sex") or found.group("sex2") or found.group("sex3") or found.group("sex4")
            years = found.group("age") or found.group("age2") or found.group("age3") or found.group("age4")
            left, right = context.clause_around(plain, found.start(), found.end())
            if context.FAMILY.search(plain[left:right]) or (part.kind == "header" and not (found.group("sex") and years)):
                continue  # in the header only a sentence of its own speaks of the patient again: 患者,女,43岁
            span = Span(start=found.start(), end=found.end())
            if sex and said and SEX_OF[said] != sex and shown and shown.end <= found.start():
                yield defect(material, "COPY_PASTE", shown, span, en="another sex than in the header", zh="与表头性别不符")
            elif (
                age
                and years
                and abs(int(years) - age[0]) > 2
                and age[1].end <= found.start()
                and not re.search(r"于|时|曾|岁(?:起|开始|发病)", plain[found.end() : found.end() + 3])
            ):
                yield defect(material, "COPY_PASTE", age[1], span, en="another age than in the header", zh="与表头年龄不符")
        child = re.search(r"患儿", plain[part.start : part.end])
        if child and age and age[0] >= ADULT_YEARS:
            yield defect(
                material,
                "COPY_PASTE",
                age[1],
                Span(start=part.start + child.start(), end=part.start + child.end()),
                en="a child, of an adult",
                zh="成人报告中出现“患儿”",
            )


ADULT_YEARS = 18
SEX_OF = {"男": "M", "女": "F", "male": "M", "man": "M", "gentleman": "M", "female": "F", "woman": "F", "lady": "F"}


@check
def repeated(material: Material, elements: Elements, setting: Setting) -> Iterator[Defect]:
    """One long sentence with numbers twice in the findings."""
    seen: dict[str, Span] = {}
    for part in material.report.of("findings"):
        for found in re.finditer(r"[^。;\n]{18,}", material.report.plain[part.start : part.end]):
            words = re.sub(r"\s", "", found.group())
            span = Span(start=part.start + found.start(), end=part.start + found.end())
            if words in seen and re.search(r"\d", words):
                yield defect(material, "COPY_PASTE", seen[words], span, en="one sentence twice", zh="同一句重复出现")
            seen.setdefault(words, span)


@check
def prior_number(material: Material, elements: Elements, setting: Setting) -> Iterator[Defect]:
    """The earlier study is cited with this study's own number."""
    own = elements.get("exam_no")
    if own is None or not own.evidence:
        return
    code = re.search(r"(?=[A-Za-z_-]*\d)[A-Za-z0-9_-]{5,}$", normal(own.evidence[0].text))
    if code is None:
        return
    stated = material.plain_of(own.evidence[0])
    for part in material.report.of("comparison", "technique", "clinical", "findings"):
        at = material.report.plain.find(code.group(), part.start, part.end)
        if stated.start <= at < stated.end:  # where the number itself is stated
            at = material.report.plain.find(code.group(), stated.end, part.end)
        left, right = context.sentence_around(material.report.plain, at, at + len(code.group()))
        if at >= 0 and re.search(
            r"基线|既往|前次|对比|比较|上次|20\d\d|prior|previous|compar",
            material.report.plain[left:right] + part.kind.replace("comparison", "prior"),
        ):
            yield defect(
                material,
                "PRIOR_ID_MISMATCH",
                material.plain_of(own.evidence[0]),
                Span(start=at, end=at + len(code.group())),
            )
            return


NAME_IN = re.compile(r"[\u4e00-\u9fff·]{2,4}$|[A-Z][A-Za-z.]+(?: [A-Z][A-Za-z.]+)*$")
DEGREES = re.compile(r"[ ,]+(?:MD|M\.D\.?|PhD|MBBS|FRCR|Consultant|DO)\b\.?", re.I)
NO_NAME = re.compile(r"医师|医生|审核|报告|签名|日期|上级|主任|复核|诊断")


@check
def one_signature(material: Material, elements: Elements, setting: Setting) -> Iterator[Defect]:
    """The reviewer is the author."""
    author, reviewer = elements.get("author"), elements.get("reviewer")
    if not author or not reviewer or not author.evidence or not reviewer.evidence:
        return
    quotes = author.evidence[0], reviewer.evidence[0]
    names = [NAME_IN.search(DEGREES.sub("", normal(q.text)).strip()) for q in quotes]
    first, second = (name.group() if name and not NO_NAME.search(name.group()) else "" for name in names)
    apart = quotes[0].end <= quotes[1].start or quotes[1].end <= quotes[0].start
    if first and first == second and apart:
        yield defect(material, "SAME_AUTHOR_REVIEWER", *(material.plain_of(q) for q in quotes), citation="IAC 2021 3.2.4A")


@cache
def _typos() -> re.Pattern[str]:
    return re.compile("|".join(re.escape(word) for word in rule_book()["typo"]))


@check
def spelling(material: Material, elements: Elements, setting: Setting) -> Iterator[Defect]:
    for found in _typos().finditer(material.report.plain):
        right = rule_book()["typo"][found.group()]
        yield defect(
            material,
            "TYPO",
            Span(start=found.start(), end=found.end()),
            en=f"{found.group()} for {right}",
            zh=f"“{found.group()}”应为“{right}”",
        )


@check
def hybrid(material: Material, elements: Elements, setting: Setting) -> Iterator[Defect]:
    """SPECT/CT was done, and its CT is described nowhere."""
    described = elements.get("hybrid_described")
    region = elements.get("spectct_region")
    if described and described.status == "absent" and region and region.evidence and material.exam.hybrid:
        yield defect(material, "HYBRID_NOT_DESCRIBED", material.plain_of(region.evidence[0]), citation="B16")


@check
def open_elements(material: Material, elements: Elements, setting: Setting) -> Iterator[Defect]:
    """Required elements that were not found, and values that are only hinted at. Absent is a proposal until a person confirms it."""
    for one in elements.values():
        if one.status == "absent" and one.need == "R" and one.weight > 0:
            yield defect(material, "MISSING_REQUIRED", en=one.en, zh=one.zh, citation=one.citation)
        elif one.vague and one.evidence:
            first = one.evidence[0]
            yield defect(material, "VAGUE_VALUE", material.plain_of(first), en=one.en, zh=one.zh, citation=one.citation)


@check
def stage(material: Material, elements: Elements, setting: Setting) -> Iterator[Defect]:
    """miTNM against what the impression says of nodes and bones: a hint for a person."""
    for part in material.report.of(*CONCLUDING):
        said = material.report.plain[part.start : part.end]
        found = re.search(r"mi\s?T\d?[a-z0-9+]*\s?N\s?(0|1)[ab]?\s?M\s?(0|1)", said)
        node = re.search(r"(?:盆腔|髂|闭孔|直肠系膜|骶前)[^。;,]{0,10}淋巴结[^。;]{0,14}(?:转移|阳性)", said)
        bone = re.search(r"骨[^。;,]{0,6}转移", said)
        if found and ((found.group(1) == "0" and node) or (found.group(2) == "0" and bone)):
            other = node if found.group(1) == "0" and node else bone
            assert other is not None
            yield defect(
                material,
                "STAGE_INCONSISTENT",
                Span(start=part.start + found.start(), end=part.start + found.end()),
                Span(start=part.start + other.start(), end=part.start + other.end()),
                citation="E-PSMA 2021",
            )


TERRITORY = {
    "前降支|LAD": "前壁|前间|间隔|心尖|anterior|septal|apex",
    "右冠|RCA": "下壁|后壁|inferior",
    "回旋支|LCX": "侧壁|后壁|下侧|后侧|前侧|lateral",
}


@check
def territory(material: Material, elements: Elements, setting: Setting) -> Iterator[Defect]:
    """A coronary territory named for walls it does not supply: a hint for a person."""
    if material.exam.type != "MPI":
        return
    for part in material.report.of(*CONCLUDING):
        for found in re.finditer(r"[^。;\n]+", material.report.plain[part.start : part.end]):
            for vessel, walls in TERRITORY.items():
                named = re.search(vessel, found.group())
                if named and re.search(r"壁|心尖|间隔|wall", found.group()) and not re.search(walls, found.group()):
                    yield defect(
                        material,
                        "TERRITORY_MISMATCH",
                        Span(start=part.start + found.start(), end=part.start + found.end()),
                        citation="EC15",
                    )
