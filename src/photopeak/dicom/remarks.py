"""What the reader noticed and could live with: codes and sentences that travel with the evidence into every result."""

from __future__ import annotations

from photopeak.words import Words

Noticed = tuple[str, Words]

SENTENCES: dict[str, tuple[str, str]] = {
    "rescale_intercept": (
        "A rescale intercept other than zero was applied; PET values from the scanner have none, so the series was processed.",
        "序列的重建截距不为零，已按其换算；PET 设备直接输出的序列截距为零，说明该序列经过后处理。",
    ),
    "rescale_missing": (
        "The slices have no rescale slope; stored values were taken as they are.",
        "各层面没有重建斜率，直接采用存储值。",
    ),
    "slice_spacing_assumed": (
        "The spacing of the slices is not given; their thickness, {mm} mm, was taken instead.",
        "未给出层间距，以层厚 {mm} mm 代替。",
    ),
    "positions_assumed": (
        "The slices do not say where they lie; they were stacked by their instance number.",
        "各层面没有位置信息，按实例编号排列。",
    ),
    "orientation_assumed": (
        "The orientation of the slices is not given; transverse slices were assumed.",
        "未给出层面方向，按横断面处理。",
    ),
    "single_slice": (
        "The series consists of a single slice.",
        "该序列只有一个层面。",
    ),
    "fewer_slices_than_stated": (
        "The header speaks of {stated} slices, {found} are there.",
        "文件头称共有 {stated} 个层面，实有 {found} 个。",
    ),
    "time_position": (
        "Time position {this} of {all} of the series.",
        "该序列共 {all} 个时相，此为第 {this} 个。",
    ),
    "duplicate_file": (
        "{copies} further copies of these images were handed in and passed over.",
        "另有 {copies} 份相同图像，已略过。",
    ),
    "byte_order_assumed": (
        "The header does not give the byte order; {en} was taken because only it makes a smooth image.",
        "文件头未注明字节顺序；按{zh}读取，因为只有这样图像才连续。",
    ),
    "pixel_spacing_missing": (
        "The pixel size is missing or impossible; nothing can be measured in mm.",
        "像素大小缺失或不合理，无法以 mm 测量。",
    ),
    "frames_assumed": (
        "The header does not say which frame belongs to which detector and energy window; the standard order was assumed.",
        "文件头未说明各帧所属的探头和能窗，按标准顺序处理。",
    ),
    "frame_vector_ignored": (
        "The header's description of the frames ({vector}) does not fit their number and was not used.",
        "文件头中各帧的说明（{vector}）与帧数不符，未予采用。",
    ),
    "detector_angles_missing": (
        "The start angle of each detector is not given; all detectors were given the angles of the first.",
        "未给出各探头的起始角度，均按第一个探头的角度处理。",
    ),
    "lossy_compression": (
        "The header says that the pixels were once compressed with loss; values may differ from what was measured.",
        "文件头表明像素曾经过有损压缩，数值可能与测量值不同。",
    ),
    "real_world_values": (
        "Stored values were converted by the header's real world value mapping, to {unit}.",
        "存储值已按文件头的真实值映射换算为 {unit}。",
    ),
}


def noticed(code: str, **details: object) -> Noticed:
    en, zh = SENTENCES[code]
    shown = {name: str(value) for name, value in details.items()}
    return code, Words(en.format(**shown), zh.format(**shown))
