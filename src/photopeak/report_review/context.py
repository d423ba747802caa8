"""What is said of a word: denied, uncertain, past, planned, of the family, of the rest. After ConText, for Chinese and English.

A cue reaches to the end of its clause (comma, full stop, semicolon) or to a word that ends its reach (但, 而, 仅见).
"""

from __future__ import annotations

import re

NEGATED = re.compile(
    r"(?:均|亦|也|尚)?(?:未(?:见|发现|探及|及|显示|提示|出现|触及|有|扫及|能发现|检出|闻及)|没(?:有|见到?|看到|发现)|无(?!痛|名指|创|核|菌|水|菌性|法|症状)|不(?:伴|支持|考虑)|否认|排除|阴性|\bno\b|\bwithout\b|\bnegative for\b|no evidence of|\babsence of\b|free of)",
    re.I | re.A,
)
NOT_A_DENIAL = re.compile(
    r"不(?:能|完全|可)?(?:完全|明确)?(?:除外|排除)|未(?:能)?(?:完全)?(?:除外|排除)|需(?:要)?(?:除外|排除)|待(?:除外|排)|有无|除外(?:其他|转移)|无变化|无(?:明显|显著)?(?:变化|改变|增大|缩小)|cannot (?:be )?exclude",
    re.I | re.A,
)
STOPS = re.compile(r"但|而(?!言|后)|仅(?:见)?|余者|惟|唯|伴(?!随)|除外|\bbut\b|\bexcept\b", re.I | re.A)
UNCERTAIN = re.compile(
    r"可能|考虑|疑|待排|待查|待定|除外|不除外|倾向|或(?!其)|性质|建议|警惕|必要|首先|\?|？|likely|possible|probabl|suspicious|may\b|cannot exclude|suggest|consider",
    re.I,
)
PAST = re.compile(
    r"术后|切除|缺如|治疗后|化疗后|放疗后|病史|既往|陈旧|史\b|原(?!发)|status post|s/p|history of|prior|previous|resected|post-?operative",
    re.I | re.A,
)
PLANNED = re.compile(r"拟(?:行|接受|予)|计划|准备行|待(?:行|手术)|planned|scheduled", re.I | re.A)
FAMILY = re.compile(
    r"父亲?|母亲|家族|兄|弟|姐|妹|祖|外婆|外公|丈夫|妻|family history|father|mother|sister|brother", re.I | re.A
)
REST = re.compile(
    r"其余|余(?!辉)|其它|其他|另|除[^,。;]{0,16}外|remain(?:der|ing)|rest of|other|elsewhere|otherwise", re.I | re.A
)
COMPARED = re.compile(r"较前|前次|原(?!发)|基线|上次|既往|比较|对比|previously|prior|compared|baseline", re.I | re.A)
ADVISED = re.compile(r"建议|推荐|最好|复查|随访|进一步|请结合|必要时|可行|recommend|suggest|follow-?up|advise", re.I | re.A)
BENIGN = re.compile(
    r"生理(?:性)?|炎(?!性乳腺癌)|退(?:行|变)|骨质增生|骨赘|囊肿|囊性|钙化|良性|陈旧|术后(?:改变|所致)|反弹|增生|骨岛|血管瘤|脂肪|结石|憩室|尿液|排泄|显影正常|血池|本底|肌肉紧张|棕色脂肪|衰减|伪影|对称性|弥漫性轻度|修复|骨折"
    r"|physiolog|degenerat|inflammat|benign|cyst|calcif|excret|attenuation|artefact|artifact|symmetric",
    re.I | re.A,
)


def denied(clause: str, position: int) -> bool:
    """Whether a denial in `clause` reaches the word at `position`: it stands before it, and nothing ends its reach."""
    for found in NEGATED.finditer(clause):
        if found.start() >= position:
            return _behind(clause, position)
        if NOT_A_DENIAL.match(clause, max(0, found.start() - 3)) or NOT_A_DENIAL.match(clause, found.start()):
            continue
        if not STOPS.search(clause, found.end(), max(position, found.end())):
            return True
    return _behind(clause, position)


def _behind(clause: str, position: int) -> bool:
    """阴性, 未见 said after the word it denies: 淋巴结转移阴性, 摄取未见增高."""
    return bool(
        re.match(
            r"[^,。;、但]{0,10}(?:阴性|未见(?!异常以外)|(?<!大)不(?:明显|著)|\bnegative\b|not seen|is not|was not)",
            clause[position:],
            re.I | re.A,
        )
    )


def clause_around(plain: str, start: int, end: int) -> tuple[int, int]:
    """The clause (between comma, full stop, semicolon, line end) that holds characters `start` to `end`."""
    left = max(plain.rfind(sign, 0, start) for sign in ",。;\n!?") + 1
    rights = [at for sign in ",。;\n!?" if (at := plain.find(sign, end)) >= 0]
    return left, min(rights, default=len(plain))


def sentence_around(plain: str, start: int, end: int) -> tuple[int, int]:
    left = max(plain.rfind(sign, 0, start) for sign in "。\n") + 1
    rights = [at for sign in "。\n" if (at := plain.find(sign, end)) >= 0]
    return left, min(rights, default=len(plain))
