"""pylinac: one gamma-camera or SPECT analysis of one DICOM file, in process."""

import sys
import warnings

warnings.simplefilter("ignore")
from measure import measured
from pylinac import nuclear

name, path, runs = sys.argv[1:4]


def analyse():
    test = getattr(nuclear, name)(path)
    test.analyze()
    data = test.results_data(as_dict=True)
    if name == "TomographicContrast":  # its contrast is (b - s) / (b + s)
        shares = [sphere["mean_contrast"] / 100 for sphere in data["spheres"].values()]
        return {f"ratio {number}": (1 - share) / (1 + share) for number, share in enumerate(shares, 1)}
    return {key: value for key, value in data.items() if isinstance(value, float)}


measured(analyse, int(runs))
