"""What the reader of a flood's result must know, and how it was measured, in both languages."""

from __future__ import annotations

from collections.abc import Iterator

from photopeak.gamma_camera.flood_analysis import DetectorFlood, Extreme
from photopeak.gamma_camera.uniformity_map import in_range
from photopeak.gamma_camera.uniformity_noise import OVERDISPERSED
from photopeak.procedure import Condition, Remark, remark
from photopeak.words import Words

CENTRE_COUNTS = 10_000  #: in the centre pixel: what NU 1-2007 2.4 asks a uniformity measurement to collect
UNDERDISPERSED = 0.75

SOURCES = {
    "facts": Words("given by hand", "人工给定"),
    "header": Words("header, zoom 1", "图像头（未放大）"),
    "model": Words("table of models", "型号表"),
    "detected": Words("detected in the image", "由图像检出"),
}


def name_of(detector: int, energy_window: int, several: bool) -> Words:
    """A detector, and its energy window where there are several."""
    if several:
        return Words(f"detector {detector}, window {energy_window}", f"探头 {detector} 能窗 {energy_window}")
    return Words(f"detector {detector}", f"探头 {detector}")


def remarks_on(flood: DetectorFlood, several: bool) -> Iterator[Remark]:
    """Everything that was noticed on one detector."""
    name = name_of(flood.detector, flood.energy_window, several)
    for code, words in (*_of_counts(flood), *_of_field(flood), *_of_analysis(flood)):
        yield remark(code, en=f"{name.en}: {words.en}", zh=f"{name.zh}：{words.zh}")


def _of_counts(flood: DetectorFlood) -> Iterator[tuple[str, Words]]:
    if flood.centre_counts < CENTRE_COUNTS:
        needed = flood.counts * CENTRE_COUNTS / flood.centre_counts
        yield (
            "noise_limited",
            Words(
                f"{flood.centre_counts:.0f} counts in the centre pixel, {CENTRE_COUNTS} are asked for; collect "
                f"{needed / 1e6:.0f} million counts in all. Noise alone raises the values to the noise floor, so a fail is "
                "given only if the noise-corrected value fails as well",
                f"中心像素计数为 {flood.centre_counts:.0f}，应达 {CENTRE_COUNTS}，总计数约需 {needed / 1e4:.0f} 万。"
                "仅噪声即可使结果升至噪声下限，故扣除噪声后仍超限才判为不合格。",
            ),
        )
    if flood.dead:
        yield (
            "dead_area",
            Words(
                f"{flood.dead} analysed pixels inside the field have no counts. They are kept as zeros, so that a dead "
                "photomultiplier reads 100 %; to the letter the standard would leave them out",
                f"视野内有 {flood.dead} 个分析像素无计数。按零保留，使失效的光电倍增管读作 100%；按标准字面则会被剔除。",
            ),
        )
    if flood.dispersion > OVERDISPERSED:
        yield (
            "noise_not_poisson",
            Words(
                f"neighbouring pixels scatter {flood.dispersion:.2f} times as much (variance) as counting explains: the image "
                "was scaled or corrected. The uncertainties are widened accordingly, the noise floor is that of counting",
                f"相邻像素的离散（方差）为计数统计的 {flood.dispersion:.2f} 倍，图像经过缩放或校正。"
                "不确定度已相应放大，噪声下限仍按计数统计给出。",
            ),
        )
    elif flood.dispersion < UNDERDISPERSED:
        yield (
            "noise_not_poisson",
            Words(
                f"neighbouring pixels scatter {flood.dispersion:.2f} times as much (variance) as counting explains: the image "
                "was smoothed, averaged or simulated without noise. The uncertainties are those of plain counts",
                f"相邻像素的离散（方差）仅为计数统计的 {flood.dispersion:.2f} 倍，图像经过平滑、平均，或为无噪声的模拟图像。"
                "不确定度仍按计数统计给出。",
            ),
        )


def _of_field(flood: DetectorFlood) -> Iterator[tuple[str, Words]]:
    rows, columns = flood.field.size_mm
    if flood.field.source == "detected":
        yield (
            "ufov_detected",
            Words(
                f"the useful field was not stated; it was detected in the image, {rows:.0f} x {columns:.0f} mm, and its "
                "outermost pixels left out. Give ufov_mm = [rows, columns] to use the maker's",
                f"未给出有效视野，由图像检出为 {rows:.0f} × {columns:.0f} mm，并去除最外一个像素。"
                "如需采用厂家值，请给出 ufov_mm = [行, 列]。",
            ),
        )
    if flood.notched:
        yield (
            "dead_area_in_field",
            Words(
                "an area without counts inside the outline of the field was taken into the field",
                "视野轮廓内有无计数区域，已计入视野。",
            ),
        )
    if flood.cut:
        yield (
            "field_cut",
            Words(
                "the field runs to the border of the matrix, so part of it was not imaged; acquire floods without zoom",
                "视野延伸至图像边缘，部分未成像。泛源采集请勿放大。",
            ),
        )
    if flood.field.moved:
        yield (
            "field_off_centre",
            Words(
                "the imaged field lies off the centre of the image; the useful field was centred on what was imaged",
                "成像视野偏离图像中心，有效视野已按成像视野的中心放置。",
            ),
        )


def _of_analysis(flood: DetectorFlood) -> Iterator[tuple[str, Words]]:
    (rows, columns), factor = flood.grid.bin_mm, flood.grid.factor
    if flood.partial:
        yield (
            "partial_edge_pixels",
            Words(
                f"{flood.partial} outer pixels lie only partly in the imaged field and were left out",
                f"{flood.partial} 个最外像素仅部分位于成像视野内，未计入。",
            ),
        )
    if flood.excluded:
        yield (
            "edge_pixels_excluded",
            Words(
                f"{flood.excluded} pixels at the edge of the field were left out by the 75 % rule (outer pixels below 75 % of "
                "the central mean, and their neighbours)",
                f"视野边缘有 {flood.excluded} 个像素按 75% 规则剔除（低于中心视野均值 75% 的最外像素及其相邻像素）。",
            ),
        )
    if not (in_range(rows) and in_range(columns)):
        yield (
            "pixel_outside_range",
            Words(
                f"the analysed pixel is {rows:.2f} mm ({factor[0]} x {factor[1]} of the image), outside 4.48 to 8.32 mm; "
                "compare the result only with others at this pixel size",
                f"分析像素为 {rows:.2f} mm（图像像素 {factor[0]} × {factor[1]}），超出 4.48 至 8.32 mm，"
                "只宜与同样像素大小的结果比较。",
            ),
        )
    if max(rows, columns) > 1.02 * min(rows, columns):
        yield (
            "pixels_not_square",
            Words(
                f"the analysed pixel is {rows:.2f} x {columns:.2f} mm; the standard asks for square pixels",
                f"分析像素为 {rows:.2f} × {columns:.2f} mm，标准要求正方形像素。",
            ),
        )
    if flood.dome is not None:
        yield (
            "dome_corrected",
            Words(
                f"the dome of a point source at {flood.dome.distance_mm:.0f} mm was removed ({flood.dome.fall_percent:.2f} % "
                "at the farthest corner)",
                f"已扣除距离 {flood.dome.distance_mm:.0f} mm 的点源所致穹形分布（最远角处 {flood.dome.fall_percent:.2f}%）。",
            ),
        )


def conditions_of(flood: DetectorFlood, several: bool) -> Iterator[Condition]:
    """How one detector was measured, and where its extremes lie."""
    name, ufov = name_of(flood.detector, flood.energy_window, several), flood.fields[0]
    (rows, columns), bin_mm, factor = flood.field.size_mm, flood.grid.bin_mm, flood.grid.factor
    source = SOURCES[flood.field.source]
    worst = max(ufov.windows, key=lambda window: window.percent)
    lines = (
        (
            Words("useful field of view", "有效视野"),
            Words(f"{rows:.0f} × {columns:.0f} mm, {source.en}", f"{rows:.0f} × {columns:.0f} mm，{source.zh}"),
        ),
        (
            Words("pixel analysed", "分析像素"),
            Words(
                f"{bin_mm[0]:.3f} mm ({factor[0]} × {factor[1]}), {ufov.pixels} in the UFOV",
                f"{bin_mm[0]:.3f} mm（{factor[0]} × {factor[1]}），UFOV 内 {ufov.pixels} 个",
            ),
        ),
        (Words("counts", "总计数"), _same(f"{flood.counts:.0f}")),
        (Words("counts in the centre pixel", "中心像素计数"), _same(f"{flood.centre_counts:.0f}")),
        (Words("lowest pixel of the UFOV", "UFOV 最低像素"), _told(ufov.lowest)),
        (Words("highest pixel of the UFOV", "UFOV 最高像素"), _told(ufov.highest)),
        (
            Words("greatest difference within five pixels", "五像素内最大差异"),
            Words(
                f"along {worst.axis}, about x = {worst.x_mm:.0f}, y = {worst.y_mm:.0f} mm",
                f"沿 {worst.axis} 方向，x = {worst.x_mm:.0f}、y = {worst.y_mm:.0f} mm 处",
            ),
        ),
    )
    for label, value in lines:
        yield Condition(label=Words(f"{name.en}: {label.en}", f"{name.zh}：{label.zh}"), value=value)


def _same(text: str) -> Words:
    return Words(text, text)


def _told(extreme: Extreme) -> Words:
    deviation = f"{extreme.deviation_percent:+.2f}".replace("-", "−")
    place = f"x = {extreme.x_mm:.0f}, y = {extreme.y_mm:.0f} mm".replace("-", "−")
    return Words(
        f"{place}; {extreme.counts:.0f} counts, {deviation} % of the CFOV mean",
        f"{place.replace(', ', '、')}；{extreme.counts:.0f} 个计数，偏离 CFOV 均值 {deviation}%",
    )
