"""Files of one series put together: planar acquisitions and volumes, each on its own, so that one failure hides no other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePath

from photopeak.dicom import enhanced, nm, series
from photopeak.dicom.image import Image
from photopeak.dicom.series import Slice
from photopeak.dicom.unusable import Unusable
from photopeak.dicom.wall import Wall
from photopeak.evidence import Evidence


def assemble(images: list[Image], wall: Wall) -> Iterator[Evidence]:
    """Evidence from `images`, series by series; the list is emptied, so that pixels are held once."""
    by_series: dict[tuple[str, str], list[Image]] = {}
    for image in images:
        place = image.series_uid or str(PurePath(image.file.path).parent)
        by_series.setdefault((image.modality, place), []).append(image)
    images.clear()
    for modality, place in list(by_series):
        members = by_series.pop((modality, place))
        found = wall.attempt(_paths(members), lambda: _series(modality, members, wall))  # noqa: B023 - called at once
        yield from found or ()


def _paths(images: Iterable[Image | Slice]) -> list[str]:
    return list(dict.fromkeys(image.file.path for image in images))


def _series(modality: str, images: Sequence[Image], wall: Wall) -> list[Evidence]:
    if modality != "NM":
        return _volumes(modality, images, wall)
    found: list[Evidence] = []
    reconstructed: list[Image] = []
    planar: list[Image] = []
    for image in images:
        (reconstructed if nm.is_reconstruction(image) else planar).append(image)
    for group in nm.planar_groups(planar):
        one = wall.attempt(_paths(group), lambda: nm.planar_evidence(group))  # noqa: B023
        found += [one] if one is not None else []
    single = [image for image in reconstructed if len(image.values) == 1]
    if len(single) > 1:
        reconstructed = [image for image in reconstructed if len(image.values) > 1]
        found += _stacks("NM", nm.reconstruction_slices(single), wall)
    for image in reconstructed:
        found += wall.attempt([image.file.path], lambda: nm.volume_evidence(image)) or []  # noqa: B023
    return found


def _volumes(modality: str, images: Sequence[Image], wall: Wall) -> list[Evidence]:
    found: list[Evidence] = []
    planes: list[Slice] = []
    for image in images:
        if enhanced.is_enhanced(image):
            slices = wall.attempt([image.file.path], lambda: enhanced.slices_of(image))  # noqa: B023
            found += _stacks(modality, slices or (), wall)
        else:
            plane = wall.attempt([image.file.path], lambda: _single(image))  # noqa: B023
            planes += [plane] if plane is not None else []
    return found + _stacks(modality, planes, wall)


def _single(image: Image) -> Slice:
    if len(image.values) != 1:
        raise Unusable("no_position")
    return series.slice_of(image)


def _stacks(modality: str, slices: Sequence[Slice], wall: Wall) -> list[Evidence]:
    grids = wall.attempt(_paths(slices), lambda: series.grids_of(slices))
    found = []
    for grid in grids or ():
        for part in wall.attempt(_paths(grid), lambda: series.parts_of(grid)) or ():  # noqa: B023
            one = wall.attempt(_paths(part.slices), lambda: series.volume_evidence(part, modality))  # noqa: B023
            found += [one] if one is not None else []
    return found
