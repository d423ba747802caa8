"""Writing a DICOM segmentation (SEG) of lesions on the grid of an image series; binary, so nothing is lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from photopeak import __version__

if TYPE_CHECKING:
    from pydicom.dataset import Dataset


def write_segmentation(path: Path, masks: Mapping[str, npt.NDArray[np.bool_]], series: Sequence[Dataset]) -> Path:
    """Write `masks[label][slice, row, column]` for the single-slice images `series`, in the order of the slices.

    ValueError: masks and images differ in number or size.
    """
    from highdicom.content import AlgorithmIdentificationSequence
    from highdicom.seg import Segmentation, SegmentDescription
    from pydicom.sr.codedict import codes
    from pydicom.uid import generate_uid

    shapes = {mask.shape for mask in masks.values()}
    wanted = (len(series), int(series[0].Rows), int(series[0].Columns))
    if not masks or shapes != {wanted}:
        raise ValueError(f"masks of {sorted(shapes)} do not fit images of {wanted}")
    algorithm = AlgorithmIdentificationSequence(
        name="Photopeak", version=__version__, family=codes.cid7162.ArtificialIntelligence
    )
    descriptions = [
        SegmentDescription(
            segment_number=number,
            segment_label=label[:64],
            segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
            segmented_property_type=codes.SCT.Lesion,
            algorithm_type="SEMIAUTOMATIC",
            algorithm_identification=algorithm,
        )
        for number, label in enumerate(masks, 1)
    ]
    stacked = np.stack(list(masks.values()), axis=-1).astype(np.uint8)
    segmentation = Segmentation(
        source_images=list(series),
        pixel_array=stacked,
        segmentation_type="BINARY",
        segment_descriptions=descriptions,
        series_instance_uid=generate_uid(),
        series_number=9001,
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer="Photopeak",
        manufacturer_model_name="Photopeak",
        software_versions=__version__,
        device_serial_number="0",
    )
    segmentation.save_as(path)
    return path
