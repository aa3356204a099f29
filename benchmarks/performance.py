"""The tables of docs/performance.md from results/speed.json and results/gpu.json."""

from __future__ import annotations

from typing import Any

from growth import TITLES, exponent
from own_loop import table as loop_table
from throughput import ALONE

Row = tuple[str, str, str, str, str]
EVERY, SHIPPED, PARTLY = "GRACE, Gramian in every step", "GRACE as shipped", "Gramian of attention and above"
STEP_PEERS = {"TorchJD UPGrad": "UPGrad", "TorchJD PCGrad": "PCGrad", "three passes (the source)": "three passes"}


def page_parts(found: dict[str, Any], gpu: dict[str, Any] | None) -> dict[str, str]:
    """Text of each marked part of the page."""
    rows = [*step_rows(found["step"]), *training_rows(found["training"]), *gpu_rows(gpu), *other_rows(found)]
    head = "| what | goal | peers | ours | limit |\n|---|---|---|---|---|\n"
    return {
        "machine": machine_line(found),
        "speed": head + "".join("| " + " | ".join(row) + " |\n" for row in rows),
        "profile": profile_table(found["profile"]),
        "own loop": loop_table(found["loop"]),
        "growth": growth_table(found["growth"]),
    }


def machine_line(found: dict[str, Any]) -> str:
    """Hardware, versions, date."""
    m = dict(found["machine"])
    hardware = f"{m.pop('cores')} cores, {m.pop('cpu')}, {m.pop('machine')}, Python {m.pop('python')}"
    versions = ", ".join(f"{name} {value}" for name, value in m.items() if value)
    missing = ", ".join(name for name, value in m.items() if not value)
    absent = f" Not installed, so not compared with: {missing}." if missing else ""
    return f"`python benchmarks/run.py --data DIR`, {found['date']}: {hardware}; {versions}.{absent}\n"


def shown(values: dict[str, float], unit: str = "", digits: int = 2) -> str:
    """Median, range and number."""
    low, high = f"{values['low']:.{digits}f}", f"{values['high']:.{digits}f}"
    return f"{values['median']:.{digits}f}{unit} ({low}-{high}, n = {values['n']})"


def step_rows(step: dict[str, Any]) -> list[Row]:
    """Cost of a step as a ratio to the plain one."""
    rows: list[Row] = []
    floor = step["operations"][EVERY]
    for batch in ("64", "256"):
        ways = step[batch]
        peers = ", ".join(f"{short} {ways[name]['median']:.2f}" for name, short in STEP_PEERS.items() if name in ways)
        what = f"step of the 3.5 M network, B = {batch}, plain = 1 ({step[f'seconds {batch}']['median']:.2f} s)"
        rows.append((f"{what}: Gramian in every step", "1.50", peers, shown(ways[EVERY]), f"{floor:.2f} by operations"))
        stacked = shown(ways["GRACE, Gramian in every step, stacked"])
        rows.append(("the same, in every step, in the stacked engine: a stack of one", "1.50", "", stacked, "-"))
        rows.append(
            (
                "the same, as shipped: in one step of ten",
                "1.10",
                "",
                shown(ways[SHIPPED]),
                f"{1 + (floor - 1) / 10:.2f}",
            )
        )
        told = step["agreement"]["attention and above"]
        note = f"rho differs by {told['rho']:.3f}, the ratio of norms by a factor {told['ratio']:.2f}"
        rows.append(
            (f"the same, in every step, of attention and above alone: {note}", "1.50", "", shown(ways[PARTLY]), "1")
        )
        told = step["agreement"]["representation"]
        note = f"rho differs by {told['rho']:.3f}, the ratio of norms by a factor {told['ratio']:.2f}"
        rows.append(
            (
                f"the same, at the representation alone: {note}",
                "1.50",
                "",
                shown(ways["Gramian at the representation"]),
                "1",
            )
        )
    return rows


def training_rows(training: dict[str, Any]) -> list[Row]:
    """Windows per second against the peers, as ratios."""
    rows: list[Row] = []
    for size, goal in (("compact", "2"), ("paper", "1.2")):
        found = training[size]
        rates = found["windows_per_s"]
        for name, ratios in found["ratios"].items():
            peers = {peer: values for peer, values in ratios.items() if not peer.startswith(("GRACE", ALONE))}
            if "bfloat16" not in name:
                peers = {peer: values for peer, values in peers.items() if "bfloat16" not in peer}
            floor = rates[ALONE]["median"] / rates["PyTorch loop"]["median"]
            ours = "; ".join(f"{shown(values)} x {peer}" for peer, values in peers.items())
            theirs = ", ".join(f"{peer} {rates[peer]['median']:.0f}/s" for peer in peers)
            rows.append(
                (
                    f"training, {size}, one thread: {name}, {rates[name]['median']:.0f} windows/s",
                    goal,
                    theirs,
                    ours,
                    "-" if "," in name else f"{floor:.2f}: both passes of the network alone",
                )
            )
    return rows


def gpu_rows(gpu: dict[str, Any] | None) -> list[Row]:
    """The stack on a GPU."""
    what, goal, peers = "140 runs of 500 epochs, stacks of 35, GPU-hours", "3", "the source 70 (A100)"
    if gpu is None:
        return [(what, goal, peers, "not measured: no GPU was at hand. `python benchmarks/gpu.py` does it", "-")]
    rows = []
    for name, mode in gpu["modes"].items():
        floor = max(mode["floor_hours"].values())
        alone = f", one run alone {mode['alone']['windows_per_s']:.0f}" if "alone" in mode else ""
        ours = f"{mode['hours_of_the_table']:.2f} ({mode['plain']['windows_per_s']:.0f} windows/s{alone})"
        rows.append((f"{what}, {gpu['device']}, {name}", goal, peers, ours, f"{floor:.2f}"))
    return rows


def other_rows(found: dict[str, Any]) -> list[Row]:
    """Diagnosis, data, commands."""
    rows: list[Row] = []
    for name, share in found["diagnosis"].items():
        training = name.startswith("FD")
        what = (
            f"default diagnosis against one training of 500 epochs, {name}"
            if training
            else f"the same against a {name}"
        )
        rows.append((f"{what}, operations", "1 %" if training else "3 %", "", f"{100 * share:.1f} % (counted)", "-"))
    ours, parse = found["text"]["grace"], found["text"]["parse"]["seconds"]["median"]
    theirs_of = {peer: values for peer, values in found["text"].items() if peer not in ("grace", "parse", "few lines")}
    for peer, values in theirs_of.items():
        theirs = values["seconds"]["median"]
        rows.append(
            (
                "text to tensors, four subsets",
                "10 x",
                f"{peer} {shown(values['seconds'], ' s')}",
                f"{shown(ours['seconds'], ' s')}: {theirs / ours['seconds']['median']:.1f} x",
                f"{theirs / parse:.1f} x: the parser alone, {parse:.2f} s",
            )
        )
    few = found["text"]["few lines"]["mib"]["median"]
    others = ", ".join(f"{peer} {v['mib']['median']:.0f} MiB" for peer, v in theirs_of.items())
    rows.append(
        (
            "the same, peak memory beyond imports",
            "1.5 x the rows: 46 MiB",
            others,
            f"{shown(ours['mib'], ' MiB', 0)}; {few:.0f} of them with a file of 300 lines, by first use of parser and k-means",
            "31 MiB",
        )
    )
    if found["report"] is not None:
        rows.append(("page of the committed runs", "2 s", "", shown(found["report"], " s"), "-"))
    for name, goal in (("grace --help", "0.3 s"), ("grace diagnose FD003", "60 s"), ("grace demo", "60 s")):
        rows.append((f"`{name}`, whole process", goal, "", shown(found["commands"][name], " s"), "-"))
    return rows


def profile_table(profile: dict[str, Any]) -> str:
    """Shares of a step by kind of operation, and the stages of reading."""
    kinds = list(profile["steps"]["compact"]["shares"])
    lines = ["| one training step of GRACE | ms | " + " | ".join(kinds) + " | products, GFLOP/s | of the core's peak |"]
    lines.append("|---" * (len(kinds) + 4) + "|")
    for size, p in profile["steps"].items():
        shares = " | ".join(f"{p['shares'][kind]:.0%}" if p["shares"][kind] else "in products" for kind in kinds)
        lines.append(f"| {size} | {p['step_ms']:.1f} | {shares} | {p['gflops']:.0f} | {p['of_peak']:.0%} |")
    text = profile["text"]
    lines += ["", "| text to tensors, in a warm process | " + " | ".join(text) + " |", "|---" * (len(text) + 1) + "|"]
    lines.append("| ms | " + " | ".join(f"{value:.0f}" for value in text.values()) + " |")
    return "\n".join(lines) + "\n"


def growth_table(growth: dict[str, Any]) -> str:
    """Ends of every series and the power that its upper half grows with."""
    lines = ["| what | from | to | time grows with the power | memory with |", "|---|---|---|---|---|"]
    for series, rows in growth.items():
        ends = [f"{row['x']:.0f}: {row['seconds']:.3g} s, {row['mib']:.0f} MiB" for row in (rows[0], rows[-1])]
        powers = [f"{exponent(rows, field):.2f}" for field in ("seconds", "mib")]
        lines.append(f"| {TITLES[series]} | {ends[0]} | {ends[1]} | {powers[0]} | {powers[1]} |")
    return "\n".join(lines) + "\n"
