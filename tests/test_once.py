"""What is found once in a volume is looked up again, and forgotten with it."""

import gc
import weakref
from dataclasses import replace

import numpy as np

from photopeak.evidence import Volume
from photopeak.once import once_per_volume


def test_found_once_per_array_and_geometry_and_forgotten_with_the_array():
    asked = []

    @once_per_volume
    def total(volume: Volume) -> float:
        asked.append(volume.spacing_mm)
        return float(volume.values.sum()) * volume.spacing_mm[0]

    volume = Volume(values=np.ones((3, 4, 5), np.float32), spacing_mm=(2.0, 1.0, 1.0))
    assert [total(volume), total(volume), total(replace(volume, units="BQML"))] == [120.0] * 3
    assert total(replace(volume, spacing_mm=(3.0, 1.0, 1.0))) == 180.0
    assert total(replace(volume, values=np.zeros((3, 4, 5), np.float32))) == 0.0
    assert len(asked) == 4  # the units are part of the volume: asked again, as is the other spacing
    gone = weakref.ref(volume.values)
    del volume
    gc.collect()
    assert gone() is None
