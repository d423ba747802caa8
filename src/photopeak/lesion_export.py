"""From lesions drawn on an image series to files for radiotherapy: the road of `photopeak export`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from photopeak.check import with_companions
from photopeak.dicom.gather import gather
from photopeak.evidence import Evidence, Volume
from photopeak.lesions import Lesions, Segment, on_grid
from photopeak.radiotherapy_export.contours import traced_contours
from photopeak.radiotherapy_export.segmentation_file import write_segmentation
from photopeak.radiotherapy_export.structure_set_file import write_structure_set
from photopeak.words import Words

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

Form = Literal["seg", "rtstruct"]


class ExportError(Exception):
    """Nothing can be exported: what was found, what is needed."""

    def __init__(self, *, en: str, zh: str) -> None:
        super().__init__(en)
        self.words = Words(en, zh)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """The file that was written, and the volume of each lesion in it in mL."""

    path: Path
    volumes_ml: dict[str, float]


def export_lesions(paths: Iterable[Path], out: Path, form: Form) -> Exported:
    """Write the lesions found under `paths` on the grid of the image series they belong to. ExportError says what is missing."""
    gathered = with_companions(gather(paths).evidence)
    drawn = next((one for one in gathered if one.facts.get("lesions") and isinstance(one.images, Volume)), None)
    if drawn is None or not isinstance(drawn.images, Volume):
        raise ExportError(
            en="no image series with lesions in its frame of reference was found; give the series and its segmentation or structure set",
            zh="未找到同一参考坐标系下的图像序列与病灶；请同时提供图像序列及其分割或结构集。",
        )
    masks = _masks(drawn, drawn.images)
    series = _headers(drawn, drawn.images)
    out.parent.mkdir(parents=True, exist_ok=True)
    voxel_ml = float(np.prod(drawn.images.spacing_mm)) / 1000
    if form == "seg":
        write_segmentation(out, masks, series)
    else:
        write_structure_set(
            out, [traced_contours(_segment(label, mask, drawn.images)) for label, mask in masks.items()], series
        )
    return Exported(path=out, volumes_ml={label: float(mask.sum() * voxel_ml) for label, mask in masks.items()})


def _masks(drawn: Evidence, volume: Volume) -> dict[str, npt.NDArray[np.bool_]]:
    masks: dict[str, npt.NDArray[np.bool_]] = {}
    for one in drawn.facts["lesions"]:
        if isinstance(one.images, Lesions):
            for number, region in enumerate(one.images.regions, len(masks) + 1):
                mask = on_grid(region, volume)
                if mask.any():
                    masks[region.label if region.label not in masks else f"{region.label} ({number})"] = mask
    if not masks:
        raise ExportError(en="no lesion has a voxel in the image series", zh="病灶在图像序列中没有体素。")
    return masks


def _segment(label: str, mask: npt.NDArray[np.bool_], volume: Volume) -> Segment:
    return Segment(
        label=label, mask=mask, spacing_mm=volume.spacing_mm, origin_mm=volume.origin_mm, directions=volume.directions
    )


def _headers(drawn: Evidence, volume: Volume) -> list[Dataset]:
    """The headers of the slices in the order of the volume."""
    from pydicom import dcmread

    files = [Path(one.path) for one in drawn.files]
    if not all(path.is_file() for path in files):
        raise ExportError(
            en="the images lie in an archive; unpack it first, the exported file has to refer to them",
            zh="图像位于压缩包内，请先解压；导出的文件须引用这些图像。",
        )
    headers = [dcmread(path) for path in files]
    if len(headers) != len(volume.values):
        raise ExportError(
            en="only series of single slices can be exported; this one is a multi-frame object",
            zh="仅支持逐层存储的序列，该序列为多帧对象。",
        )
    normal = np.asarray(volume.directions[0])
    return sorted(headers, key=lambda one: float(np.asarray(one.ImagePositionPatient, dtype=float) @ normal))
