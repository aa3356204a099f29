// Fleets with suspended units and second tasks: calibration, survival, tasks, and units with their predictions at each inspection.
const fleet = { dataset: "", method: "", horizon: "", file: 0, unit: "", place: -1 };

function matrix(host, { names, of } = { names: [], of: {} }) { // a row a method, a column a figure
  const cell = text => make("td", { textContent: text ?? "" });
  const rows = Object.keys(data.methods).filter(method => of[method]).map(method => make("tr", {},
    make("th", { scope: "row" }, name(data.methods[method].title)), ...names.map(figure => cell(of[method][figure]))));
  host.replaceChildren(make("thead", {}, make("tr", {}, ...["method", ...names].map(text => make("th", { scope: "col" }, name(text))))),
    make("tbody", {}, ...rows));
}

async function survivalPanel() {
  const { calibration, survival } = data.fleets;
  const form = $("fleet").elements;
  const offer = (field, values, titles = values) => {
    if (!values.includes(fleet[field])) fleet[field] = values[0] ?? "";
    setOptions(form[field], values.map((value, i) => [value, titles[i]]), fleet[field]);
  };
  offer("dataset", [...new Set([...Object.keys(survival), ...Object.keys(data.fleets.tasks)])]);
  const mine = calibration.filter(row => row.dataset === fleet.dataset);
  const methods = Object.keys(data.methods).filter(method => mine.some(row => row.method === method));
  offer("method", methods, methods.map(method => data.methods[method].title));
  offer("horizon", [...new Set(mine.map(row => row.horizon))].sort((a, b) => a - b));
  const rows = mine.filter(row => row.method === fleet.method && row.horizon === fleet.horizon);
  const told = survival[fleet.dataset], tasks = data.fleets.tasks[fleet.dataset];
  for (const id of ["fleet-method", "fleet-horizon", "calibration-card"]) $(id).hidden = !rows.length;
  $("survival-card").hidden = !told;
  $("tasks-card").hidden = !tasks;
  if (rows.length) await draw($("calibration-chart"), "calibration", "predicted against observed probability of failure, in fifths of the rows",
    { fifths: rows }, { colour: data.methods[fleet.method].colour });
  matrix($("survival-table"), told);
  matrix($("tasks-table"), tasks);
}

function unitWords(file, unit, place) {
  const of = file.units[unit], [engine, time] = file.names;
  const range = of.low ? `, 90 % interval ${of.low[place]} to ${of.high[place]}` : "";
  const failing = file.horizons.map((horizon, i) => `${(100 * of.within[place][i]).toFixed(0)} % within ${horizon}`).join(", ");
  return `${inline(engine)} ${inline(unit)} at ${inline(time)} ${inline(String(of.time[place]))}: RUL ${of.rul[place]} ${inline(file.unit)}${range}`
    + `${failing && `; probability of failure ${failing}`}.${of.note[place] && ` Note: ${inline(of.note[place])}.`}`;
}

async function unitPanel() {
  const { histories } = data.fleets, form = $("unit-choice").elements, file = histories[fleet.file], units = Object.keys(file.units);
  if (!units.includes(fleet.unit)) Object.assign(fleet, { unit: units[0], place: -1 });
  const of = file.units[fleet.unit], last = of.rul.length - 1;
  if (fleet.place < 0 || fleet.place > last) fleet.place = last;
  setOptions(form.unit, units.map(unit => [unit, unit]), fleet.unit);
  form.place.max = last;
  form.place.value = fleet.place;
  form.place.setAttribute("aria-valuetext", String(of.time[fleet.place]));
  $("unit-words").textContent = unitWords(file, fleet.unit, fleet.place);
  const left = file.of - units.length;
  $("unit-note").textContent = left ? `Of ${file.of} units the ${units.length} with the least RUL are shown.` : "";
  const dated = of.time.some(time => typeof time !== "number");
  const history = of.rul.map((rul, place) => ({ place, rul, time: dated ? place + 1 : of.time[place], at: of.time[place], low: of.low?.[place], high: of.high?.[place], note: of.note[place] }));
  const toPlace = datum => { if (datum.place !== undefined) { fleet.place = datum.place; render(); } };
  await draw($("history-chart"), "history", `RUL of ${inline(fleet.unit)} as predicted at each inspection; the sentence above says the chosen one`,
    { history }, { place: fleet.place }, toPlace);
  $("curve-card").hidden = file.horizons.length < 2;
  if (file.horizons.length < 2) return;
  const survival = of.within.flatMap((shares, place) => [[0, 0], ...file.horizons.map((horizon, i) => [horizon, shares[i]])]
    .map(([ahead, failing]) => ({ place, ahead, share: Number((1 - failing).toFixed(3)), at: of.time[place] })));
  await draw($("curve-chart"), "survival", "probability to live on after the chosen inspection, and after the others", { survival }, { place: fleet.place });
}

function reveal(id) {
  for (const node of document.querySelectorAll(`#${id}, a[href='#${id}']`)) node.hidden = false;
}

function beginFleets() {
  const { calibration, survival, tasks, histories, specs } = data.fleets;
  Object.assign(data.specs, specs);
  for (const id of ["fleet", "unit-choice"]) $(id).addEventListener("submit", event => event.preventDefault());
  if (calibration.length || Object.keys(survival).length || Object.keys(tasks).length) {
    reveal("fleets");
    $("fleet").addEventListener("change", event => { fleet[event.target.name] = event.target.value; render(); });
    panels.push(survivalPanel);
  }
  if (!histories.length) return;
  reveal("units");
  setOptions($("unit-choice").elements.file, histories.map((one, i) => [i, one.file]), 0);
  $("which-file").hidden = histories.length < 2;
  $("unit-choice").addEventListener("input", event => {
    const { name: field, value } = event.target;
    Object.assign(fleet, field === "unit" ? { unit: value, place: -1 } : { [field]: Number(value) });
    if (field === "file") Object.assign(fleet, { unit: "", place: -1 });
    render();
  });
  panels.push(unitPanel);
}

beginFleets();
