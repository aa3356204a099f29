// Second tasks: the study's cases, those like yours among them, and races as they ran; see grace.validity.evidence.
const like = { race: 0, way: "", label: "", suspended: "", failures: "" };
const race = () => data.evidence.races[like.race];
const ALL = ["", "all"];

function isLike(one) {
  const [label, suspended] = one.kind.split(", ");
  const [least, most] = data.evidence.failures[like.failures] ?? [0, Infinity];
  return (!like.label || label === like.label) && (!like.suspended || suspended === like.suspended)
    && least <= one.failures && one.failures <= most;
}

function likeWords() {
  const { cases, looks, labels, suspended, before } = data.evidence;
  const mine = cases.filter(isLike);
  const counts = Object.fromEntries(Object.keys(looks).map(word => [word, mine.filter(one => one["came to"] === word).length]));
  const which = [like.label && `second label: ${labels[like.label]}`, like.suspended && `suspended units ${suspended[like.suspended]}`,
    like.failures && `${like.failures} failures`].filter(Boolean).join("; ");
  const expected = before[`${like.label}, ${like.suspended}`];
  return `Of cases like yours (${which || "all"}: ${mine.length} of ${cases.length}) the second task helped in ${counts.helps}, hurt in ${counts.hurts} and did nothing in `
    + `${counts.nothing}; ${counts.unresolved} could not be measured.${expected ? ` Before a race the rule expects of such a label a change of RMSE of ${expected} (90\u00a0%).` : ""}`;
}

function chooseWay(name) { // and the cases that are like it
  like.way = name;
  const row = race().ways.find(one => one.way === name);
  const [label, suspended] = row.kind.split(", ");
  if (suspended) Object.assign(like, { label: label in data.evidence.labels ? label : "", suspended }); // several tasks have no kind
  const units = row.units ?? 0;
  if (units) like.failures = Object.keys(data.evidence.failures).find(key => units <= data.evidence.failures[key][1]);
  render();
}

function raceTable() {
  const head = ["way", `RMSE out of fold, ${race().unit}`, "the race saw [95\u00a0%]", "expected [90\u00a0%]"];
  const rows = race().ways.map(row => {
    const input = make("input", { type: "radio", name: "way", value: row.way, checked: row.way === like.way });
    input.addEventListener("change", () => chooseWay(row.way));
    const laps = make("small", { textContent: row.laps === "1" ? "1\u00a0lap" : row.laps && `${row.laps}\u00a0laps` });
    const first = row.kind ? make("label", {}, input, make("span", {}, name(row.way), " ", laps)) : make("span", {}, name(row.way), " ", laps);
    const cells = ["error", "seen", "expected"].map(key => make("td", { textContent: row[key].replace(", ", ",\u00a0") }));
    return make("tr", { className: row.way === like.way ? "chosen" : "" }, make("td", {}, first), ...cells);
  });
  const focused = document.activeElement?.name === "way";
  $("race-table").replaceChildren(make("thead", {}, make("tr", {}, ...head.map(text => make("th", { scope: "col", textContent: text })))),
    make("tbody", {}, ...rows));
  if (focused) $("race-table").querySelector("input:checked")?.focus();
}

const hosts = []; // a chart a race, as high as it has ways

function raceHost(index) {
  const ways = new Set(data.evidence.races[index].course.map(row => row.way)).size, { race: spec } = data.specs;
  data.specs[`race-${index}`] ??= { ...spec, height: spec.height * ways };
  return hosts[index] ??= make("div", { className: "chart" });
}

async function evidencePanel() {
  const form = $("cases-like").elements;
  for (const field of ["label", "suspended", "failures"]) form[field].value = like[field];
  $("like-words").textContent = likeWords();
  const cases = data.evidence.cases.map(one => ({ ...one, alike: isLike(one) }));
  await draw($("evidence-chart"), "evidence", "expected against measured change of RMSE, a dot a case; the sentence above counts them",
    { cases, yours: race()?.yours ?? [] }, { way: like.way }, datum => datum.words && chooseWay(datum.way));
  if (!race()) return;
  raceTable();
  $("race-title").textContent = `The race on ${inline(race().name)}, ${race().seconds} s`;
  const raced = race().course.length > 0, host = raceHost(like.race);
  $("race-chart").replaceChildren(...(raced ? [host] : []));
  if (raced) await draw(host, `race-${like.race}`, "change of RMSE of each way after each lap; the table below holds the last of them",
    { course: race().course }, { way: like.way }, datum => datum.stage && chooseWay(datum.way));
}

function beginEvidence() {
  const { words, looks, labels, suspended, failures, races, specs } = data.evidence;
  Object.assign(data.specs, specs);
  for (const node of document.querySelectorAll("#evidence, a[href='#evidence']")) node.hidden = false;
  $("evidence-words").textContent = words;
  const form = $("cases-like").elements;
  setOptions(form.race, races.map((one, index) => [index, one.name]), 0);
  setOptions(form.label, [ALL, ...Object.entries(labels)], "");
  setOptions(form.suspended, [ALL, ...Object.entries(suspended)], "");
  setOptions(form.failures, [ALL, ...Object.keys(failures).map(key => [key, key])], "");
  $("which-race").hidden = races.length < 2;
  $("race-card").hidden = !races.length;
  $("evidence-looks").append(...Object.entries(looks).map(([word, [colour, , shape]]) => {
    const mark = make("span", { textContent: shape, ariaHidden: "true" });
    mark.style.color = colour;
    return make("span", {}, mark, ` ${word === "unresolved" ? "could not be measured" : word}`);
  }), ...(races.length ? [make("span", { textContent: "◆ yours, with its 90 % interval" })] : []));
  $("cases-like").addEventListener("submit", event => event.preventDefault());
  $("cases-like").addEventListener("change", () => {
    const changed = Number(form.race.value) !== like.race;
    Object.assign(like, { race: Number(form.race.value) || 0, label: form.label.value, suspended: form.suspended.value, failures: form.failures.value });
    if (changed) beginRace();
    render();
  });
  if (races.length) beginRace();
  panels.push(evidencePanel);
}

function beginRace() { // at the way that is expected to be best
  const first = race().ways.find(row => row.kind);
  if (first) chooseWay(first.way);
}

if (data.evidence) beginEvidence();
