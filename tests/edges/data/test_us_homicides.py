"""The synthetic homicide reports: the published domains and margins, and a learnable, incomplete signal."""

import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lightgbm import LGBMClassifier
from sklearn.metrics import average_precision_score, f1_score

from tasks.data.sources.synthetic.us_homicides import us_homicides

COLUMNS = [
    "Record ID",
    "Agency Code",
    "Agency Name",
    "Agency Type",
    "City",
    "State",
    "Year",
    "Month",
    "Incident",
    "Crime Type",
    "Crime Solved",
    "Victim Sex",
    "Victim Age",
    "Victim Race",
    "Victim Ethnicity",
    "Perpetrator Sex",
    "Perpetrator Age",
    "Perpetrator Race",
    "Perpetrator Ethnicity",
    "Relationship",
    "Weapon",
    "Victim Count",
    "Perpetrator Count",
    "Record Source",
]
WEAPONS = {
    "Handgun": 317_484,
    "Knife": 94_962,
    "Blunt Object": 67_337,
    "Firearm": 46_980,
    "Unknown": 33_192,
    "Shotgun": 30_722,
    "Rifle": 23_347,
    "Strangulation": 8_110,
    "Fire": 6_173,
    "Suffocation": 3_968,
    "Gun": 2_206,
    "Drugs": 1_588,
    "Drowning": 1_204,
    "Explosives": 537,
    "Poison": 454,
    "Fall": 190,
}
ALL = 638_454


@pytest.fixture(scope="module")
def twin():
    return us_homicides(200_000, seed=42)


@settings(max_examples=15, deadline=None)
@given(rows=st.integers(1, 700), seed=st.integers(0, 2**32))
def test_any_size_and_seed_gives_whole_text_rows(rows, seed):
    frame = us_homicides(rows, seed)
    assert list(frame.columns) == COLUMNS
    assert frame.shape == (rows, 24)
    assert set(map(str, frame.dtypes)) == {"str"}
    assert not frame.isna().any(axis=None)
    assert frame["Record ID"].tolist() == [str(i) for i in range(1, rows + 1)]
    assert (frame["Perpetrator Age"] == " ").sum() == 1
    pd.testing.assert_frame_equal(frame, us_homicides(rows, seed))


@settings(max_examples=15, deadline=None)
@given(rows=st.integers(100, 3000), seed=st.integers(0, 2**32))
def test_no_weapon_is_left_out(rows, seed):
    counts = us_homicides(rows, seed)["Weapon"].value_counts()
    assert set(counts.index) == set(WEAPONS)
    assert counts.min() >= min(8, rows // 50)


def test_no_rows_are_refused():
    with pytest.raises(ValueError, match="found 0"):
        us_homicides(0, 1)


def test_another_seed_gives_other_rows():
    one, two = us_homicides(300, 1), us_homicides(300, 2)
    assert (one["State"] != two["State"]).mean() > 0.5


def test_weapons_occur_as_often_as_published(twin):
    counts = twin["Weapon"].value_counts()
    for weapon, published in WEAPONS.items():
        expected = published * len(twin) / ALL
        # Five standard deviations of a count, and the error that calibration on a sample leaves.
        assert abs(counts[weapon] - expected) < 5 * np.sqrt(expected) + 0.06 * expected, weapon


@pytest.mark.parametrize(
    ("column", "value", "share", "among"),
    [
        ("Crime Solved", "Yes", 448_172 / ALL, None),
        ("State", "California", 99_800 / ALL, None),
        ("State", "Michigan", 28_400 / ALL, None),
        ("Month", "February", 46_079 / ALL, None),
        ("Month", "July", 58_696 / ALL, None),
        ("Relationship", "Unknown", 273_013 / ALL, None),
        ("Agency Type", "Municipal Police", 336_009 / 448_172, ("Crime Solved", "Yes")),
        ("Victim Sex", "Male", 337_600 / 448_172, ("Crime Solved", "Yes")),
        ("Victim Sex", "Female", 110_300 / 448_172, ("Crime Solved", "Yes")),
        ("Victim Ethnicity", "Unknown", 255_032 / 448_172, ("Crime Solved", "Yes")),
        ("Relationship", "Unknown", 1.0, ("Crime Solved", "No")),
        ("Perpetrator Sex", "Unknown", 1.0, ("Crime Solved", "No")),
        ("Victim Sex", "Female", 1.0, ("Relationship", "Wife")),
        ("Victim Sex", "Male", 1.0, ("Relationship", "Father")),
    ],
)
def test_margins_are_the_published_ones(twin, column, value, share, among):
    rows = twin if among is None else twin[twin[among[0]] == among[1]]
    assert (rows[column] == value).mean() == pytest.approx(share, abs=0.005)


def test_race_and_ethnicity_go_together_as_published(twin):
    known = twin[(twin["Victim Race"] != "Unknown") & (twin["Crime Solved"] == "Yes")]
    shares = known["Victim Race"].value_counts(normalize=True)
    assert shares["White"] == pytest.approx(0.602, abs=0.005)
    assert shares["Black"] == pytest.approx(0.370, abs=0.005)
    known = known[known["Victim Ethnicity"] != "Unknown"]
    hispanic = (known["Victim Ethnicity"] == "Hispanic").groupby(known["Victim Race"]).mean()
    assert hispanic["White"] == pytest.approx(0.401, abs=0.01)
    assert hispanic["Black"] == pytest.approx(0.012, abs=0.003)


def test_domains(twin):
    ages = twin["Victim Age"].astype(int)
    assert set(ages) <= {*range(100), 998}
    assert 0 < (ages == 998).mean() < 0.01
    assert set(twin["Year"].astype(int)) == set(range(1980, 2015))
    assert twin["State"].nunique() == 51
    assert twin["Month"].nunique() == 12
    assert twin["Incident"].astype(int).between(0, 999).all()
    assert twin["Victim Count"].astype(int).between(0, 10).all()
    assert twin["Perpetrator Count"].astype(int).between(0, 10).all()
    assert twin.groupby("City")["State"].nunique().max() == 1


def test_a_model_predicts_weapons_better_than_chance_but_not_fully():
    frame = us_homicides(25_000, seed=7)
    frame = frame[frame["Weapon"] != "Unknown"]
    categories = ["State", "Agency Type", "Crime Type", "Victim Sex", "Relationship"]
    rows = frame[["Year", "Victim Age", "Victim Count"]].astype(float).join(frame[categories].astype("category"))
    weapon = frame["Weapon"].to_numpy()
    train = np.arange(len(frame)) % 4 > 0
    model = LGBMClassifier(n_estimators=30, num_leaves=15, min_child_samples=10, n_jobs=1, verbose=-1)
    probability = model.fit(rows[train], weapon[train]).predict_proba(rows[~train])
    held, guess = weapon[~train], model.classes_[probability.argmax(axis=1)]
    seen = np.isin(model.classes_, held)
    truth = (held[:, None] == model.classes_)[:, seen]
    precision = average_precision_score(truth, probability[:, seen], average="macro")
    f1 = f1_score(held, guess, average="macro", labels=model.classes_, zero_division=0)
    always = f1_score(held, np.full(len(held), "Handgun"), average="macro", labels=model.classes_, zero_division=0)
    assert precision > 2 * truth.mean(axis=0).mean()
    assert f1 > 2 * always
    assert precision < 0.6
    assert f1 < 0.6


def test_two_hundred_thousand_rows_take_two_seconds_of_processor_time():
    started = time.process_time()
    us_homicides(200_000, seed=3)
    assert time.process_time() - started < 2.0
