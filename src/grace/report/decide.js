// The decision of grace.alignment.decide: thresholds and words come from there, exported by grace.report.rules; a test asks both
// over a grid.
const round = (value, digits) => Number(value).toFixed(digits);
const signed = (value, digits) => (value < 0 || Object.is(value, -0) ? "" : "+") + round(value, digits);

function general(value) { // Python's .4g
  if (value === 0) return "0";
  const [digits, power] = value.toExponential(3).split("e").map(Number);
  if (power >= -4 && power < 4) return String(Number(value.toPrecision(4)));
  return `${digits}e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
}

function refusal(e, prescribes) { // of what the rule asks: the study's asks for rho alone
  if (!(-1 <= e.low && e.low <= e.rho && e.rho <= e.high && e.high <= 1)) {
    return "The values should hold −1 ≤ lower end ≤ rho ≤ upper end ≤ 1.";
  }
  if (!(e.tasks >= 1 && e.inits >= 0)) return "There should be one task or more, and 0 initialisations or more.";
  if (!prescribes) return "";
  if (!(e.conditions >= 1)) return "There should be one operating condition or more.";
  if (!(e.ratio >= 1)) return "The gradient ratio should be at least 1 (largest over smallest norm).";
  if (!(e.near_failure_share >= 0 && e.near_failure_share <= 1)) return "The share near failure should be between 0 and 100 %.";
  return "";
}

function band(rho, t) {
  if (!t.prescribes) return Number(rho > t.weak);
  return rho < t.opposed ? 0 : rho <= t.weak ? 1 : rho <= t.strong ? 2 : 3;
}

function methodOf(e, t, adaptive, nearFailure) {
  if (!t.prescribes) return "compare";
  const at = band(e.rho, t);
  if (at === 0) return "separate-models";
  if (at === 1) return nearFailure ? "amnl" : "single-task";
  if (!adaptive) return "baseline";
  return at === 3 && nearFailure ? "grace" : "gaba";
}

function nextStep(e, crossed, table) {
  if (!e.reliable) return table.unreliable;
  const edges = crossed.map(edge => signed(edge, 2)).join(", ");
  const other = ["", "joint"].includes(e.recipe) ? "" : " Or measure with the recipe `joint`, whose spread is smaller.";
  const half = (e.high - e.low) / 2;
  const distance = Math.min(...crossed.map(edge => Math.abs(e.rho - edge)));
  const share = distance > 0 ? Number((e.inits * (half / distance) ** 2).toFixed(6)) : Infinity;
  const wanted = Math.ceil(share) + 1;
  const advice = e.inits < 2 || half <= 0 ? "Measure with 8 initialisations or more."
    : wanted > table.most_inits
      ? `The mean is so near an edge that ${table.most_inits} initialisations would not tell; both sides are defensible.`
      : `About ${wanted} initialisations would decide it if the mean stays.`;
  return `Undecided: the interval crosses ${edges}. ${advice}${other}`;
}

function decide(e, name, table) {
  const { thresholds: t, edges, words, band_words } = table.rules[name];
  const answer = (question, measured, passed, reason) =>
    ({ question, text: words[question].text, measured, passed, reason: reason ?? words[question][passed ? "yes" : "no"] });
  const first = answer("Q1", String(e.tasks), e.tasks >= 2);
  if (!first.passed) {
    const rest = ["Band", "Q2", "Q4", "Q5"].map(question =>
      ({ question, text: "", measured: "", passed: null, reason: "not reached" }));
    return { method: "single-task", decided: true, answers: [first, ...rest], strength: "", crossed: [], next_step: "" };
  }
  const rho = `${signed(e.rho, 3)} [${signed(e.low, 3)}, ${signed(e.high, 3)}]`;
  const answers = [
    first,
    answer("Band", rho, e.rho > (t.prescribes ? t.strong : t.weak), band_words[band(e.rho, t)]),
    answer("Q2", general(e.ratio), e.ratio > t.ratio),
    answer("Q4", `${round(100 * e.near_failure_share, 1)}%`, e.near_failure_share > t.near_failure),
    answer("Q5", String(e.conditions), e.conditions >= t.conditions),
  ];
  const method = methodOf(e, t, answers[2].passed, answers[3].passed);
  const crossed = edges.filter(edge => e.low <= edge && edge <= e.high);
  const decided = e.reliable && !crossed.length;
  const shares = ["grace", "gaba"].includes(method);
  const strength = shares ? (answers[4].passed ? "strong" : "may still help") : "";
  return { method, decided, answers, strength, crossed, next_step: decided ? "" : nextStep(e, crossed, table) };
}

globalThis.graceDecide = decide; // for the console
