"""Where a measurement was made, in words: `{"detector": 1, "fov": "UFOV"}` is "探头 1 · UFOV" or "detector 1 · UFOV".

The one table of the labels of `where`. A key or value that is not in it is printed as it stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from photopeak.present.numbers import significant
from photopeak.words import Language, Words

SEPARATOR = " · "

#: the name of a key where it heads a column
KEYS: dict[str, Words] = {
    "detector": Words("detector", "探头"),
    "energy_window": Words("energy window", "能窗"),
    "fov": Words("field", "视野"),
    "axis": Words("axis", "方向"),
    "method": Words("method", "方法"),
    "sphere_mm": Words("sphere / mm", "球内径 / mm"),
    "rod_mm": Words("rod / mm", "热棒直径 / mm"),
    "bar_width_mm": Words("bar width / mm", "铅栅宽度 / mm"),
    "statistic": Words("statistic", "统计量"),
    "roi": Words("region", "感兴趣区"),
    "source": Words("source", "放射源"),
    "position": Words("position", "位置"),
    "speed": Words("scan speed", "扫描速度"),
    "well": Words("well", "井"),
    "laboratory": Words("laboratory", "实验室"),
    "analyte": Words("analyte", "项目"),
    "sample": Words("sample", "样品"),
    "method_group": Words("method group", "方法组"),
    "estimator": Words("estimator", "估计方法"),
    "run": Words("run", "批次"),
    "material": Words("control material", "质控品"),
    "lot": Words("lot", "批号"),
    "dose": Words("dose", "剂量"),
    "dilution": Words("dilution", "稀释倍数"),
    "nuclide": Words("nuclide", "核素"),
    "between": Words("between", "比较对象"),
    "test": Words("test", "检测方式"),
    "direction": Words("direction", "走向"),
    "defect": Words("defect", "缺陷"),
    "x_mm": Words("x / mm", "x / mm"),
    "y_mm": Words("y / mm", "y / mm"),
    "diameter_mm": Words("diameter / mm", "直径 / mm"),
    "case": Words("case", "案例"),
    "activity": Words("activity", "活度"),
    "batch": Words("batch", "批次"),
    "below_expected_for_age": Words("below the range expected for age", "低于同龄预期范围"),
    "component": Words("component", "组分"),
    "contact": Words("contact", "接触对象"),
    "diffuse_lung": Words("diffuse lung metastases", "弥漫性肺转移"),
    "k": Words("allowance", "允许偏移"),
    "dose_gy": Words("dose / Gy", "剂量 / Gy"),
    "first": Words("first device", "第一台设备"),
    "second": Words("second device", "第二台设备"),
    "formula": Words("formula", "公式"),
    "from_scan": Words("from scan", "起始扫描"),
    "h": Words("decision interval", "判定界限"),
    "hours": Words("time / h", "时间 / h"),
    "leg": Words("criterion", "判据"),
    "lesion": Words("lesion", "病灶"),
    "limit_mbq": Words("limit / MBq", "限值 / MBq"),
    "liver_multiple": Words("multiple of the liver", "肝倍数"),
    "score_from": Words("score from", "评分下限"),
    "score_to": Words("score to", "评分上限"),
    "model": Words("model", "模型"),
    "pair": Words("pair", "配对"),
    "people": Words("people", "人数"),
    "phantom": Words("phantom", "模体"),
    "point": Words("point", "点"),
    "purpose": Words("purpose", "用途"),
    "reading": Words("reading", "读数"),
    "records": Words("records", "病历数"),
    "region": Words("region", "部位"),
    "response": Words("response", "疗效"),
    "risk": Words("risk", "风险"),
    "rule": Words("rule", "规则"),
    "scan": Words("scan", "扫描"),
    "sex": Words("sex", "性别"),
    "side": Words("bound", "界"),
    "stimulation": Words("TSH stimulation", "TSH 刺激"),
    "t": Words("t factor", "t 因子"),
    "target": Words("target", "靶器官"),
    "threshold": Words("threshold", "阈值"),
    "tracer": Words("tracer", "示踪剂"),
    "variant": Words("variant", "公式版本"),
    "who_class": Words("WHO class", "WHO 分类"),
    "width_percent": Words("width / %", "宽度 / %"),
    "date": Words("date", "日期"),
}

#: how a value is said with its key
_PATTERNS: dict[str, Words] = {
    "detector": Words("detector {}", "探头 {}"),
    "energy_window": Words("window {}", "能窗 {}"),
    "rotation": Words("rotation {}", "旋转 {}"),
    "axis": Words("{} axis", "{} 方向"),
    "sphere_mm": Words("{} mm sphere", "{} mm 球"),
    "rod_mm": Words("{} mm rods", "{} mm 热棒"),
    "bar_width_mm": Words("{} mm bars", "{} mm 铅栅"),
    "source": Words("source {}", "放射源 {}"),
    "position": Words("position {}", "位置 {}"),
    "speed": Words("{} cm/min", "{} cm/min"),
    "well": Words("well {}", "{} 号井"),
    "laboratory": Words("laboratory {}", "实验室 {}"),
    "sample": Words("sample {}", "样品 {}"),
    "run": Words("run {}", "第 {} 批"),
    "dilution": Words("at 1:{}", "1:{} 稀释"),
    "k": Words("{} s", "{} 倍标准差"),
    "tubes": Words("{} tubes", "{} 管"),
    "cv_percent": Words("CV {} %", "CV {}%"),
    "method_group": Words("group {}", "{} 组"),
    "earl": Words("EARL {}", "EARL {}"),
    "level": Words("level {}", "水平 {}"),
    "defect": Words("defect {}", "缺陷 {}"),
    "x_mm": Words("x = {} mm", "x = {} mm"),
    "y_mm": Words("y = {} mm", "y = {} mm"),
    "diameter_mm": Words("{} mm wide", "直径 {} mm"),
    "batch": Words("batch {}", "批次 {}"),
    "below_expected_for_age": Words("below expected for age: {}", "低于同龄预期：{}"),
    "diffuse_lung": Words("diffuse lung metastases: {}", "弥漫性肺转移：{}"),
    "dose_gy": Words("{} Gy", "{} Gy"),
    "from_scan": Words("from scan {}", "自第 {} 次扫描起"),
    "h": Words("h = {}", "h = {}"),
    "hours": Words("after {} h", "{} h 后"),
    "lesion": Words("lesion {}", "病灶 {}"),
    "limit_mbq": Words("limit {} MBq", "限值 {} MBq"),
    "liver_multiple": Words("{} × liver", "{} × 肝"),
    "score_from": Words("from {}", "{} 分起"),
    "score_to": Words("to {}", "至 {} 分"),
    "people": Words("{} people", "{} 人"),
    "point": Words("point {}", "点 {}"),
    "reading": Words("reading {}", "第 {} 次读数"),
    "records": Words("{} records", "{} 份病历"),
    "risk": Words("risk {}", "风险 {}"),
    "scan": Words("scan {}", "第 {} 次扫描"),
    "t": Words("t = {}", "t = {}"),
    "target": Words("target {}", "靶器官 {}"),
    "threshold": Words("threshold {}", "阈值 {}"),
    "width_percent": Words("± {} %", "± {}%"),
}

#: values with a name of their own
_VALUES: dict[tuple[str, str], Words] = {
    ("axis", "radial"): Words("radial", "径向"),
    ("axis", "tangential"): Words("tangential", "切向"),
    ("axis", "axial"): Words("axial", "轴向"),
    ("axis", "transaxial"): Words("transaxial", "横断面"),
    ("axis", "transverse"): Words("transverse", "横向"),
    ("axis", "slice"): Words("slice axis", "层方向"),
    ("axis", "row"): Words("row axis", "行方向"),
    ("axis", "column"): Words("column axis", "列方向"),
    ("axis", "mean"): Words("mean of axes", "各方向平均"),
    ("method", "nema"): Words("NEMA", "NEMA 法"),
    ("method", "plane"): Words("sphere-centre plane", "球心面法"),
    ("method", "gaussian"): Words("Gaussian fit", "高斯拟合"),
    ("method", "raw"): Words("raw", "未修正"),
    ("method", "square_wave"): Words("square-wave corrected", "方波修正"),
    ("method", "five_regions"): Words("five regions", "五点法"),
    ("method", "tg126_slice"): Words("TG-126, worst slice", "TG-126 法，最差层"),
    ("method", "tg126_axial"): Words("TG-126, along the axis", "TG-126 法，轴向"),
    ("method", "nema1994"): Words("NEMA 1994 squares", "NEMA 1994 方格法"),
    ("method", "eanm2023"): Words("EANM 2023", "EANM 2023 法"),
    ("phantom", "uniform_cylinder"): Words("uniform cylinder", "均匀圆柱模体"),
    ("tracer", "18F-FDG"): Words("18F-FDG", "18F-FDG"),
    ("tracer", "other"): Words("other tracer", "其他示踪剂"),
    ("method", "robust"): Words("robust", "稳健"),
    ("statistic", "a50"): Words("A50", "A50"),
    ("statistic", "max"): Words("maximum", "最大值"),
    ("statistic", "min"): Words("minimum", "最小值"),
    ("statistic", "mean"): Words("mean", "平均值"),
    ("statistic", "median"): Words("median", "中位数"),
    ("statistic", "peak"): Words("peak", "峰值"),
    ("roi", "background"): Words("background", "本底"),
    ("roi", "lung"): Words("lung insert", "肺插件"),
    ("roi", "centre"): Words("centre", "中心"),
    ("roi", "edge"): Words("edge", "边缘"),
    ("roi", "water"): Words("water", "水"),
    ("roi", "air"): Words("air", "空气"),
    ("roi", "bone"): Words("bone", "骨"),
    ("source", "central"): Words("central source", "中心源"),
    ("source", "peripheral"): Words("peripheral source", "周边源"),
    ("position", "centre"): Words("centre", "中心"),
    ("position", "central"): Words("centre", "中心"),
    ("position", "edge"): Words("edge", "边缘"),
    ("position", "largest"): Words("largest of all positions", "各位置最大值"),
    ("test", "intrinsic"): Words("intrinsic", "固有"),
    ("test", "system"): Words("system", "系统"),
    ("between", "detectors"): Words("between detectors", "探头之间"),
    ("between", "nominal"): Words("from the nominal energy", "与标称能量之差"),
    ("direction", "parallel"): Words("along the travel", "平行于扫描方向"),
    ("direction", "perpendicular"): Words("across the travel", "垂直于扫描方向"),
    ("estimator", "algorithm_a"): Words("algorithm A", "算法 A"),
    ("estimator", "algorithm_s"): Words("algorithm S", "算法 S"),
    ("estimator", "q_hampel"): Words("Q/Hampel", "Q/Hampel 法"),
    ("estimator", "qn"): Words("Qn", "Qn"),
    ("estimator", "made"): Words("MADe", "MADe"),
    ("estimator", "niqr"): Words("nIQR", "nIQR"),
    ("estimator", "median"): Words("median", "中位数"),
    ("estimator", "mean"): Words("mean", "平均值"),
    ("estimator", "reference"): Words("reference value", "参考值"),
    ("model", "mono"): Words("one exponential", "单指数"),
    ("model", "bi_uptake"): Words("uptake and washout", "摄取加清除"),
    ("model", "bi"): Words("two phases", "双指数"),
    ("model", "single_time_point"): Words("single time point", "单时间点"),
    ("model", "partition"): Words("partition model", "分区模型"),
    ("model", "single_compartment"): Words("single compartment", "单室模型"),
    ("model", "lung_shunt"): Words("lung shunt", "肺分流"),
    ("region", "tumour"): Words("tumour", "肿瘤"),
    ("region", "normal_liver"): Words("normal liver", "正常肝"),
    ("region", "lungs"): Words("lungs", "肺"),
    ("region", "perfused"): Words("perfused volume", "灌注区"),
    ("formula", "janmahasatian"): Words("Janmahasatian", "Janmahasatian 公式"),
    ("formula", "james"): Words("James", "James 公式"),
    ("variant", "mird_single_compartment"): Words("MIRD, single compartment", "MIRD 单室"),
    ("variant", "body_surface_area"): Words("body surface area", "体表面积法"),
    ("variant", "body_surface_area_reduced"): Words("body surface area, reduced", "体表面积法（减量后）"),
    ("variant", "sop_2013"): Words("SOP 2013", "2013 版 SOP"),
    ("variant", "guideline_2010"): Words("guideline 2010", "2010 版指南"),
    ("method", "one_view"): Words("one view", "单视图"),
    ("method", "geometric_mean"): Words("geometric mean", "几何平均"),
    ("method", "marked"): Words("marked in both images", "两幅图像均标记"),
    ("method", "expected"): Words("expected", "预期值"),
    ("statistic", "peak_at_maximum"): Words("peak at the maximum", "最大值处峰值"),
    ("lesion", "all"): Words("all lesions", "全部病灶"),
    ("rule", "percist"): Words("PERCIST", "PERCIST"),
    ("rule", "eortc"): Words("EORTC", "EORTC"),
    ("rule", "recip"): Words("RECIP", "RECIP"),
    ("pair", "follow_up"): Words("baseline and follow-up", "基线与随访"),
    ("threshold", "drawn"): Words("as drawn", "按勾画"),
    ("side", "lower"): Words("lower", "下界"),
    ("side", "upper"): Words("upper", "上界"),
    ("below_expected_for_age", "yes"): Words("below expected for age", "低于同龄预期"),
    ("below_expected_for_age", "no"): Words("not below expected for age", "不低于同龄预期"),
}

#: keys whose value speaks for itself
_BARE = {
    "activity",
    "component",
    "contact",
    "first",
    "second",
    "formula",
    "leg",
    "model",
    "pair",
    "phantom",
    "purpose",
    "region",
    "response",
    "rule",
    "sex",
    "side",
    "stimulation",
    "tracer",
    "variant",
    "who_class",
    "date",
    "case",
    "between",
    "direction",
    "test",
    "fov",
    "nuclide",
    "analyte",
    "material",
    "lot",
    "roi",
    "statistic",
    "method",
    "estimator",
}


def place(where: Mapping[str, Any], language: Language, without: Iterable[str] = ()) -> str:
    """All of `where` in words, joined by a middle dot; an empty `where` is an empty string."""
    hidden = set(without)
    return SEPARATOR.join(part(key, value, language) for key, value in where.items() if key not in hidden)


def part(key: str, value: Any, language: Language) -> str:
    """One key and its value in words."""
    if isinstance(value, (list, tuple)):
        return (" / " if language == "en" else "、").join(part(key, one, language) for one in value)
    text = significant(value, 6) if isinstance(value, (int, float)) and not isinstance(value, bool) else str(value)
    if (key, text) in _VALUES:
        return _VALUES[key, text].say(language)
    if key in _BARE:
        return text
    if key in _PATTERNS:
        return _PATTERNS[key].say(language).format(text)
    name = KEYS[key].say(language) if key in KEYS else key.replace("_", " ")
    return f"{name} {text}"


def value_alone(key: str, value: Any, language: Language) -> str:
    """A value under a column headed by its key: "10" under "sphere / mm", "A50" under "statistic"."""
    text = significant(value, 6) if isinstance(value, (int, float)) and not isinstance(value, bool) else str(value)
    return _VALUES[key, text].say(language) if (key, text) in _VALUES else text


def heading(key: str, language: Language) -> str:
    return KEYS[key].say(language) if key in KEYS else key.replace("_", " ")
