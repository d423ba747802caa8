"""Accuracy of corrections for count losses and randoms: the reconstructions of one decaying phantom (NEMA NU 2-2018).

The frames of a dynamic series of the 20 cm phantom are read in a disc of 180 mm in every slice. Images that are decay-corrected should
all show one concentration; others are corrected by their times. The last three frames, of the lowest rates, are the truth of each
slice, and the error of a frame is its departure from it: the mean over slices, and the slice that departs most (noise enlarges it; the
part is in its uncertainty). `up_to_kbq_ml` limits the largest error to the concentrations used, for example that of the NECR peak.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import numpy.typing as npt
import scipy.special

from photopeak.evidence import Evidence, Volume
from photopeak.figure import Axis, Chart, Figure, Points
from photopeak.measurement import Measurement, Quantity
from photopeak.pet.published_figures import published
from photopeak.procedure import Condition, Refused, Result, procedure
from photopeak.spread import COVERED_BY_TWO
from photopeak.suv.scan_times import scan_times
from photopeak.suv.suv_dose import half_life_of
from photopeak.words import Words

Floats = npt.NDArray[np.float64]

ERROR = Quantity(name="count_rate_error", unit="%", en="count-rate error", zh="计数率误差")
LARGEST = Quantity(name="count_rate_error_max", unit="%", en="largest count-rate error", zh="最大计数率误差")
DISC_MM = 180.0
TRUTH_FRAMES, FEWEST_FRAMES, FEWEST_SLICES = 3, 5, 3
END_SLICES = 1
PUBLISHED = {"count_rate_error_pct": Words("largest count-rate error, %", "最大计数率误差，%")}


@dataclass(frozen=True, slots=True, kw_only=True)
class CountRateAccuracy(Result):
    """`concentration_kbq_ml[frame]`, in order of time."""

    concentration_kbq_ml: Floats

    def figures(self) -> tuple[Figure, ...]:
        charts = []
        for statistic, en, zh in (("mean", "mean of slices", "各层平均"), ("max", "worst slice", "最差层")):
            found = tuple(m for m in self.measurements if m.quantity is ERROR and m.where["statistic"] == statistic)
            charts.append(
                Chart(
                    title=Words(f"Count-rate error, {en}", f"计数率误差（{zh}）"),
                    x=Axis(label=Words("activity concentration", "活度浓度"), unit="kBq/mL", low=0.0),
                    y=Axis(label=ERROR.words, unit="%"),
                    marks=(Points(x=tuple(float(c) for c in self.concentration_kbq_ml), measurements=found),),
                    group="error",
                )
            )
        return tuple(charts)


def accepts(evidence: Evidence) -> Words | None:
    if not isinstance(evidence.images, Volume):
        return Words("a stack of PET slices is needed", "需要一组 PET 断层图像")
    later = evidence.facts.get("later_frames", ())
    if len(later) + 1 < FEWEST_FRAMES:
        return Words(f"a dynamic series of {FEWEST_FRAMES} frames or more is needed", f"需要至少 {FEWEST_FRAMES} 帧的动态序列")
    return None


@procedure(
    en="PET count-rate accuracy",
    zh="PET 计数率准确性",
    implements="NEMA NU 2-2018, accuracy: corrections for count losses and randoms",
    kinds=("pt_volume",),
    quantities=(ERROR, LARGEST),
    accepts=accepts,
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
    means = _means(evidence, frames)
    if evidence.header.get("decay_correction") == "NONE":
        means = means * np.exp(decay * hours)[:, None]
    truth = means[-TRUTH_FRAMES:].mean(axis=0)
    errors = 100 * (means / truth - 1)
    concentration = float(truth.mean()) * np.exp(-decay * hours) / 1000
    measured = tuple(_errors(errors))
    worst = [m for m, c in zip(measured[1::2], concentration) if up_to_kbq_ml is None or c <= up_to_kbq_ml]
    return CountRateAccuracy(
        measurements=(*measured, *_largest(worst)),
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


def _means(evidence: Evidence, frames: Sequence[Evidence]) -> Floats:
    """Mean of the disc [frame, slice], without the slice at either end."""
    volume = evidence.images
    assert isinstance(volume, Volume)
    middle = volume.values.mean(axis=0, dtype=np.float64)
    warm = middle > 0.5 * float(np.percentile(middle, 99))
    rows, columns = np.nonzero(warm)
    spacing = volume.spacing_mm[1:]
    area = float(warm.sum()) * spacing[0] * spacing[1]
    if not warm.any() or area < math.pi * (DISC_MM / 2) ** 2:
        raise Refused(
            "no_phantom",
            en=f"{evidence.name}: no warm disc of {DISC_MM:.0f} mm was found; the test needs the 20 cm phantom",
            zh=f"{evidence.name}：未找到直径 {DISC_MM:.0f} mm 的均匀区域；本检测需要 20 cm 模体。",
        )
    y = (np.arange(middle.shape[0]) - rows.mean()) * spacing[0]
    x = (np.arange(middle.shape[1]) - columns.mean()) * spacing[1]
    inside = np.hypot(y[:, None], x[None, :]) <= DISC_MM / 2
    volumes = [one.images for one in frames if isinstance(one.images, Volume)]
    found = np.array([one.values[:, inside].mean(axis=1, dtype=np.float64) for one in volumes])
    found = found[:, END_SLICES : found.shape[1] - END_SLICES]
    if found.shape[1] < FEWEST_SLICES or (found <= 0).any():
        raise Refused(
            "no_phantom",
            en=f"{evidence.name}: slices without activity; the phantom must fill the axial field",
            zh=f"{evidence.name}：有层面没有活度；模体须充满轴向视野。",
        )
    return found


def _errors(errors: Floats) -> Iterator[Measurement]:
    """Mean and worst slice of every frame. The noise of a slice: differences of neighbours, which a slope does not enter."""
    count, coupled = errors.shape[1], _coupled(errors)
    few = (
        float(scipy.special.stdtrit(max(count / coupled, 2.0), (1 + COVERED_BY_TWO) / 2)) / 2
    )  # the spread is known from few slices only
    for number, row in enumerate(errors, 1):
        noise = float(np.diff(row).std(ddof=1)) / math.sqrt(2)
        spread = float(row.std(ddof=1))
        yield ERROR.of(float(row.mean()), few * max(noise, spread) / math.sqrt(count / coupled), frame=number, statistic="mean")
        worst = float(row[int(np.argmax(np.abs(row)))])
        added = noise * math.sqrt(2 * math.log(count))
        reduced = math.copysign(max(abs(worst) - added, 0.0), worst)
        companion = ERROR.of(reduced, noise, frame=number, statistic="max")
        yield ERROR.of(worst, math.hypot(noise, added), noise_corrected=companion, frame=number, statistic="max")


def _coupled(errors: Floats) -> float:
    """How many neighbouring slices count as one, from the correlation of their errors in all frames; at least two.

    Taking each frame's mean off lowers that correlation by the share that the mean itself varies, which is put back.
    """
    left = errors - errors.mean(axis=1, keepdims=True)
    count, total = errors.shape[1], float((left**2).mean())
    coupled = 1.0
    for lag in range(1, count // 2):
        share = float((left[:, :-lag] * left[:, lag:]).mean()) / total if total > 0 else 0.0
        if share <= 0:
            break
        coupled += 2 * share * (1 - lag / count)
    return float(max(coupled * (1 + coupled / count), 2.0))


def _largest(worst: Sequence[Measurement]) -> Iterable[Measurement]:
    if not worst:
        return ()
    top = max(worst, key=lambda m: abs(m.value))
    return (LARGEST.of(abs(top.value), top.uncertainty),)


def _conditions(means: Floats, concentration: Floats) -> Iterator[Condition]:
    text = f"{means.shape[0]} × {means.shape[1]}"
    yield Condition(label=Words("frames and slices", "帧数与层数"), value=Words(text, text))
    text = f"{concentration.max():.3g}–{concentration.min():.3g} kBq/mL"
    yield Condition(label=Words("activity concentration", "活度浓度"), value=Words(text, text))
