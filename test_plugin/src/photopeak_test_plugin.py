"""A procedure outside the package: counts of each frame. It runs where the facts say phantom = "plugin example"."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from photopeak.evidence import Evidence, PlanarImages
from photopeak.measurement import Quantity
from photopeak.procedure import Refused, Result, procedure
from photopeak.words import Words

TOTAL = Quantity(name="total_counts", unit="{counts}", en="total counts", zh="总计数")


@dataclass(frozen=True, slots=True, kw_only=True)
class TotalCounts(Result):
    """The totals, one measurement a frame; u is the square root of the counts (Poisson)."""


def asked_for(evidence: Evidence) -> Words | None:
    if evidence.facts.get("phantom") == "plugin example":
        return None
    return Words("only for the plugin's example", "仅用于插件示例")


@procedure(
    name="plugin.total_counts",
    en="Total counts",
    zh="总计数",
    implements="example of a plugin",
    kinds=("nm_planar",),
    quantities=(TOTAL,),
    accepts=asked_for,
)
def total_counts(
    evidence: Evidence, *, scale: Annotated[float, Words("multiplies the counts", "计数乘数")] = 1.0
) -> TotalCounts:
    images = evidence.images
    if not isinstance(images, PlanarImages):
        raise Refused("wrong_modality", en="planar gamma-camera images are needed", zh="需要平面伽玛照相机图像。")
    totals = images.counts.reshape(len(images.frames), -1).sum(axis=1, dtype=np.float64)
    return TotalCounts(
        measurements=tuple(
            TOTAL.of(scale * total, scale * float(np.sqrt(total)), detector=frame.detector)
            for total, frame in zip(totals, images.frames, strict=True)
        )
    )
