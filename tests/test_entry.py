"""What is entered by hand measures the same as the table that was handed in; what cannot be is told at its field."""

import csv

import pytest

from photopeak.case import Column, Input
from photopeak.entry import Entry, asked, entries_of, option_value, options_asked, problem, table_of
from photopeak.evidence import EvidenceFile
from photopeak.phantom.case_tables import activity_meter_files, bone_density_files
from photopeak.phantom.counter_tables import count_rate_files, leakage_files
from photopeak.procedure import roll
from photopeak.table import number, read_table, table_evidence
from photopeak.words import Words

BY_HAND = {name: entry for name, entry in roll().items() if entries_of(entry)}


def measured(procedure, content, **options):
    """Every measurement of a table as (quantity, place, value), the number of a case left out."""
    result = roll()[procedure].run(table_evidence(content, EvidenceFile(path="t.csv", sha256="0")), **options)
    return [(m.quantity.name, tuple(sorted(m.where.items())), m.value) for m in result.measurements]


def entered(procedure, content, way=0):
    """The same table as a person would type it into the form of the procedure."""
    entry, table = entries_of(roll()[procedure])[way], read_table(content, "t.csv")
    names = {}
    for one in (*entry.once, *entry.rows):
        names[one.name] = next((c for c in (one.name, *one.column.aliases) if c in table.columns), None)
    once = {
        o.name: next((r[names[o.name]] for r in table.rows if r.get(names[o.name])), "") for o in entry.once if names[o.name]
    }
    rows = [{o.name: row.get(names[o.name], "") for o in entry.rows if names[o.name]} for row in table.rows]
    assert not [p for o in entry.once if (p := problem(o, once.get(o.name, "")))]
    assert not [p for row in rows for o in entry.rows if (p := problem(o, row.get(o.name, "")))]
    return table_of(entry, once, rows, {"entry": "f3b0"})


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """Tables of known truth by file name."""
    folder = tmp_path_factory.mktemp("tables")
    made = [
        *activity_meter_files(folder / "a"),
        *bone_density_files(folder / "b"),
        *count_rate_files(folder / "c"),
        *leakage_files(folder / "l"),
    ]
    return {path.stem: path.read_bytes() for path in made if path.suffix == ".csv"}


@pytest.mark.parametrize(
    ("procedure", "table"),
    [
        ("activity_meter.reproducibility", "reproducibility"),
        ("activity_meter.linearity", "linearity"),
        ("activity_meter.accuracy", "accuracy"),
        ("activity_meter.geometry", "geometry"),
    ],
)
def test_a_table_typed_in_measures_what_the_table_does(tables, procedure, table):
    assert measured(procedure, entered(procedure, tables[table])) == measured(procedure, tables[table])


def test_two_sources_and_positions_round_a_shield_are_typed_in(tables):
    rates = b"source,counts,seconds\n1,400000,10\n2,390000,10\n1+2,760000,10\nbackground,500,10\n"
    assert measured("gamma_camera.count_rate", entered("gamma_camera.count_rate", rates)) == measured(
        "gamma_camera.count_rate", rates
    )
    leakage = next(content for name, content in tables.items() if "leak" in name)
    typed = entered("gamma_camera.shield_leakage", leakage)
    assert measured("gamma_camera.shield_leakage", typed) == measured("gamma_camera.shield_leakage", leakage)


def test_the_energy_resolution_read_at_the_console_is_width_over_energy():
    entry = entries_of(roll()["gamma_camera.energy_resolution"])[0]
    content = table_of(entry, {}, [{"detector": "2", "photopeak_kev": "140.5", "fwhm_kev": "13.0"}, {}])
    found = dict((name, value) for name, _, value in measured("gamma_camera.energy_resolution", content))
    assert found["energy_resolution"] == pytest.approx(100 * 13.0 / 140.5)


@pytest.mark.parametrize("name", BY_HAND)
def test_every_field_has_its_own_name_and_words_in_both_languages(name):
    for entry in entries_of(BY_HAND[name]):
        fields = [*entry.once, *entry.rows]
        assert fields
        assert len({one.name for one in fields}) == len(fields)
        assert all(one.words.en and one.words.zh and one.name != "entry" for one in fields)


@pytest.mark.parametrize("name", [name for name, one in BY_HAND.items() if one.entries])
def test_a_declared_table_is_one_that_its_procedure_takes(name):
    for entry in BY_HAND[name].entries:
        fields = [*entry.once, *entry.rows]
        cells = {
            one.name: one.column.choices[0][0] if one.column.choices else "in field" if one.name == "position" else "1"
            for one in fields
        }
        rows = [cells | {one.name: key for one in entry.rows for key, _ in one.column.choices[n : n + 1]} for n in range(4)]
        content = table_of(entry, cells, rows)
        assert BY_HAND[name].accepts(table_evidence(content, EvidenceFile(path="t.csv", sha256="0"))) is None


@pytest.mark.parametrize(
    ("column", "text", "said"),
    [
        (Column(above=0), "0", "greater"),
        (Column(least=2), "1,9", "number"),
        (Column(least=2), "1.9", "less"),
        (Column(most=2), "2.1", "more"),
        (Column(), "12 MBq", "unit"),
        (Column(kind="time"), "tomorrow", "2026"),
        (Column(kind="text", choices=(("a", Words("a", "甲")),)), "b", "list"),
        (Column(kind="text"), "x" * 500, "long"),
    ],
)
def test_what_cannot_be_read_is_told_in_both_languages(column, text, said):
    wrong = problem(Input(name="x", words=Words("x", "x"), column=column), text)
    assert said in wrong.en
    assert wrong.zh


@pytest.mark.parametrize("text", ["", " ", "1.5", "１．５", "−2", "1 000"])
def test_a_number_as_people_write_it_is_no_problem(text):
    assert problem(asked("x", "x", "x"), text) is None
    assert not text.strip() or number(text) is not None


def test_nothing_typed_becomes_a_formula_or_a_second_column():
    entry = Entry(words=Words("", ""), rows=(asked("label", "l", "l", "text"), asked("value", "v", "v")))
    content = table_of(entry, {}, [{"label": '=1+1",x', "value": "1"}]).decode()
    assert list(csv.reader(content.splitlines())) == [["label", "value"], ['=1+1",x', "1"]]


def test_options_are_typed_and_a_wrong_word_is_refused():
    options = {one.name: one for one in options_asked(roll()["immunoassay.control_chart"])}
    assert option_value(options["first"], "20") == 20
    assert option_value(options["bias_percent"], "1.5") == 1.5
    with pytest.raises(ValueError, match="none"):
        option_value(options["rules"], "none")
