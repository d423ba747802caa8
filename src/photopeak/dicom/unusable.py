"""Why a file cannot be used: every code the reader may answer, with its sentence in both languages.

Each sentence says what was found and what to do. No sentence repeats a header value that could name a patient.
"""

from __future__ import annotations

from photopeak.words import Words


class Unusable(Exception):
    """This file or series cannot become evidence; `code` is stable, `words` are for the person who handed it in."""

    def __init__(self, code: str, **details: object) -> None:
        self.code = code
        self.details = {name: str(value) for name, value in details.items()}
        super().__init__(self.words.en)

    @property
    def words(self) -> Words:
        en, zh = SENTENCES[self.code]
        return Words(en.format(**self.details), zh.format(**self.details))

    def __reduce__(self) -> tuple[object, ...]:
        return (_unusable, (self.code, self.details))


def _unusable(code: str, details: dict[str, str]) -> Unusable:
    return Unusable(code, **details)


SENTENCES: dict[str, tuple[str, str]] = {
    # what kind of file it is
    "empty_file": (
        "The file is empty; copy it again from where it came.",
        "文件为空，请从来源处重新拷贝。",
    ),
    "not_dicom": (
        "The file is neither DICOM nor another format known here; export the images as DICOM.",
        "该文件不是 DICOM，也不是本软件认识的其他格式，请以 DICOM 格式导出图像。",
    ),
    "not_an_image": (
        "The file is {kind_en}, not an image, and nothing here reads it.",
        "该文件是{kind_zh}，不是图像，此处不读取。",
    ),
    "wrong_modality": (
        "The object is {found}; images of gamma cameras (NM), PET (PT) and CT are read.",
        "该对象的类型为 {found}；此处读取伽玛照相机（NM）、PET（PT）和 CT 图像。",
    ),
    "encrypted": (
        "The file is encrypted; decrypt it, or export it again without encryption.",
        "文件已加密，请解密后提供，或重新导出未加密的文件。",
    ),
    "nested_archive": (
        "An archive within an archive is not opened; unpack it and hand in its content.",
        "不打开压缩包中的压缩包，请解压后提供其中的内容。",
    ),
    "bad_archive": (
        "The archive is damaged or packed in an unusual way; unpack it and hand in the folder; save an XLSX or DOCX file again.",
        "压缩包已损坏或压缩方式特殊，请解压后提供文件夹；XLSX 或 DOCX 文件请重新另存后提供。",
    ),
    "outside_folder": (
        "The link leads out of the folder and was not followed; copy the file itself into the folder.",
        "该链接指向文件夹之外，未予读取；请把文件本身拷入文件夹。",
    ),
    "not_a_file": (
        "This is a device or a pipe, not a file; copy the images into an ordinary folder.",
        "这不是普通文件（是设备或管道），请把图像拷入普通文件夹。",
    ),
    "not_found": (
        "There is nothing at this path; check its spelling.",
        "该路径不存在，请核对拼写。",
    ),
    "no_permission": (
        "The file may not be read by this user; change its permissions or copy it.",
        "当前用户无权读取该文件，请修改权限或另行拷贝。",
    ),
    # its bytes
    "truncated": (
        "The file ends before its content is complete; copy it again from where it came, or export it again.",
        "文件不完整，在内容结束之前中断；请从来源处重新拷贝或导出。",
    ),
    "unreadable": (
        "The file's content is damaged ({reason}); export it again.",
        "文件内容已损坏（{reason}），请重新导出。",
    ),
    "nested_too_deep": (
        "The header holds sequences nested too deeply to be a genuine image; export the file again.",
        "文件头中的序列嵌套过深，不是正常图像；请重新导出。",
    ),
    "too_large": (
        "The content would unpack to more than {limit}; if it is genuine, export it uncompressed and in parts.",
        "解压后的内容超过 {limit}；如确为真实数据，请以不压缩方式分批导出。",
    ),
    "unsupported_transfer_syntax": (
        "The pixels are stored in a way not read here (transfer syntax {found}); export them uncompressed.",
        "像素的存储方式（传输语法 {found}）此处不支持，请以不压缩方式导出。",
    ),
    # its pixels
    "no_pixels": (
        "The object holds no pixels; export the images themselves, not only their description.",
        "该对象没有像素数据，请导出图像本身，而不仅是其描述。",
    ),
    "bad_size": (
        "The header's image size cannot be true ({found}); export the file again.",
        "文件头中的图像尺寸不可信（{found}），请重新导出。",
    ),
    "colour_image": (
        "This is a colour picture for viewing; its values are not measured. Export the original grey-scale images.",
        "这是供浏览的彩色图片，其数值不是测量值；请导出原始灰度图像。",
    ),
    "lossy_compression": (
        "The pixels were compressed with loss, so their values are no longer the measured ones; export the originals.",
        "像素经过有损压缩，数值已不是测量值；请导出原始图像。",
    ),
    "bad_rescale": (
        "The rescale slope or intercept is missing in part, zero or no number; export the series again.",
        "重建比例因子（斜率或截距）部分缺失、为零或不是数字；请重新导出该序列。",
    ),
    # its series
    "duplicate_sop_instance": (
        "The same image identifier occurs with other content; {kept} was kept. Find out which is the original.",
        "同一图像标识对应不同内容，已保留 {kept}；请查明哪一份为原始图像。",
    ),
    "inconsistent_slices": (
        "The slices do not form one regular stack: {reason_en}. Export the complete series again.",
        "各层面不能组成规则的断层序列：{reason_zh}。请重新完整导出该序列。",
    ),
    "no_position": (
        "The slices do not say where they lie (Image Position is missing), so they cannot be stacked; export the originals.",
        "层面缺少位置信息（Image Position），无法组成断层序列；请导出原始图像。",
    ),
    "no_pixel_spacing": (
        "The pixel size is missing or impossible, so nothing can be measured in mm; export the originals.",
        "像素大小缺失或不合理，无法以 mm 测量；请导出原始图像。",
    ),
    "mixed_units": (
        "Slices of one series carry different {what_en} ({found}); export each reconstruction as its own series.",
        "同一序列中各层面的{what_zh}不一致（{found}）；请将每次重建分别导出为独立序列。",
    ),
    "unsupported_metaimage": (
        "This MetaImage cannot be read: {reason_en}.",
        "无法读取该 MetaImage 文件：{reason_zh}。",
    ),
}
