// The form that is decided from: rho and its bounds move together, and what the study's cases like it came to.
const number = field => $("wizard").elements[field].valueAsNumber;
const span = { below: 0, above: 0 }; // from the bounds to rho

function keepSpan() { // as the bounds are now
  const [low, rho, high] = ["low", "rho", "high"].map(number);
  if (low <= rho && rho <= high) Object.assign(span, { below: rho - low, above: high - rho });
}

function moveBounds() {
  const rho = number("rho");
  if (!(Math.abs(rho) <= 1)) return;
  const ends = { low: Math.max(rho - span.below, -1), high: Math.min(rho + span.above, 1) };
  for (const [field, value] of Object.entries(ends)) $("wizard").elements[field].value = Number(value.toFixed(6));
}

function clearAnswer() { // nothing follows from what cannot be
  for (const id of ["path", "prescription", "like", "next-step", "showed"]) $(id).replaceChildren();
}

function casesLike(found) { // of the study: on this side of the edge, or all where the interval crosses it
  const [below, above, all] = data.decision.like[chosenRule()];
  return found.crossed.length ? all : state.evidence.rho > data.decision.rules[chosenRule()].thresholds.weak ? above : below;
}
