"""Body measures that SUV may be normalised to: lean body mass by three formulae, ideal body weight, body surface area."""

from __future__ import annotations

from collections.abc import Callable, Mapping


def _lean_1976(weight: float, height: float, male: bool) -> float:
    """As DICOM's SUV Type LBM was written down: 120 for men."""
    return 1.10 * weight - 120 * (weight / height) ** 2 if male else 1.07 * weight - 148 * (weight / height) ** 2


def _lean_james(weight: float, height: float, male: bool) -> float:
    return 1.10 * weight - 128 * (weight / height) ** 2 if male else _lean_1976(weight, height, male)


def _lean_janmahasatian(weight: float, height: float, male: bool) -> float:
    index = weight / (height / 100) ** 2
    return 9270 * weight / (6680 + 216 * index) if male else 9270 * weight / (8780 + 244 * index)


def _ideal(weight: float, height: float, male: bool) -> float:
    """Sugawara 1999."""
    return 48.0 + 1.06 * (height - 152) if male else 45.5 + 0.91 * (height - 152)


#: (weight in kg, height in cm, male) -> kg, by DICOM SUV Type
MASSES: Mapping[str, Callable[[float, float, bool], float]] = {
    "LBM": _lean_1976,
    "LBMJAMES128": _lean_james,
    "LBMJANMA": _lean_janmahasatian,
    "IBW": _ideal,
}


def body_mass_kg(suv_type: str, weight_kg: float, height_cm: float, sex: str | None) -> float:
    """The mass that SUV Type names, kg; for neither M nor F the mean of both formulae. KeyError: an unknown type."""
    formula = MASSES[suv_type]
    sexes = {"M": (True,), "F": (False,)}.get(sex or "", (True, False))
    return sum(formula(weight_kg, height_cm, male) for male in sexes) / len(sexes)


def body_surface_cm2(weight_kg: float, height_cm: float) -> float:
    """Du Bois and Du Bois 1916."""
    return float(71.84 * weight_kg**0.425 * height_cm**0.725)
