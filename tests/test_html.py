"""Cards: texts are escaped, places are where the values are, what is not known is not drawn."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET

import pytest

from grace.advice.advice import Advice, Raced
from grace.advice.rule import Expected
from grace.core.stats import Estimate
from grace.html import Bar, beside, card, code, curve, document, intervals, said, table
from grace.loop.compare import Comparison

EVIL = "<b>&\"'</b>"


def picture(found: str) -> ET.Element:
    (svg,) = re.findall("<svg.*?</svg>", found)
    return ET.fromstring(svg)


def test_every_text_is_escaped_once() -> None:
    bars = [Bar(EVIL, 1.0, 0.0, 2.0, EVIL)]
    parts = said(EVIL), code(EVIL), table((EVIL,), [(EVIL,)], EVIL), intervals(bars, EVIL), curve([1.0, 2.0], EVIL)
    for found in (card(EVIL, *parts), document(EVIL, beside(*parts))):
        assert "<b>" not in found
        assert "&amp;lt;" not in found
        assert found.count("&lt;b&gt;") >= 9


def test_places_are_linear_in_the_values() -> None:
    rows = [Bar("a", 0.0, -1.0, 1.0), Bar("b", 2.0, 1.0, 4.0)]
    svg = picture(intervals(rows, "caption"))
    dots = [float(dot.attrib["cx"]) for dot in svg.iter("circle")]
    ends = [tuple(map(float, re.findall(r"M([\d.]+) [\d.]+H([\d.]+)", path.attrib["d"])[0])) for path in svg.iter("path")
            if "H" in path.attrib["d"]]  # fmt: skip
    unit = (dots[1] - dots[0]) / 2
    assert ends[0] == pytest.approx((dots[0] - unit, dots[0] + unit), abs=0.2)
    assert ends[1] == pytest.approx((dots[1] - unit, dots[1] + 2 * unit), abs=0.2)
    (edge,) = [path for path in svg.iter("path") if "V" in path.attrib["d"]]
    assert float(re.findall(r"M([\d.]+) ", edge.attrib["d"])[0]) == dots[0]


def test_what_is_not_known_is_not_drawn() -> None:
    rows = [
        Bar("one seed", 1.0, -math.inf, math.inf),
        Bar("none", math.nan, math.nan, math.nan),
        Bar("c", 1, math.nan, math.nan),
    ]
    svg = picture(intervals(rows, ""))
    assert len([*svg.iter("circle")]) == 2
    assert not [path for path in svg.iter("path") if "H" in path.attrib["d"]]
    assert curve([1.0], "") == curve([math.nan, 2.0], "") == ""


def test_ticks_leave_each_other_room() -> None:
    svg = picture(intervals([Bar("", 0.1, 0.0, 10.0)], "", edges=(-0.05, 0.05, 9.6)))
    words = [text.text for text in svg.iter("text") if text.text]
    assert words == ["-0.05", "9.6"]


def test_a_comparison_and_advice_show_what_they_say() -> None:
    found = Comparison.of({"alone": (3.0, 4.0, 5.0), "both": (2.0, 3.1, 4.0), EVIL: (3.5, 4.1, 4.9)})
    shown = found._repr_html_()
    assert "Both helps, &lt;b&gt;" in shown
    assert 'class="lower"' in shown
    assert "<b>" not in shown
    raced = (
        Raced("alone", 2, 20.0),
        Raced("soh", 1, 18.0, Estimate(-0.1, -math.inf, math.inf, 1), Expected(-0.1, 0.02)),
    )
    advice = Advice("pumps", "add", "soh", "alone", raced, (), "Add soh.", "One lap.", ("--task", "a b"), 1.0, "cycles")
    shown = advice._repr_html_()
    assert '<p class="answer">Add soh.</p>' in shown
    assert "--task &#x27;a b&#x27;" in shown
    assert "inf" not in shown
    assert f"{100 * math.expm1(-0.1):+.0f} %" in shown
