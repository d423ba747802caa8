"""pylinac: planar uniformity of one DICOM flood, in process."""

import sys
import warnings

warnings.simplefilter("ignore")
from measure import measured
from pylinac.nuclear import PlanarUniformity


def analyse():
    flood = PlanarUniformity(sys.argv[1])
    flood.analyze(ufov_ratio=0.95, cfov_ratio=0.75)
    return {
        f"{frame}/{name}": getattr(result, f"{fov}_integral_uniformity")
        for frame, result in flood.results_data().items()
        for name, fov in (("UFOV", "ufov"), ("CFOV", "cfov"))
    }


measured(analyse)
