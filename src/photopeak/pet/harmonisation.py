"""The smallest Gaussian post-filter that brings every recovery of a scanner into a programme's bands (EARL 1, EARL 2).

The image of the IEC body phantom is filtered in all three directions with widths from 0 mm in steps of 0.5 mm, then 0.1 mm; A50 and
maximum of all six spheres are compared with the bands. Zero: the scanner is inside as it is. Without a measurement: none up to 12 mm
does it, either because a recovery lies below its band already or because the bands cannot be met together; the remark says which
spheres stay outside. Recoveries with a single, provisional source (peak) are not used. The background's concentration is that of the
unfiltered image. The width is found in steps of 0.1 mm; how far the noise of one image moves it is not known, so no uncertainty is
stated. Confirm the width by a reconstruction with that filter: a scanner applies it on its own grid.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from photopeak.evidence import Evidence, Volume
from photopeak.figure import Axis, Chart, Figure, Line
from photopeak.measurement import Measurement, Quantity
from photopeak.pet.background_regions import place_background
from photopeak.pet.background_statistics import measure_background
from photopeak.pet.iec_body_pose import SPHERES_MM
from photopeak.pet.iec_body_recognition import locate
from photopeak.pet.image_quality_figures import DIAMETER
from photopeak.pet.recovery_bands import Filtered, Place, Spheres, bands, smallest_filter
from photopeak.pet.true_activity import true_activity
from photopeak.procedure import Refused, Remark, Result, procedure, remark
from photopeak.words import Words

FILTER = Quantity(
    name="harmonising_filter", unit="mm", en="smallest harmonising filter (FWHM)", zh="最小协调滤波（半高宽）", judged=False
)
FILTERED = Quantity(name="filtered_recovery", unit="1", en="recovery after that filter", zh="滤波后恢复系数", judged=False)
PROGRAMMES = ("earl1", "earl2")
NAMES = {"earl1": Words("EARL 1", "EARL 1"), "earl2": Words("EARL 2", "EARL 2")}
STATISTICS = {"a50": Words("A50", "A50"), "max": Words("maximum", "最大值")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Harmonisation(Result):
    """By programme: the filter found (None: none) and all that were tried; `unfiltered` recoveries; the bands."""

    found: dict[str, Filtered | None]
    unfiltered: dict[Place, float]
    wanted: dict[str, dict[Place, tuple[float, float]]]

    def figures(self) -> tuple[Figure, ...]:
        """Recovery against the sphere's diameter before and after the filter, between the bands."""
        return tuple(
            self._chart(programme, statistic)
            for programme in self.found
            for statistic in STATISTICS
            if (SPHERES_MM[0], statistic) in self.wanted[programme]
        )

    def _chart(self, programme: str, statistic: str) -> Chart:
        sizes = sorted(SPHERES_MM)
        x = np.array(sizes, dtype=np.float64)
        wanted, best = self.wanted[programme], self.found[programme]
        curves = [
            (Words("as it is", "现状"), [self.unfiltered[size, statistic] for size in sizes]),
            (Words("lower bound", "下限"), [wanted[size, statistic][0] for size in sizes]),
            (Words("upper bound", "上限"), [wanted[size, statistic][1] for size in sizes]),
        ]
        if best is not None and best.fwhm_mm > 0:
            label = Words(f"with {best.fwhm_mm:.1f} mm", f"加 {best.fwhm_mm:.1f} mm 滤波")
            curves.insert(1, (label, [best.recovery[size, statistic] for size in sizes]))
        name, stat = NAMES[programme], STATISTICS[statistic]
        return Chart(
            title=Words(f"{name.en}, {stat.en}", f"{name.zh}，{stat.zh}"),
            x=DIAMETER,
            y=Axis(label=Words("recovery coefficient", "恢复系数"), low=0.0),
            marks=tuple(Line(x=x, y=np.array(y), label=label) for label, y in curves),
            group=programme,
        )


def accepts(evidence: Evidence) -> Words | None:
    if not isinstance(evidence.images, Volume) or evidence.images.values.ndim != 3:
        return Words("a stack of PET slices is needed", "需要一组 PET 断层图像")
    facts = evidence.facts
    if not {"sphere_bq_per_ml", "sphere_to_background"} & set(facts):
        return Words("the spheres' activity is not stated in the facts", "补充信息未给出热球活度")
    return None


@procedure(
    en="Harmonising filter",
    zh="协调滤波",
    implements="EARL 18F PET/CT accreditation, standards 1 and 2",
    kinds=("pt_volume",),
    quantities=(FILTER, FILTERED),
    accepts=accepts,
)
def harmonisation(evidence: Evidence) -> Harmonisation:
    """Smallest filter for EARL 1 and EARL 2. Refused: another object, or spheres whose activity is not stated."""
    volume = evidence.images
    if not isinstance(volume, Volume) or volume.values.ndim != 3 or min(volume.values.shape) < 5:
        raise Refused(
            "not_a_volume",
            en=f"{evidence.name} holds no stack of PET slices. Give the folder of the reconstructed series.",
            zh=f"{evidence.name} 中没有 PET 断层图像序列。请提供重建后的整个序列。",
        )
    located = locate(volume.values, volume.spacing_mm)
    fit = located.fit
    z, y, x = fit.pose.centre_mm
    placement = place_background(
        located.depth_mm, volume.spacing_mm[1:], fit.spheres_mm[:, 1:], (y, x), fit.pose.angle_deg, fit.pose.hand
    )
    if placement is None:
        raise Refused(
            "no_room_for_background",
            en="The background regions have no room in this image; recovery cannot be measured.",
            zh="图像中放不下本底感兴趣区，无法测量恢复系数。",
        )
    background = measure_background(volume.values, volume.spacing_mm, placement, z, None)
    truth = true_activity(evidence.facts, background.concentration, volume.units).sphere_bq_per_ml
    if truth is None:
        raise Refused(
            "no_true_activity",
            en="The activity in the spheres is not known. State sphere_bq_per_ml (or sphere_to_background) in the facts.",
            zh="未知热球活度浓度。请在补充信息中给出 sphere_bq_per_ml（或 sphere_to_background）。",
        )
    spheres = Spheres(volume.values, volume.spacing_mm, fit, background.concentration, truth)
    found: dict[str, Filtered | None] = {}
    notes: list[Remark] = []
    wanted = {programme: bands(programme) for programme in PROGRAMMES}
    unfiltered = spheres.recovery(0.0)
    for programme in PROGRAMMES:
        found[programme], tried = smallest_filter(spheres, wanted[programme])
        if found[programme] is None:
            notes.append(_none(programme, tried))
    return Harmonisation(
        measurements=tuple(_measurements(found)),
        remarks=tuple(notes),
        found=found,
        unfiltered=unfiltered,
        wanted=wanted,
    )


def _measurements(found: dict[str, Filtered | None]) -> Iterator[Measurement]:
    for programme, best in found.items():
        if best is None:
            continue
        yield FILTER.of(best.fwhm_mm, programme=programme)
        for (diameter, statistic), value in sorted(best.recovery.items()):
            yield FILTERED.of(value, programme=programme, sphere_mm=diameter, statistic=statistic)


def _none(programme: str, tried: list[Filtered]) -> Remark:
    """Which spheres stay outside with the filter that comes nearest."""
    nearest = min(tried, key=lambda one: sum(abs(value) for value in one.outside.values()))
    named = ", ".join(
        f"{diameter} mm {STATISTICS[statistic].en}" for (diameter, statistic), value in sorted(nearest.outside.items()) if value
    )
    named_zh = "、".join(
        f"{diameter} mm {STATISTICS[statistic].zh}" for (diameter, statistic), value in sorted(nearest.outside.items()) if value
    )
    name = NAMES[programme]
    return remark(
        "no_harmonising_filter",
        en=f"No Gaussian filter brings this reconstruction into the {name.en} bands; nearest is {nearest.fwhm_mm:.1f} mm, with "
        f"{named} outside. Choose another reconstruction.",
        zh=f"没有高斯滤波能使该重建进入 {name.zh} 的范围；最接近的是 {nearest.fwhm_mm:.1f} mm，此时 {named_zh} 仍超出。"
        "请更换重建条件。",
    )
