"""A table with one report a row: which column holds what. Columns are known by their usual names, or by a mapping file (TOML)."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping

from photopeak.procedure import Refused
from photopeak.report_review.normal import normal
from photopeak.table import Table
from photopeak.text import HEADER_NAMES, TextDocument

#: usual names of the columns of an export, by what they hold; parts of the text are joined under their heading
COLUMNS: dict[str, tuple[str, ...]] = {
    "report": ("报告", "报告内容", "报告正文", "报告全文", "正文", "全文", "text", "report", "report_text", "content"),
    "clinical": ("临床病史", "病史", "临床诊断", "临床资料", "检查目的", "clinical", "history", "indication"),
    "technique": ("检查方法", "检查技术", "方法", "技术", "technique", "method"),
    "comparison": ("对比", "比较", "既往检查", "comparison"),
    "findings": ("检查所见", "影像所见", "所见", "影像表现", "检查表现", "表现", "描述", "findings", "description"),
    "impression": (
        "诊断意见",
        "影像诊断",
        "印象",
        "结论",
        "诊断",
        "检查结论",
        "诊断结论",
        "意见",
        "impression",
        "conclusion",
        "diagnosis",
    ),
    "hospital": ("医院", "医疗机构", "机构名称", "hospital"),
    "name": ("姓名", "患者姓名", "name"),
    "sex": ("性别", "sex", "gender"),
    "age": ("年龄", "age"),
    "patient_id": ("住院号", "门诊号", "病历号", "患者编号", "患者id", "patient_id", "id"),
    "exam_no": ("检查号", "影像号", "检查编号", "流水号", "accession", "exam_no"),
    "referrer": ("申请科室", "科室", "申请医生", "申请医师", "referrer"),
    "exam_name": ("检查项目", "检查名称", "项目名称", "检查类型", "exam_name"),
    "exam_date": ("检查日期", "检查时间", "exam_date"),
    "report_date": ("报告日期", "报告时间", "审核时间", "report_date"),
    "author": ("报告医生", "报告医师", "报告人", "author"),
    "reviewer": ("审核医生", "审核医师", "审核人", "reviewer"),
}
HEADINGS = {
    "clinical": "【临床资料】",
    "technique": "【检查方法】",
    "comparison": "【对比】",
    "findings": "【检查所见】",
    "impression": "【诊断意见】",
}
LABELS = {"exam_name": "检查项目", "sex": "性别", "age": "年龄"}


def read_mapping(text: str) -> dict[str, str]:
    """A mapping file: `findings = "column name"` lines; names as in COLUMNS."""
    try:
        book = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Refused(
            "mapping", en=f"the mapping file is no TOML ({error})", zh=f"列对应文件不是 TOML 文件（{error}）。"
        ) from error
    unknown = sorted(set(book) - set(COLUMNS))
    if unknown:
        raise Refused(
            "mapping",
            en=f"the mapping file names {', '.join(unknown)}; it may name {', '.join(COLUMNS)}",
            zh=f"列对应文件中的 {'、'.join(unknown)} 无法识别；可用名称：{'、'.join(COLUMNS)}。",
        )
    return {key: str(value) for key, value in book.items()}


def columns_of(table: Table, chosen: Mapping[str, str] | None = None) -> dict[str, str]:
    """Which column of the table holds what. Refuses a table without report text."""
    plain = {_plain(column): column for column in table.columns}
    found = {key: next((plain[_plain(name)] for name in names if _plain(name) in plain), "") for key, names in COLUMNS.items()}
    for key, column in (chosen or {}).items():
        if _plain(column) not in plain:
            raise Refused("mapping", en=f"the table has no column {column}", zh=f"表中没有“{column}”列。")
        found[key] = plain[_plain(column)]
    found = {key: column for key, column in found.items() if column}
    if not found.keys() & {"report", "findings", "impression"}:
        raise Refused(
            "no_report_column",
            en="no column holds report text (findings, impression or the whole report); name the columns in a mapping file",
            zh="表中没有报告文字列（检查所见、诊断意见或报告全文），请在列对应文件中指明。",
        )
    return found


def _plain(name: str) -> str:
    return re.sub(r"[\s_]", "", normal(name)).lower()


def documents(table: Table, columns: Mapping[str, str]) -> Iterator[tuple[str, TextDocument]]:
    """Each row as a text with the line it stands on; the parts under their headings, the rest as header."""
    for line, row in zip(table.lines, table.rows):
        cells = {key: row.get(column, "").strip() for key, column in columns.items()}
        head = " ".join(f"{label}：{cells[key]}" for key, label in LABELS.items() if cells.get(key))
        parts = [cells["report"]] if cells.get("report") else []
        parts += [f"{HEADINGS[key]}{cells[key]}" for key in HEADINGS if cells.get(key)]
        text = "\n".join([head, *parts] if head and not cells.get("report") else parts)
        header = {key: value for key in HEADER_NAMES if (value := cells.get(key, ""))}
        yield str(line), TextDocument(text=text, format="table", header=_coded(header))


def _coded(header: dict[str, str]) -> dict[str, str]:
    sex = header.get("sex", "")
    if sex:
        header["sex"] = "M" if re.match(r"男|m", sex, re.I) else "F" if re.match(r"女|f", sex, re.I) else sex
    return header
