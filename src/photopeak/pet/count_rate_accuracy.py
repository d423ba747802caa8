"""Accuracy of corrections for count losses and randoms: the reconstructions of one decaying phantom (NEMA NU 2-2018).

The frames of a dynamic series of the 20 cm phantom, filled or with the line source of the scatter phantom, are read in a disc of
180 mm in every slice. Images that are decay-corrected should
all show one concentration; others are corrected by their times. The last three frames, of the lowest rates, are the truth of each
slice, and the error of a frame is its departure from it: the mean over slices, the lowest and the highest slice. `up_to_kbq_ml` limits
the largest error to the concentrations used, for example that of the NECR peak. The noise is that of each frame's voxels, with its
correlation; for a line source it is told from the slices' own differences. It spreads lowest and highest: their uncertainty is the scatter about their mean at that noise, and what noise adds is
taken off in the companion value that a fail needs.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

from photopeak.evidence import Evidence, Volume
from photopeak.figure import Axis, Chart, Figure, Points
from photopeak.measurement import Measurement, Quantity
from photopeak.pet.cylinder_section import section_noise
from photopeak.pet.published_figures import published
from photopeak.procedure import Condition, Refused, Result, procedure
from photopeak.spread import COVERED_BY_TWO, scatter, without_noise
from photopeak.suv.scan_times import scan_times
from photopeak.suv.suv_dose import half_life_of
from photopeak.words import Words

Floats = npt.NDArray[np.float64]

ERROR = Quantity(name="count_rate_error", unit="%", en="count-rate error", zh="计数率误差")
LARGEST = Quantity(name="count_rate_error_max", unit="%", en="largest count-rate error", zh="最大计数率误差")
DISC_MM = 180.0
MOST_AREA = 2.0  #: the phantom, 200 mm across, is no larger than this many discs
TRUTH_FRAMES, FEWEST_FRAMES, FEWEST_SLICES = 3, 5, 3
END_SLICES = 1
DRAWS = 400
COUPLED_MM = 12.0  #: slices this far apart have noise of their own
LINE_MM, MOST_IN_LINE = 25.0, 0.8  #: within so far of the line lies so much of all activity
STATISTICS = {
    "mean": Words("mean of slices", "各层平均"),
    "lowest": Words("lowest slice", "最低层"),
    "highest": Words("highest slice", "最高层"),
}
PUBLISHED = {"count_rate_error_pct": Words("largest count-rate error, %", "最大计数率误差，%")}


@dataclass(frozen=True, slots=True, kw_only=True)
class CountRateAccuracy(Result):
    """`concentration_kbq_ml[frame]`, in order of time."""

    concentration_kbq_ml: Floats

    def figures(self) -> tuple[Figure, ...]:
        marks = []
        for statistic, words in STATISTICS.items():
            found = tuple(m for m in self.measurements if m.quantity is ERROR and m.where["statistic"] == statistic)
            x = tuple(float(c) for c in self.concentration_kbq_ml)
            marks.append(Points(x=x, measurements=found, label=words))
        return (
            Chart(
                title=ERROR.words,
                x=Axis(label=Words("activity concentration", "活度浓度"), unit="kBq/mL", low=0.0),
                y=Axis(label=ERROR.words, unit="%"),
                marks=tuple(marks),
            ),
        )


def accepts(evidence: Evidence) -> Words | None:
    if not isinstance(evidence.images, Volume):
        return Words("a stack of PET slices is needed", "需要一组 PET 断层图像")
    later = evidence.facts.get("later_frames", ())
    if len(later) + 1 < FEWEST_FRAMES:
        return Words(f"a dynamic series of {FEWEST_FRAMES} frames or more is needed", f"需要至少 {FEWEST_FRAMES} 帧的动态序列")
    if _disc(evidence.images) is None and _round_line(evidence.images) is None:
        return Words("neither a uniform disc of 20 cm nor a line source", "未见 20 cm 模体的均匀圆形截面或线源")
    return None


@procedure(
    en="PET count-rate accuracy",
    zh="PET 计数率准确性",
    implements="NEMA NU 2-2018, accuracy: corrections for count losses and randoms",
    kinds=("pt_volume",),
    quantities=(ERROR, LARGEST),
    accepts=accepts,
    takes_frames=True,
)
def count_rate_accuracy(
    evidence: Evidence,
    *,
    up_to_kbq_ml: Annotated[
        float | None, Words("highest concentration that counts, kBq/mL", "参与评价的最高浓度，kBq/mL")
    ] = None,
) -> CountRateAccuracy:
    """Error of every frame against the frames of lowest rate. Refused: too few frames, frames of other size, no phantom."""
    frames = _frames(evidence)
    decay = math.log(2) / half_life_of(evidence.header, evidence.facts)[0]
    hours = _seconds(frames)
    means, noise, along = _means(evidence, frames)
    if evidence.header.get("decay_correction") == "NONE":
        means = means * np.exp(decay * hours)[:, None]
    truth = means[-TRUTH_FRAMES:].mean(axis=0)
    errors = 100 * (means / truth - 1)
    concentration = float(truth.mean()) * np.exp(-decay * hours) / 1000
    counted = np.array([up_to_kbq_ml is None or c <= up_to_kbq_ml for c in concentration])
    return CountRateAccuracy(
        measurements=tuple(_measured(errors, noise, along, counted)),
        conditions=(*_conditions(means, concentration), *published(evidence.about.model, PUBLISHED)),
        concentration_kbq_ml=concentration,
    )


def _frames(evidence: Evidence) -> tuple[Evidence, ...]:
    frames = (evidence, *evidence.facts.get("later_frames", ()))
    volumes = [one.images for one in frames]
    if len(frames) < FEWEST_FRAMES or not all(isinstance(one, Volume) for one in volumes):
        raise Refused(
            "too_few_frames",
            en=f"{evidence.name}: {len(frames)} frames; the test needs the dynamic series of a decaying phantom with at least "
            f"{FEWEST_FRAMES}. Give the whole series.",
            zh=f"{evidence.name}：共 {len(frames)} 帧；本检测需要衰减模体的动态序列，至少 {FEWEST_FRAMES} 帧。请提供完整序列。",
        )
    if len({one.values.shape for one in volumes if isinstance(one, Volume)}) > 1:
        raise Refused(
            "frames_differ",
            en=f"{evidence.name}: the frames differ in size; reconstruct all of them alike",
            zh=f"{evidence.name}：各帧大小不一致，请以相同条件重建。",
        )
    return frames


def _seconds(frames: Sequence[Evidence]) -> Floats:
    """From the first frame, by acquisition time."""
    starts = []
    for one in frames:
        times = scan_times(one.header)
        start = times.earliest or times.series
        if start is None:
            raise Refused(
                "no_frame_times",
                en=f"{one.name}: a frame does not say when it was acquired",
                zh=f"{one.name}：有一帧未注明采集时间。",
            )
        starts.append(start)
    return np.array([(start - starts[0]).total_seconds() for start in starts])


def _means(evidence: Evidence, frames: Sequence[Evidence]) -> tuple[Floats, Floats, Floats]:
    """Mean of the disc [frame, slice] without the slice at either end; its relative noise [frame]; its correlation [slice, slice]."""
    volume = evidence.images
    assert isinstance(volume, Volume)
    filled, line = _disc(volume), _round_line(volume)
    inside = line if filled is None else filled
    if inside is None:
        raise Refused(
            "no_phantom",
            en=f"{evidence.name}: neither a warm disc of {DISC_MM:.0f} mm nor a line source along the field was found; the test needs "
            "the 20 cm phantom, filled or with its line source",
            zh=f"{evidence.name}：未找到直径 {DISC_MM:.0f} mm 的均匀区域或沿轴向的线源；本检测需要 20 cm 模体（均匀充液或置入线源）。",
        )
    volumes = [one.images for one in frames if isinstance(one.images, Volume)]
    found = np.array([one.values[:, inside].mean(axis=1, dtype=np.float64) for one in volumes])
    found = found[:, END_SLICES : found.shape[1] - END_SLICES]
    if found.shape[1] < FEWEST_SLICES or (found <= 0).any():
        raise Refused(
            "no_phantom",
            en=f"{evidence.name}: slices without activity; the phantom must fill the axial field",
            zh=f"{evidence.name}：有层面没有活度；模体须充满轴向视野。",
        )
    if filled is None:
        return found, *_noise_of_slices(found, volume.spacing_mm[0])
    part, weights = slice(END_SLICES, END_SLICES + found.shape[1]), inside / inside.sum()
    noises = [section_noise(one, part, inside) for one in volumes]
    relative = [0.0 if one is None else one.relative * math.sqrt(max(one.plane_covariance(weights, 0), 0.0)) for one in noises]
    known = [one for one in noises if one is not None and one.relative > 0]
    lags = np.eye(1, found.shape[1])[0]
    if known:
        lags = np.mean([[one.plane_covariance(weights, k) for k in range(found.shape[1])] for one in known], axis=0)
    index = np.arange(found.shape[1])
    return found, np.array(relative), lags[np.abs(index[:, None] - index[None, :])] / lags[0]


def _noise_of_slices(means: Floats, slice_mm: float) -> tuple[Floats, Floats]:
    """Relative noise [frame] and its correlation [slice, slice], from the differences between slices of one frame.

    A slope and a curve along the field are taken off; slices COUPLED_MM apart are taken to be independent.
    """
    frames, count = means.shape
    at = np.linspace(-1, 1, count)
    ratio = means / means[-TRUTH_FRAMES:].mean(axis=0)
    left = np.array([one / one.mean() - np.polyval(np.polyfit(at, one / one.mean(), 2), at) for one in ratio])
    apart = min(max(1, math.ceil(COUPLED_MM / slice_mm)), count // 3)
    variance = np.array([np.mean((row[apart:] - row[:-apart]) ** 2) / 2 for row in left])
    # the truth is in every ratio: σ² (1 + 1/3) of a frame, σ² (1 − 1/3) of one that is part of the truth
    own = np.where(np.arange(frames) < frames - TRUTH_FRAMES, 1 + 1 / TRUTH_FRAMES, 1 - 1 / TRUTH_FRAMES)
    lags = np.zeros(count)
    lags[0] = 1.0
    for lag in range(1, apart):
        shared = float(np.mean([np.mean((row[lag:] - row[:-lag]) ** 2) / 2 for row in left])) / max(
            float(variance.mean()), 1e-300
        )
        lags[lag] = max(0.0, 1 - shared)
    index = np.arange(count)
    few = (
        float(stdtrit(max(count / 2, 2.0), (1 + COVERED_BY_TWO) / 2)) / 2
    )  # known from few slices, neighbours of which are coupled
    return few * np.sqrt(variance / own), lags[np.abs(index[:, None] - index[None, :])]


def _round_line(volume: Volume) -> npt.NDArray[np.bool_] | None:
    """Mask [row, column] of the disc round the middle of the field, where one thin line along the slices holds all activity."""
    middle = volume.values.mean(axis=0, dtype=np.float64)
    top, (row_mm, column_mm) = np.unravel_index(int(np.argmax(middle)), middle.shape), volume.spacing_mm[1:]
    y = (np.arange(middle.shape[0]) - (middle.shape[0] - 1) / 2) * row_mm
    x = (np.arange(middle.shape[1]) - (middle.shape[1] - 1) / 2) * column_mm
    inside: npt.NDArray[np.bool_] = np.hypot(y[:, None], x[None, :]) <= DISC_MM / 2
    near = np.hypot(y[:, None] - y[top[0]], x[None, :] - x[top[1]]) <= LINE_MM
    total = float(np.abs(middle).sum())
    whole = volume.values[:, near].sum(axis=1, dtype=np.float64)
    if total <= 0 or not inside[top] or float(middle[near & inside].sum()) < MOST_IN_LINE * total:
        return None
    return inside if float(whole.min()) > 0.5 * float(np.median(whole)) else None


def _disc(volume: Volume) -> npt.NDArray[np.bool_] | None:
    """Mask [row, column] of the disc, round the middle of what is warm on average; None where that is not a disc large enough."""
    middle = volume.values.mean(axis=0, dtype=np.float64)
    warm = middle > 0.5 * float(np.percentile(middle, 99))
    rows, columns = np.nonzero(warm)
    spacing = volume.spacing_mm[1:]
    area = float(warm.sum()) * spacing[0] * spacing[1]
    if not warm.any() or area < math.pi * (DISC_MM / 2) ** 2:
        return None
    y = (np.arange(middle.shape[0]) - rows.mean()) * spacing[0]
    x = (np.arange(middle.shape[1]) - columns.mean()) * spacing[1]
    radius = np.hypot(y[:, None], x[None, :])
    inside: npt.NDArray[np.bool_] = radius <= DISC_MM / 2
    if not warm[inside].all() or area > MOST_AREA * math.pi * (DISC_MM / 2) ** 2:
        return None
    return inside


def _measured(errors: Floats, noise: Floats, along: Floats, counted: npt.NDArray[np.bool_]) -> Iterator[Measurement]:
    """Every frame's mean, lowest and highest slice, and the largest error of the frames that are `counted`."""
    base, drawn = _again(errors, noise, along)
    for number, (row, smooth, copies) in enumerate(zip(errors, base, np.moveaxis(drawn, 1, 0)), 1):
        yield ERROR.of(float(row.mean()), float(copies.mean(axis=1).std(ddof=1)), frame=number, statistic="mean")
        for statistic, extreme in (("lowest", np.min), ("highest", np.max)):
            found = extreme(copies, axis=1)
            added = float(found.mean() - extreme(smooth))
            u, value = scatter(found), float(extreme(row))
            companion = ERROR.of(value - added, u, frame=number, statistic=statistic)
            yield ERROR.of(value, u, noise_corrected=companion, frame=number, statistic=statistic)
    if counted.any():
        value = float(np.abs(errors[counted]).max())
        found = np.abs(drawn[:, counted]).max(axis=(1, 2))
        added = float(found.mean() - np.abs(base[counted]).max())
        u = scatter(found)
        yield LARGEST.of(value, u, noise_corrected=LARGEST.of(max(value - added, 0.0), u))


def _again(errors: Floats, noise: Floats, along: Floats) -> tuple[Floats, Floats]:
    """Errors without what noise explains of the differences between slices [frame, slice], and copies of them with noise drawn again
    [draw, frame, slice]. The noise of the frames that are the truth is part of every frame's error."""
    rng = np.random.default_rng(zlib.crc32(errors.tobytes()))
    values, vectors = np.linalg.eigh(along)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    fields = 100 * noise[:, None] * (rng.standard_normal((DRAWS, *errors.shape)) @ root.T)
    fields -= fields[:, -TRUTH_FRAMES:].mean(axis=1, keepdims=True)
    spread = np.sqrt((fields**2).mean(axis=(0, 2)))
    base = np.array([without_noise(row, float(sd), along) for row, sd in zip(errors, spread)])
    return base, base + fields


def _conditions(means: Floats, concentration: Floats) -> Iterator[Condition]:
    text = f"{means.shape[0]} × {means.shape[1]}"
    yield Condition(label=Words("frames and slices", "帧数与层数"), value=Words(text, text))
    text = f"{concentration.max():.3g}–{concentration.min():.3g} kBq/mL"
    yield Condition(label=Words("activity concentration", "活度浓度"), value=Words(text, text))
