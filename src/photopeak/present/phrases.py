"""Every phrase of the report that is not about one result, in both languages, in one place."""

from __future__ import annotations

from photopeak.words import Language, Words

STAGES: dict[str, Words] = {
    "acceptance": Words("Acceptance test", "验收检测"),
    "status": Words("Status test", "状态检测"),
    "constancy": Words("Constancy test", "稳定性检测"),
    "harmonisation": Words("Harmonisation", "定量一致化"),
    "qualification": Words("Qualification", "资格认证"),
    "accreditation": Words("Accreditation", "认可评审"),
    "clinical": Words("Clinical quality", "临床质量"),
    "response": Words("Response assessment", "疗效评价"),
}

BASES: dict[str, Words] = {
    "standard": Words("", ""),
    "manufacturer": Words("manufacturer's specification", "厂家指标"),
    "baseline": Words("the device's own baseline", "本机基线"),
}

#: how the shipped limits' numbers were read (`read_by`); a user's own words are printed as written
READINGS: dict[str, Words] = {
    "reading: primary": Words("in the source itself", "原始出处"),
    "reading: two-copies": Words("in two copies that agree", "两份文本一致"),
    "reading: secondary x2 (two independent codes agree; EARL PDF not read)": Words(
        "in two independent programs that agree; EARL's own document was not read", "两个独立程序一致，未见 EARL 原文件"
    ),
    "reading: secondary verbatim quotation": Words("in a verbatim quotation", "他人文献逐字引文"),
    "reading: read by the secondary reading (pet.md section 6)": Words("in a second source", "二手文献"),
    "2026-11: the text at source_url": Words("2026-11, in the text at the address", "2026-11，所列网址全文"),
    "2026-11: the abstract at source_url": Words("2026-11, in the abstract at the address", "2026-11，所列网址摘要"),
}

PHRASES: dict[str, Words] = {
    "title": Words("Quality control test report", "质量控制检测报告"),
    "report_number": Words("Report no. {}", "报告编号 {}"),
    "device": Words("Device", "设备"),
    "device_n": Words("Device {}", "设备 {}"),
    "devices": Words("Devices", "设备"),
    "devices_count": Words("{}, listed below", "{} 台，见下表"),
    "unnamed_device": Words("device not named in the files", "文件中未注明设备"),
    "serial": Words("SN {}", "SN {}"),
    "acquired": Words("Acquired", "采集日期"),
    "made": Words("Reported", "报告时间"),
    "stage": Words("Stage", "检测类别"),
    "programme": Words("Programme", "依据项目"),
    "tested": Words("Tests", "检测项目"),
    # the sentence of the first page
    "head_measured": Words("Measured; nothing here is held against a limit", "已完成测量；本次结果不与限值比较"),
    "head_nothing": Words("Nothing could be analysed", "没有可以分析的材料"),
    "head_fail": Words("{fail} of {all} verdicts fail", "{all} 项判定中 {fail} 项不合格"),
    "head_fail_one": Words("1 of {all} verdicts fails", "{all} 项判定中 1 项不合格"),
    "head_fail_only": Words("The one verdict is a fail", "唯一一项判定为不合格"),
    "head_all_at": Words(", all on {}", "，均在{}"),
    "head_both_at": Words(", both on {}", "，均在{}"),
    "head_one_at": Words(", on {}", "，在{}"),
    "head_undecided": Words("No verdict fails; {undecided} of {all} undecided", "{all} 项判定中无不合格，{undecided} 项未定"),
    "head_pass": Words("All {all} verdicts pass", "{all} 项判定全部合格"),
    "head_pass_only": Words("The one verdict is a pass", "唯一一项判定为合格"),
    "head_partly": Words("No verdict fails: {passed} pass, {open} not assessed", "无不合格：{passed} 项合格，{open} 项未评定"),
    "head_open": Words("Measured, but not judged: {open} not assessed", "已测量，未作判定：{open} 项均未评定"),
    "head_refused": Words("Not analysed: every test refused its evidence", "未作分析：所送材料均不适用"),
    # sentences under it
    "over": Words(
        "{what} is {result}, above its limit of {limit}, with its whole uncertainty.",
        "{what}为 {result}，超过限值 {limit}，结果连同不确定度全部在限值以上。",
    ),
    "under": Words(
        "{what} is {result}, below its limit of {limit}, with its whole uncertainty.",
        "{what}为 {result}，低于限值 {limit}，结果连同不确定度全部在限值以下。",
    ),
    "more_fails": Words("{} more fail, see the tables.", "另有 {} 项不合格，见各表。"),
    "straddles": Words(
        "{what}: {result} straddles its limit of {limit}; this is not a fail.",
        "{what}为 {result}，跨越限值 {limit}，不作为不合格。",
    ),
    "noisy": Words(
        "{what}: {result} exceeds its limit of {limit}, but noise alone may explain it.",
        "{what}为 {result}，超过限值 {limit}，但噪声即可解释，不作为不合格。",
    ),
    "more_fails_one": Words("One more fails, see the tables.", "另有 1 项不合格，见各表。"),
    "more_undecided_one": Words("One more is undecided.", "另有 1 项未定。"),
    "more_undecided": Words("{} more are undecided.", "另有 {} 项未定。"),
    "no_limits": Words(
        "No verified limit is known for what was measured; a value without a limit is neither a pass nor a fail.",
        "所测各量没有可用的已核实限值。没有限值的结果既非合格，也非不合格。",
    ),
    "partly": Words(
        "What has a limit lies within it, uncertainty included. What was not assessed is not a pass.",
        "有限值的各项连同不确定度均在限值以内。未评定不等于合格。",
    ),
    "all_within": Words("Every result lies within its limit, uncertainty included.", "各项结果连同不确定度均在限值以内。"),
    "some_refused": Words("{} pieces of evidence were not analysed.", "{} 份材料未作分析。"),
    "one_refused": Words("One piece of evidence was not analysed.", "1 份材料未作分析。"),
    "some_unread": Words("{} files could not be used.", "{} 个文件未能使用。"),
    "one_unread": Words("One file could not be used.", "1 个文件未能使用。"),
    "provisional_included": Words("of those above", "含于上列"),
    "provisional": Words("limit provisional", "限值待核"),
    # table heads
    "procedure": Words("Test", "检测项目"),
    "where": Words("Where", "位置"),
    "quantity": Words("Quantity", "量"),
    "result": Words("Result", "结果"),
    "unit": Words("Unit", "单位"),
    "noise_floor": Words("Noise floor", "噪声下限"),
    "limit": Words("Limit", "限值"),
    "against": Words("Result against limit", "结果与限值"),
    "verdict": Words("Verdict", "判定"),
    "source": Words("Source", "出处"),
    "file": Words("File", "文件"),
    "page": Words("Page", "页"),
    "reason": Words("Reason", "原因"),
    "of_shown": Words("{shown} of {all} verdicts; all ", "{all} 项中列 {shown} 项；全部见"),
    "all_shown": Words("{all} verdicts; details ", "共 {all} 项；详见"),
    "one_shown": Words("1 verdict; details ", "共 1 项；详见"),
    "on_page": Words("on page ", "第 "),
    "on_page_end": Words("", " 页"),
    "in_section": Words("in section ", "第 "),
    "in_section_end": Words("", " 节"),
    "overview": Words("What was examined", "检测一览"),
    "of_device": Words("{device}: {what}", "{device}，{what}"),
    "refused": Words("not analysed", "未作分析"),
    "more_rows": Words("{} more on the following pages", "另有 {} 行，见后"),
    # what follows
    "next": Words("What follows", "下一步"),
    "next_nothing": Words("Nothing needs to be done.", "无须采取措施。"),
    "next_fail": Words(
        "{where}{what} outside the limit. Find the cause, correct it and repeat the same test.",
        "{where}{what}不合格。请查明原因，处理后用同一检测项目复查。",
    ),
    "next_straddles": Words(
        "{n} undecided, straddling a limit: collect more counts or repeat and average. This is not a fail.",
        "{n} 项未定（跨越限值）：请增加计数，或重复测量取平均。不作为不合格。",
    ),
    "next_noise_limited": Words(
        "{n} undecided for too few counts: acquire again with more counts.", "{n} 项因计数不足未定：请增加计数后重新采集。"
    ),
    "next_dead_area": Words(
        "{n} withheld for an area without counts inside the field: look at the image, then at the detector.",
        "{n} 项因视野内有无计数区域未判定：请先核对图像，再检查探头。",
    ),
    "next_refused": Words("{file} was not analysed: {reason}", "{file} 未作分析：{reason}"),
    "next_more_refused": Words("{n} more not analysed, reasons on the last pages.", "另有 {n} 份材料未作分析，原因见末页。"),
    "next_no_verified_limit": Words(
        "{n} not assessed, no verified limit: give the manufacturer's specification or the device's baseline (--criteria).",
        "{n} 项未评定，无已核实的限值：请提供厂家指标或本机验收基线（--criteria）。",
    ),
    "next_programme_not_chosen": Words(
        "{n} not assessed: limits exist in a programme that must be named (--programme, e.g. earl2).",
        "{n} 项未评定：相应限值属于须指定的项目（--programme，如 earl2）。",
    ),
    "next_not_measured": Words("{n} limits found no measurement.", "{n} 条限值没有对应的测量结果。"),
    "next_no_uncertainty": Words(
        "{n} not assessed, no stated uncertainty: repeat the measurement to obtain one.",
        "{n} 项未评定，结果没有不确定度：请重复测量以求得。",
    ),
    "next_unit": Words("{n} not assessed: limit and result differ in unit.", "{n} 项未评定：限值与结果单位不一致。"),
    "next_unread": Words("{n} files could not be used, reasons on the last pages.", "{n} 个文件未能使用，原因见末页。"),
    "next_unread_one": Words("One file could not be used, reason on the last pages.", "1 个文件未能使用，原因见末页。"),
    "next_untested": Words(
        "{n} limits of this stage were not tested, listed on the last pages.", "本类检测另有 {n} 条限值未检测，列于末页。"
    ),
    # signatures and reading
    "signatures": Words("Signatures", "签名"),
    "sign_tested": Words("Tested", "检测"),
    "sign_reviewed": Words("Reviewed", "审核"),
    "sign_approved": Words("Approved", "批准"),
    "how_to_read": Words("How to read", "怎样读"),
    "reading": Words(
        "The upright is the limit, hatching lies beyond it, the bar is the result ± U (k = 2). A bar across the limit is undecided; "
        "no bar means not assessed and never counts as a pass; a dashed limit has not been compared with the printed standard.",
        "竖线为限值，斜纹为限值以外，横杠为结果 ± U（k = 2）。横杠跨过竖线即为未定；没有横杠即未评定，从不视为合格；虚线限值尚无人与标准印刷页核对。",
    ),
    # a page per test
    "fails": Words("Fail", "不合格"),
    "undecided": Words("Undecided", "未定"),
    "say_row": Words("{what} {result} ({limit})", "{what} {result}（{limit}）"),
    "say_more": Words("{} more in the table.", "另有 {} 项，见表。"),
    "results": Words("Results", "结果"),
    "not_judged": Words("Measured, not assessed: {}", "已测量，未评定：{}"),
    "not_measured": Words("Limits without a measurement: not assessed", "没有测量结果的限值：未评定"),
    "also": Words("Also measured", "其他测得量"),
    "conditions": Words("Conditions", "条件"),
    "remarks": Words("Remarks", "说明"),
    "evidence": Words("Evidence", "证据"),
    "evidence_files": Words("Series", "序列"),
    "series": Words("{n} files", "{n} 个文件"),
    "noise_floor_is": Words(
        "The noise floor is what a perfectly uniform camera of the same counts would read; near it, only more counts can tell.",
        "“噪声下限”是同样计数的理想均匀探头应有的数值；结果接近它时，须靠更多计数才能区分。",
    ),
    "expanded": Words(
        "± is the expanded uncertainty U, k = 2: the interval the verdict used.",
        "± 后为扩展不确定度 U，k = 2，即判定所用的区间。",
    ),
    "sources_here": Words("Limits", "限值出处"),
    # the last pages
    "rest": Words("What was not judged, and sources", "未判定的内容与出处"),
    "rest_short": Words("Sources", "出处"),
    "refusals": Words("Evidence that was not analysed", "未作分析的材料"),
    "unread": Words("Files that could not be used", "未能使用的文件"),
    "untested": Words("Limits that were not tested", "未检测的限值"),
    "untested_note": Words(
        "Limits of this stage for which no evidence was handed in. Not tested is not a pass.",
        "本类检测中没有收到相应材料的限值。未检测不等于合格。",
    ),
    "sources": Words("Sources of the limits", "限值出处"),
    "read_by": Words("read: {}", "查核：{}"),
    "is_provisional": Words(
        "provisional: nobody has yet compared this limit with the printed page", "限值待核：尚无人与标准印刷页核对"
    ),
    "no_number": Words("the number has not been read yet, so it judges nothing", "限值数字尚未读到，不作判定"),
    "no_sources": Words("No published limit was used.", "未用到已发布的限值。"),
    "no_more": Words("Everything that was handed in was analysed.", "所送材料均已分析。"),
    "more_listed": Words("and {} more, all in results.json", "另有 {} 项，全部见 results.json"),
    # the foot of every page
    "traceable": Words(
        "Every number can be followed through results.json to the original images.",
        "每一数值均可由 results.json 追溯到原始影像。",
    ),
    "fingerprint": Words("fingerprint {}", "指纹 {}"),
    "page_of": Words("Page {n} of {all}", "第 {n} 页，共 {all} 页"),
    "section_of": Words("Section {n} of {all}", "第 {n} 节，共 {all} 节"),
    "other_language": Words("中文", "English"),
    "colon": Words(": ", "："),
    "comma": Words(", ", "、"),
    "between": Words(" ", ""),
    "semicolon": Words("; ", "；"),
}


def say(key: str, language: Language, *plain: object, **named: object) -> str:
    """A phrase of the table, filled in."""
    text = PHRASES[key].say(language)
    return text.format(*plain, **named) if plain or named else text


def how_read(reader: str, language: Language) -> str:
    """How a limit's number was read, in words."""
    return READINGS[reader].say(language) if reader in READINGS else reader.removeprefix("reading: ")


def stage_name(stage: str, language: Language) -> str:
    return STAGES[stage].say(language) if stage in STAGES else stage


def programme_name(programme: str) -> str:
    """ "earl2" as it is printed: EARL2."""
    return programme.upper() if programme[:4].lower() == "earl" else programme
