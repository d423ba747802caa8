"""Target registration error between two images, from corresponding points: how far a target is misplaced after rigid registration.

The rotation and translation are the least-squares ones of the fiducials (Kabsch). Targets that were marked in both images give their error
directly; one that was marked in the fixed image alone gets the expected error (Fitzpatrick 1998)

    TRE² = FLE² (1/N + 1/3 Σ d_k² / f_k²),   FLE² = FRE² N / (N - 2)

with d_k the distance of the target, f_k that of the fiducials, from the principal axis k.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import numpy.typing as npt

from photopeak.cases import Case, Column, cases_of, charts_of, declared, lacking
from photopeak.evidence import Evidence
from photopeak.figure import Figure
from photopeak.measurement import Measurement, Quantity
from photopeak.procedure import Refused, Remark, Result, procedure, remark
from photopeak.words import Words

Points = npt.NDArray[np.float64]

ERROR = Quantity(name="target_registration_error", unit="mm", en="target registration error", zh="靶点配准误差")
FIDUCIAL = Quantity(
    name="fiducial_registration_error", unit="mm", en="fiducial registration error", zh="标记点配准误差", judged=False
)
ROTATION = Quantity(name="rotation", unit="deg", en="rotation of the registration", zh="配准旋转角", judged=False)
FIXED = ("fixed_x_mm", "fixed_y_mm", "fixed_z_mm")
MOVING = ("moving_x_mm", "moving_y_mm", "moving_z_mm")
LEAST = 3
FLAT = 1e-3  #: mm: fiducials closer than this to one line leave a rotation open


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetRegistration(Result):
    def figures(self) -> tuple[Figure, ...]:
        return charts_of(self.measurements, "target_registration_error", "fiducial_registration_error")


def accepts(evidence: Evidence) -> Words | None:
    return lacking(evidence, target_registration, ("role", *FIXED))


@procedure(
    en="Target registration error",
    zh="靶点配准误差",
    implements="Fitzpatrick 1998; AAPM TG-132 (concept)",
    kinds=("table",),
    quantities=(ERROR, FIDUCIAL, ROTATION),
    accepts=accepts,
)
def target_registration(
    evidence: Evidence,
    *,
    role: Annotated[str | None, Words("fiducial or target", "fiducial（标记点）或 target（靶点）"), Column(kind="text")] = None,
    point: Annotated[str | None, Words("name of the point", "点名"), Column(kind="text")] = None,
    fixed_x_mm: Annotated[float | None, Words("x in the fixed image, mm", "固定图像 x，mm"), Column()] = None,
    fixed_y_mm: Annotated[float | None, Words("y in the fixed image, mm", "固定图像 y，mm"), Column()] = None,
    fixed_z_mm: Annotated[float | None, Words("z in the fixed image, mm", "固定图像 z，mm"), Column()] = None,
    moving_x_mm: Annotated[float | None, Words("x in the moving image, mm", "待配准图像 x，mm"), Column()] = None,
    moving_y_mm: Annotated[float | None, Words("y in the moving image, mm", "待配准图像 y，mm"), Column()] = None,
    moving_z_mm: Annotated[float | None, Words("z in the moving image, mm", "待配准图像 z，mm"), Column()] = None,
) -> TargetRegistration:
    """One row per point; three fiducials or more that are not on a line."""
    cases, remarks, refused = cases_of(evidence, target_registration, declared(locals()))
    if refused:
        raise refused[0]
    roles = {_role(case) for case in cases}
    fiducials = [case for case in cases if _role(case) == "fiducial"]
    fixed, moving = (np.array([[case.number(name) for name in names] for case in fiducials]) for names in (FIXED, MOVING))
    _refuse_few(evidence, fixed)
    turn, shift = rigid_registration(moving, fixed)
    residuals = np.linalg.norm(moving @ turn.T + shift - fixed, axis=1)
    fre = float(np.sqrt((residuals**2).mean()))
    angle = float(np.degrees(np.arccos(np.clip((np.trace(turn) - 1) / 2, -1, 1))))
    found: list[Measurement] = [FIDUCIAL.of(fre), ROTATION.of(angle)]
    for number, case in enumerate((one for one in cases if _role(one) == "target"), 1):
        found.append(_target(case, number, (turn, shift), fixed, fre))
    more = () if "target" in roles else (_no_target(),)
    return TargetRegistration(measurements=tuple(found), remarks=(*remarks, *more))


def rigid_registration(moving: Points, fixed: Points) -> tuple[Points, Points]:
    """Rotation[3, 3] and translation[3] that carry moving[n, 3] onto fixed[n, 3] by least squares."""
    middle_m, middle_f = moving.mean(axis=0), fixed.mean(axis=0)
    u, _, vt = np.linalg.svd((moving - middle_m).T @ (fixed - middle_f))
    mirror = np.diag([1.0, 1.0, float(np.sign(np.linalg.det(vt.T @ u.T)))])
    turn = vt.T @ mirror @ u.T
    return turn, middle_f - turn @ middle_m


def expected_error(target: Points, fiducials: Points, fre: float) -> float:
    """Expected error of `target[3]` after registration by `fiducials[n, 3]` with the given fiducial error, mm."""
    count = len(fiducials)
    middle = fiducials.mean(axis=0)
    _, _, axes = np.linalg.svd(fiducials - middle)
    ratio = 0.0
    for axis in axes:
        off_fiducials = fiducials - middle - np.outer((fiducials - middle) @ axis, axis)
        off_target = target - middle - ((target - middle) @ axis) * axis
        ratio += float(off_target @ off_target) / float((off_fiducials**2).sum(axis=1).mean())
    location = fre**2 * count / (count - 2)
    return float(np.sqrt(location * (1 / count + ratio / (3 * count))))


def _target(case: Case, number: int, placed: tuple[Points, Points], fiducials: Points, fre: float) -> Measurement:
    at = np.array([case.number(name) for name in FIXED])
    name = str(case.get("point") or number)
    if case.has(*MOVING):
        moved = placed[0] @ np.array([case.number(one) for one in MOVING]) + placed[1]
        return ERROR.of(float(np.linalg.norm(moved - at)), point=name, method="marked")
    return ERROR.of(expected_error(at, fiducials, fre), point=name, method="expected")


def _role(case: Case) -> str:
    role = case.text("role").strip().lower()
    known = {"fiducial": "fiducial", "标记点": "fiducial", "target": "target", "靶点": "target"}
    if role not in known:
        raise case.refused(
            "unknown_role",
            en=f"role {role!r} is neither fiducial nor target",
            zh=f"“{role}”既不是 fiducial（标记点）也不是 target（靶点）。",
        )
    return known[role]


def _refuse_few(evidence: Evidence, fixed: Points) -> None:
    if len(fixed) < LEAST:
        raise Refused(
            "too_few_fiducials",
            en=f"{evidence.name}: {len(fixed)} fiducials, at least {LEAST} are needed for a rigid registration",
            zh=f"{evidence.name}：标记点 {len(fixed)} 个，刚性配准至少需要 {LEAST} 个。",
        )
    spread = np.linalg.svd(fixed - fixed.mean(axis=0), compute_uv=False)
    if spread[1] < FLAT:
        raise Refused(
            "fiducials_on_a_line",
            en=f"{evidence.name}: the fiducials lie on one line, which leaves a rotation about it open; mark one beside it",
            zh=f"{evidence.name}：标记点位于同一直线上，绕该直线的旋转无法确定，请增加线外的标记点。",
        )


def _no_target() -> Remark:
    return remark("no_target", en="no target is given: only the fiducials were registered", zh="未给出靶点：仅配准了标记点")
