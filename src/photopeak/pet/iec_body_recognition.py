"""Is this the IEC body phantom, all of it, and where? The answer, or a refusal that says what is wrong."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from photopeak.pet.iec_body_fit import RingFit, fit_ring, weighted_noise_power
from photopeak.pet.iec_body_pose import SPHERES_MM, Floats, blurred_sphere, sphere_data
from photopeak.pet.iec_body_search import COARSE_MM, coarse_copy, commonest_level, find_body, find_ring
from photopeak.procedure import Refused

REACH_MM = 20.0  #: background regions lie up to this far from the plane of the spheres
BETWEEN_MM = 85.0  #: from the ring's centre: between the spheres and the wall, in every direction
BODY_AREA_MM2 = 54061.0  #: inside of the body's cross-section: arch of 147 mm, corners of 77 mm, 140 mm flat
BODY_ELONGATION = 1.29  #: ratio of the second-moment axes of that outline
LONGEST_MM = 350.0  #: of a field in which a body as wide as half the phantom may lie
_AREA_TOLERANCE, _ELONGATION_TOLERANCE = 0.18, 0.13
_LEAST_EXCESS, _LEAST_EXPLAINED, _LEAST_SEEN, _FAINT = 0.5, 0.15, 4, 0.25

Spacing = tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """The phantom in a volume: the fitted ring, and how deep each pixel [row, column] lies inside the body's wall, in mm."""

    fit: RingFit
    depth_mm: Floats
    explained: Floats  #: share of each neighbourhood's variance that the fitted sphere explains


def locate(values: npt.NDArray[np.float32], spacing_mm: Spacing) -> Located:
    """Find the phantom. Refused: nothing there, another object, or a phantom that the field of view cuts off."""
    _refuse_long_bodies(values, spacing_mm)
    body = find_body(values, spacing_mm)
    coarse = None if body is None else find_ring(body)
    if body is None or coarse is None:
        raise _another_object(
            "no ring of six hot spheres 57 mm from its centre was found in it", "图像中未找到半径 57 mm 圆环上的六个热球"
        )
    fit = _fine_fit(values, spacing_mm, coarse, body.level)
    explained = _explained(fit)
    seen = int((fit.hot > _FAINT * float(np.median(fit.hot))).sum())
    if (
        float(np.median(fit.hot)) < _LEAST_EXCESS * fit.level
        or float(np.median(explained)) < _LEAST_EXPLAINED
        or seen < _LEAST_SEEN
    ):
        raise _another_object(
            "the hottest places do not form a ring of six spheres 57 mm from its centre",
            "最热的部位不构成半径 57 mm 圆环上的六个球",
        )
    _inside_axially(values.shape[0], spacing_mm[0], fit)
    depth = _depth(values, spacing_mm, fit)
    return Located(fit=fit, depth_mm=depth, explained=explained)


def _refuse_long_bodies(values: npt.NDArray[np.float32], spacing_mm: Spacing) -> None:
    """From blocks of about 8 mm: where much more of the length than the phantom's is as wide as half of it, lies a patient.

    The line source of the scatter phantom behind it is long, but thin."""
    coarse, steps, _ = coarse_copy(values, spacing_mm, 2 * COARSE_MM)
    smooth = ndimage.gaussian_filter(coarse, [4.0 / step for step in steps], mode="nearest")
    level = commonest_level(smooth)
    if level is None:
        return
    wide = (smooth > level / 2).sum(axis=(1, 2)) * steps[1] * steps[2] > BODY_AREA_MM2 / 2
    length_mm = float(wide.sum()) * steps[0]
    if length_mm > LONGEST_MM:
        raise _another_object(
            f"{length_mm:.0f} mm of the field hold a body as wide as it, which is 180 mm long",
            f"轴向有 {length_mm:.0f} mm 存在与之同宽的躯体，而该模体长 180 mm",
        )


def _fine_fit(values: npt.NDArray[np.float32], spacing_mm: Spacing, coarse: RingFit, level: float) -> RingFit:
    data = sphere_data(values, spacing_mm, coarse.pose.spheres_mm())
    if any(len(one.values) < 20 for one in data):
        raise _cut_off("axial field", "轴向视野")
    power = weighted_noise_power(replace(coarse, data=data), float(np.prod(spacing_mm)))
    return fit_ring(data, coarse.pose, level=level, sigma_mm=coarse.sigma_mm, noise_power=power, tolerance_mm=0.005)


def _explained(fit: RingFit) -> Floats:
    shares = np.empty(6)
    for k, one in enumerate(fit.data):
        shape = blurred_sphere(np.linalg.norm(one.positions - fit.spheres_mm[k], axis=1), SPHERES_MM[k] / 2, fit.sigma_mm)
        total = float(((one.values - one.values.mean()) ** 2).sum())
        left = float(((one.values - fit.level - fit.hot[k] * shape) ** 2).sum())
        shares[k] = 1 - left / total if total > 0 else 0.0
    return shares


def _inside_axially(slices: int, step_mm: float, fit: RingFit) -> None:
    middle = fit.pose.centre_mm[0]
    first, last = -0.5 * step_mm, (slices - 0.5) * step_mm
    if middle - REACH_MM < first or middle + REACH_MM > last:
        short, far = min(middle - first, last - middle), REACH_MM
        raise Refused(
            "phantom_cut_off",
            en=f"The plane of the spheres lies {max(short, 0):.0f} mm from the end of the axial field; {far:.0f} mm on each "
            "side are needed for the background regions. Include more slices, or position the spheres nearer to the middle "
            "of the field.",
            zh=f"热球平面距轴向视野边缘仅 {max(short, 0):.0f} mm，本底感兴趣区要求两侧各有 {far:.0f} mm。请导出更多层面，"
            "或将热球移近视野中心后重新采集。",
        )


def _depth(values: npt.NDArray[np.float32], spacing_mm: Spacing, fit: RingFit) -> Floats:
    """Distance to the wall [row, column], mm: the half-height outline of the mean slice near the spheres, holes filled."""
    low, high = ((fit.pose.centre_mm[0] + side * REACH_MM) / spacing_mm[0] for side in (-1, 1))
    slab = values[max(round(low), 0) : round(high) + 1].mean(axis=0, dtype=np.float64)
    smooth = ndimage.gaussian_filter(slab, [2.0 / step for step in spacing_mm[1:]])
    labels, _ = ndimage.label(smooth > fit.level / 2)
    angles = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    rows = np.rint((fit.pose.centre_mm[1] + BETWEEN_MM * np.sin(angles)) / spacing_mm[1]).astype(int)
    columns = np.rint((fit.pose.centre_mm[2] + BETWEEN_MM * np.cos(angles)) / spacing_mm[2]).astype(int)
    inside = (rows >= 0) & (rows < labels.shape[0]) & (columns >= 0) & (columns < labels.shape[1])
    if not inside.all():
        raise _cut_off("transverse field", "横断面视野")
    home = int(np.argmax(np.bincount(labels[rows, columns])))
    if home == 0:
        raise _another_object("no warm body surrounds the hot spheres", "热球周围没有充有本底活度的模体")
    outline = ndimage.binary_fill_holes(labels == home)
    if outline[0].any() or outline[-1].any() or outline[:, 0].any() or outline[:, -1].any():
        raise _cut_off("transverse field", "横断面视野")
    _check_shape(outline, spacing_mm)
    depth = ndimage.distance_transform_edt(np.pad(outline, 1), sampling=spacing_mm[1:])[1:-1, 1:-1]
    return np.where(outline, depth - 0.25 * (spacing_mm[1] + spacing_mm[2]), 0.0)


def _check_shape(outline: npt.NDArray[np.bool_], spacing_mm: Spacing) -> None:
    rows, columns = np.nonzero(outline)
    y, x = rows * spacing_mm[1], columns * spacing_mm[2]
    area = len(rows) * spacing_mm[1] * spacing_mm[2]
    spread = np.linalg.eigvalsh(np.cov(y, x))
    elongation = float(np.sqrt(spread[1] / max(spread[0], 1e-9)))
    if abs(area / BODY_AREA_MM2 - 1) > _AREA_TOLERANCE or abs(elongation / BODY_ELONGATION - 1) > _ELONGATION_TOLERANCE:
        raise _another_object(
            f"its cross-section is {area / 100:.0f} cm² with axes in the ratio {elongation:.2f}; the phantom has "
            f"{BODY_AREA_MM2 / 100:.0f} cm² and {BODY_ELONGATION:.2f}",
            f"横断面为 {area / 100:.0f} cm²、长短轴比 {elongation:.2f}，而该模体为 {BODY_AREA_MM2 / 100:.0f} cm²、"
            f"{BODY_ELONGATION:.2f}",
        )


def _another_object(en: str, zh: str) -> Refused:
    return Refused(
        "not_iec_body_phantom",
        en=f"This is not the IEC body phantom: {en}. Give the series of the body phantom with its six spheres filled.",
        zh=f"这不是 IEC 体部模体：{zh}。请提供六个球已充入活度的体部模体图像序列。",
    )


def _cut_off(en: str, zh: str) -> Refused:
    return Refused(
        "phantom_cut_off",
        en=f"The phantom is cut off by the edge of the {en}; the whole cross-section and 20 mm on each side of the spheres "
        "are needed. Centre the phantom, or reconstruct with a larger field of view.",
        zh=f"模体被{zh}边缘截断，需要完整的横断面以及热球两侧各 20 mm。请将模体置于视野中心，或用更大的视野重建。",
    )
