"""What ChameleonIQ needs and cannot find: a NIfTI volume, the sphere centres, the slice, the background places. Truth gives them."""

import json
import sys
from pathlib import Path

import numpy as np
import SimpleITK
import yaml

volume, truth_file, places_file, folder = sys.argv[1:]
values, truth, out = np.load(volume), json.loads(Path(truth_file).read_text("utf-8")), Path(folder)
dz, dy, dx = truth["spacing_mm"]
image = SimpleITK.GetImageFromArray(values)
image.SetSpacing((dx, dy, dz))
SimpleITK.WriteImage(image, str(out / "volume.nii"))

centres = {size: [c / s for c, s in zip(at, (dz, dy, dx))] for size, at in truth["sphere_centres_mm"].items()}
middle = np.array(truth["pose"]["centre_mm"]) / (dz, dy, dx)
offsets = np.array(json.loads(Path(places_file).read_text("utf-8"))) / (dy, dx) - middle[1:]
places = [[round(y), round(x)] for y, x in offsets]
config = {
    "ACTIVITY": {
        "HOT": truth["sphere_bq_per_ml"]["37"],
        "BACKGROUND": truth["background_bq_per_ml"],
        "RATIO": truth["sphere_to_background"],
    },
    "PHANTHOM": {
        "ROI_DEFINITIONS_MM": [
            {
                "center_yx": [round(y), round(x)],
                "diameter_mm": int(size),
                "color": "red",
                "alpha": 0.2,
                "name": f"hot_sphere_{size}mm",
            }
            for size, (_, y, x) in centres.items()
        ]
    },
    "ROIS": {"CENTRAL_SLICE": round(float(middle[0])), "SPACING": dx, "BACKGROUND_OFFSET_YX": places},
}
(out / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
