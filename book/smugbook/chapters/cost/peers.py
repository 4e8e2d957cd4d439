"""What the benchmark's records say: tables against the peers, and targets met or missed."""

from collections.abc import Iterator

import pandas as pd

OWN, BFLOAT16 = "smuglib", "smuglib, bfloat16"

LINEWISE, COUNTED = "smuglib, line-wise", "smuglib, line-wise, factorized anew"

CG = "smuglib, CG"

PEERS = ("deepinv", "sigpy", "BART")

PEER_LOOP = "deepinv loop, stock layers"

LARGEST_OVERHEAD = 1.15
"""Cost of a step that counts as on the floor, in units of its bare denoiser calls."""


def compare_implementations(
    frame: pd.DataFrame, section: str, work: str, width: int
) -> pd.DataFrame:
    """Return the cost of one work in all implementations."""
    rows = select_rows(frame, section=section, work=work, width=width)
    return pd.DataFrame(
        {
            "milliseconds": 1e3 * rows.seconds_median,
            "fastest": 1e3 * rows.seconds_min,
            "slowest": 1e3 * rows.seconds_max,
            "ratio": rows.ratio,
            "accuracy": rows.accuracy,
        }
    ).set_index(rows.implementation)


def select_rows(frame: pd.DataFrame, **values: object) -> pd.DataFrame:
    """Return the rows with given values."""
    for column, value in values.items():
        frame = frame[frame[column] == value]
    if frame.empty:
        wanted = ", ".join(f"{column} {value}" for column, value in values.items())
        raise ValueError(f"the benchmark's records hold no row with {wanted}")
    return frame


def fastest(
    frame: pd.DataFrame, work: str, width: int, peers: tuple[str, ...]
) -> tuple[str, float]:
    """Find the fastest peer at a solve."""
    rows = select_rows(frame, section="solves", work=work, width=width)
    rows = rows[rows.implementation.str.startswith(peers)]
    if rows.empty:
        raise ValueError(f"the benchmark's records hold none of the peers {', '.join(peers)}")
    best = rows.nsmallest(1, "seconds_median")
    return best.implementation.item(), best.ratio.item()


def break_even(frame: pd.DataFrame, width: int) -> pd.DataFrame:
    """Return the time to solve for a number of right-hand sides, ten at a time."""
    work = "solve, 10 right-hand sides"
    one = (
        compare_implementations(frame, "solves", "solve, 1 right-hand side", width).milliseconds
        / 1e3
    )
    ten = compare_implementations(frame, "solves", work, width).milliseconds / 1e3
    peers = [name for name in PEERS if ten.index.str.startswith(name).any()]
    names = [CG, *(fastest(frame, work, width, (peer,))[0] for peer in peers)]
    groups = [1, 2, 4, 8, 16]
    index = [1, *(10 * count for count in groups)]
    columns = {name: [one[name], *(count * ten[name] for count in groups)] for name in names}
    more = [(count - 1) * ten[LINEWISE] for count in groups]
    linewise = [one[COUNTED], *(ten[COUNTED] + seconds for seconds in more)]
    return pd.DataFrame({LINEWISE: linewise, **columns}, index=pd.Index(index, name="solves"))


def product_rate(frame: pd.DataFrame, width: int, samples: int) -> float:
    """Return how fast the line-wise solver multiplies, in 1e9 real operations a second."""
    found = {"section": "solves", "width": width, "samples": samples, "implementation": LINEWISE}
    row = select_rows(frame, **found)
    return (8e-9 * row.height * row.width**2 * row.samples / row.seconds_median).item()


def split_curves(rows: pd.DataFrame, column: str) -> Iterator[tuple[str, pd.Series]]:
    """Split rows of the section on scaling into lines."""
    for (work, implementation), line in rows.groupby(["work", "implementation"], sort=False):
        what = str(work).partition(",")[0]
        kind = str(implementation).partition(", ")[2]
        name = f"{what}, {kind}" if kind else what
        yield name, line.set_index(column).seconds_median


def check_targets(frame: pd.DataFrame) -> pd.DataFrame:
    """Compare the records with what the library set out to reach."""
    rows = [*_overheads(frame), *_factorization(frame), *_solves(frame), *_attack(frame)]
    table = pd.DataFrame(rows, columns=["cost", "compared with", "target", "measured"])
    at_most = table.target.str.startswith("≤")
    bound = table.target.str[1:].astype(float)
    table["met"] = table.measured.le(bound).where(at_most, table.measured.ge(bound))
    return table


Target = tuple[str, str, str, float]


def _overheads(frame: pd.DataFrame) -> list[Target]:
    works = "SMUG forward", "SMUG training step", "SMUG training step, few samples"
    rows = [select_rows(frame, section="floor", work=work, implementation=OWN) for work in works]
    return [
        (work, "bare denoiser", f"≤{LARGEST_OVERHEAD}", row.ratio.item())
        for work, row in zip(works, rows, strict=True)
    ]


def _factorization(frame: pd.DataFrame) -> list[Target]:
    name = "smuglib, formed and inverted"
    row = select_rows(frame, work="factorization", implementation=name, width=128)
    return [("factorization, 128 x 128", "torch's Cholesky inverse", "≤1.2", row.ratio.item())]


def _solves(frame: pd.DataFrame) -> list[Target]:
    found: list[Target] = []
    ten, many = "solve, 10 right-hand sides", "solve, 32 right-hand sides"
    for width, python, bart in ((128, "≥100", "≥10"), (320, "≥20", "≥5")):
        for peers, target in ((("deepinv", "sigpy"), python), (("BART",), bart)):
            name, ratio = fastest(frame, ten, width, peers)
            found.append((f"10 solves, {width} x {width}", name, target, ratio))
        name, ratio = fastest(frame, many, width, PEERS)
        own = select_rows(frame, section="solves", work=many, width=width, implementation=COUNTED)
        label = f"32 solves and the factorization, {width} x {width}"
        found.append((label, name, "≥1", ratio / own.ratio.item()))
    return found


def _attack(frame: pd.DataFrame) -> list[Target]:
    found: list[Target] = []
    for method, variant in (("SMUG", OWN), ("SMUG", BFLOAT16), ("SMUGv0", OWN), ("RS-E2E", OWN)):
        work = f"{method} adaptive attack step"
        rows = select_rows(frame, section="networks", work=work).set_index("implementation").ratio
        label = f"{work}, {variant.partition(', ')[2] or 'float32'}"
        found.append((label, PEER_LOOP, "≥3", float(rows[PEER_LOOP] / rows[variant])))
    work = "SMUG adaptive attack step"
    rows = select_rows(frame, section="memory", work=work).set_index("implementation").peak_bytes
    ratio = float(rows[OWN] / rows[PEER_LOOP])
    return [*found, (f"{work}, peak memory", PEER_LOOP, "≤1", ratio)]
