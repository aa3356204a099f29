// The panels of the diagnosis and of one run; page.js holds what they share.
const honest = (dataset, method) => ours(dataset, "honest").find(row => row.method === method);
const tints = ["var(--band-a)", "var(--band-b)", "var(--band-c)", "var(--band-d)"];

// the study's rule has another edge on networks that it did not measure
const ruleOf = diagnosis => state.rule === "study" && diagnosis?.elsewhere ? "elsewhere" : state.rule;
const chosenRule = () => ruleOf(data.diagnoses[state.diagnosis]);

function bandsOf(rule) {
  const ends = [-1, ...rule.edges, 1];
  return rule.bands.map((words, i) =>
    ({ name: words, low: ends[i], high: ends[i + 1], tint: tints[rule.bands.length === 2 ? 3 * i : i] }));
}

cards("diagnosis-cards", () => true, (card, dataset) => {
  const mine = data.diagnoses.filter(d => d.dataset === dataset);
  const [before, after] = [make("div", { className: "chart" }), make("div", { className: "chart" })];
  const found = data.points.filter(p => p.dataset === dataset && p.view === "honest" && p.alone !== undefined);
  card.append(make("h4", { textContent: "before: rho" }), mine.length ? before
    : make("p", { className: "note", textContent: `No diagnosis of ${inline(dataset)}. \`grace diagnose\` with --json prints one; name their folder with \`grace report --diagnosis\`.` }));
  card.append(make("h4", { textContent: "after: against RUL alone under the same RUL loss" }), ...(found.length ? [after] : []),
    ...data.alone[dataset].map(line => make("p", { className: "note", textContent: line, dir: "auto" })));
  return async () => {
    const rule = data.decision.rules[ruleOf(mine.find(d => d.elsewhere))];
    const chosen = data.diagnoses[state.diagnosis];
    if (mine.length) {
      await draw(before, "rho", `${dataset}: rho by recipe with its interval`,
        { rho: mine, bands: bandsOf(rule), edges: rule.edges.map(edge => ({ edge })) },
        { selected: chosen?.dataset === dataset ? chosen.recipe : "" }, datum => datum.recipe && diagnosed(data.diagnoses.indexOf(
          mine.find(d => d.recipe === datum.recipe))));
    }
    if (found.length) await draw(after, "sharing", `${dataset}: test RMSE against RUL alone under the same RUL loss, by method`, { points: byOrder(found) });
  };
});

if (data.ways.length) { // fleets with few failures: each way against RUL alone
  const host = make("div", { className: "chart" });
  const head = make("tr", {}, ...["way", "RMSE", "difference [95\u00a0%]", "per cent [95\u00a0%]", ""].map(text => make("th", { scope: "col", textContent: text })));
  const rows = data.ways.map(way => make("tr", {}, make("th", { scope: "row", textContent: way.name }),
    ...["rmse_words", "difference_words", "change_words", "effect"].map(key => make("td", { textContent: way[key].replace(", ", ",\u00a0") }))));
  $("few-failures-card").append(host, make("div", { className: "scroll" }, make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows))));
  $("few-failures-words").textContent = `Few engines failed, many are suspended, and inspections tell the health of both (test RMSE in cycles; ${data.ways[0].fleets} fleets). `
    + "Inspections: a second task that tells their health states. Bound: the RUL of a suspended engine is at least what it still ran. "
    + "Differences are to RUL alone, paired by fleet: left of 0 the way helped.";
  for (const node of document.querySelectorAll("#few-failures, a[href='#few-failures']")) node.hidden = false;
  panels.push(() => draw(host, "ways", "test RMSE of each way against RUL alone; the table below holds the same figures", { ways: data.ways }));
}

function diagnosisOf(dataset) { // that of the same recipe, unless values of one's own are looked at
  const now = data.diagnoses[state.diagnosis];
  const mine = data.diagnoses.filter(found => found.dataset === dataset);
  if (now && mine.length) fill(data.diagnoses.indexOf(mine.find(found => found.recipe === now.recipe) ?? mine[0]));
}

function fill(index) {
  state.diagnosis = index;
  if (index >= 0) state.evidence = { ...data.diagnoses[index], tasks: 2 };
  for (const input of $("wizard").querySelectorAll("input[type=number], select[name]")) {
    const value = state.evidence[input.name];
    input.value = input.name === "near_failure_share" ? Number((100 * value).toFixed(2)) : value;
  }
  keepSpan();
  render();
}

function diagnosed(index) { // a diagnosis is chosen, and its data set with it
  fill(index);
  if (index >= 0) select({ dataset: data.diagnoses[index].dataset });
}

function typed(input) { // own values: of no data set
  if (input.name === "rho") moveBounds();
  else if (["low", "high"].includes(input.name)) keepSpan();
  const fields = Object.fromEntries([...$("wizard").querySelectorAll("input[type=number]")].map(i => [i.name, i.valueAsNumber]));
  const recipe = $("wizard").elements.recipe.value;
  state.evidence = {
    ...fields, near_failure_share: Number((fields.near_failure_share / 100).toFixed(8)), recipe, reliable: recipe !== "published",
  };
  state.diagnosis = -1;
  render();
}

function answerItem(answer) {
  const verdict = answer.passed === null ? "not reached" : answer.passed ? "yes" : "no";
  const words = answer.passed === null ? [] : [make("strong", { className: "measured", textContent: answer.measured }), " "];
  return make("li", { className: verdict.replace(" ", "-") }, make("div", { textContent: `${answer.question} ${answer.text}` }),
    ...words, make("span", { className: "verdict", textContent: verdict }),
    make("span", { className: "reason", textContent: answer.passed === null ? "" : answer.reason }));
}

function bandLegend() {
  const rule = data.decision.rules[chosenRule()];
  const shown = bandsOf(rule).map(({ name: words, low, high, tint }) => {
    const chip = make("span", { className: "chip" });
    chip.style.background = tint;
    return make("span", {}, chip, `${words} (rho ${signed(low, 2)} to ${signed(high, 2)})`);
  });
  $("bands").replaceChildren(...shown);
}

function whatTrainingShowed(found) {
  const chosen = data.diagnoses[state.diagnosis];
  const lines = [];
  if (chosen) {
    const wanted = { "single-task": "rul-only", "separate-models": "rul-only", compare: "rul-only-weighted" }[found.method] ?? found.method;
    const title = data.methods[wanted]?.title ?? data.decision.methods[found.method];
    const dataset = inline(chosen.dataset);
    if (!honest(chosen.dataset, wanted)) lines.push(`${dataset}: the records hold no run of ${title}.`);
    for (const method of new Set([wanted, "grace", "gaba", "baseline"])) {
      const row = honest(chosen.dataset, method);
      if (row) lines.push(`${dataset}, ${row.title}: test RMSE ${row.rmse_words}${row.to_alone ? `; against RUL alone ${row.to_alone}` : ""}.`);
    }
  }
  const prescribes = data.decision.rules[state.rule].thresholds.prescribes;
  lines.push(prescribes ? "The validity study does not bear the source's bands out (`grace validity`)." : data.decision.study);
  if (!prescribes && chosen?.elsewhere) lines.push(chosen.elsewhere);
  return lines;
}

panels.push(() => {
  bandLegend();
  const { prescribes } = data.decision.rules[state.rule].thresholds;
  const wrong = refusal(state.evidence, prescribes);
  $("refused").hidden = !wrong;
  $("refused").textContent = wrong;
  $("filled").value = state.diagnosis;
  for (const node of document.querySelectorAll("#diagnosis .source")) node.hidden = !prescribes;
  if (wrong) { clearAnswer(); return; }
  const found = decide(state.evidence, chosenRule(), data.decision);
  const title = data.decision.methods[found.method];
  $("path").replaceChildren(...(prescribes ? found.answers : []).map(answerItem));
  const reads = found.method === "compare"; // a rule that prescribes nothing says what the labels follow
  $("like").textContent = reads ? casesLike(found) : "";
  const undecided = reads ? "Undecided what the labels follow. " : "Undecided; at the mean: ";
  $("prescription").textContent = (found.decided ? (reads ? `${found.answers[1].reason}. ` : "") : undecided) + title;
  const strength = found.strength && `A recommendation that ${found.strength === "strong" ? "is strong" : "may still help"}.`;
  $("next-step").textContent = [strength, found.next_step].filter(Boolean).join(" ");
  $("showed").replaceChildren(...whatTrainingShowed(found).map(line => make("li", { textContent: line, dir: "auto" })));
});

const EPOCHS = {
  loss: run => run.unit === "cap" ? [] : series(run.losses[0]), loss_in_caps: run => run.unit === "cap" ? series(run.losses[0]) : [],
  health: run => beside(run, run.losses, name => name === "health").map(row => ({ ...row, name: null })),
  tasks: run => beside(run, run.losses, name => name !== "health"), validation: run => series(run.validation),
  weights: run => [...series(run.weights[0], "RUL"), ...beside(run, run.weights, () => true)],
  ratio: run => series(run.ratio), cosine: run => series(run.rho, "", run.rho_low, run.rho_high),
};

function beside(run, columns, wanted) { // a series a task other than RUL
  return (run.tasks ?? ["health"]).flatMap((name, i) => wanted(name) ? series(columns[i + 1], name, [], [], 0.6 / (i + 1)) : []);
}

function series(column = [], label = "", low = [], high = [], share = 1) {
  const at = Math.floor((column.length - 1) * share); // two names never in one place
  return column.map((value, epoch) => ({ epoch, value, series: label, low: low[epoch], high: high[epoch],
    name: label && epoch === at ? label : null })).filter(row => row.value !== null);
}

function engineRows(run) {
  const { engine, true: truth } = data.engines[run.engines];
  return run.rul.map((rul, i) => {
    const target = state.labels === "capped" ? Math.min(truth[i], run.cap) : truth[i];
    const half = run.widths ? run.widths[i] : run.half;
    const [low, high] = run.half === null ? [null, null] : run.low ? [run.low[i], run.high[i]]
      : [-1, 1].map(s => Math.min(Math.max(rul + s * half, 0), run.cap));
    const error = Number((rul - target).toPrecision(4));
    return { engine: engine[i], true: target, rul, low, high, error, late: error > 0 ? "late" : "early" };
  }).filter(row => row.rul !== null && row.true !== null);
}

function setOptions(select, pairs, value) {
  select.replaceChildren(...pairs.map(([key, label]) => make("option", { value: key, textContent: label })));
  select.value = value;
}

function engineWords(row, run) {
  if (!row) return "No test engines.";
  const size = Math.abs(row.error).toFixed(1);
  const range = row.low === null ? "no interval" : `${Math.round(100 * run.level)} % interval ${row.low.toFixed(0)} to ${row.high.toFixed(0)}${row.high >= run.cap ? " or more" : ""}`;
  return `Engine ${row.engine}: ${row.rul.toFixed(1)} cycles predicted, ${range}; true RUL ${row.true}${state.labels === "capped" ? " (capped)" : ""}: `
    + `${size} cycles ${row.late === "late" ? "late, which is the dangerous side" : "early"}. ▲ late, ● early.`;
}

function runPanel() {
  const run = data.runs[state.run];
  const rows = engineRows(run);
  const form = $("run").elements;
  const of = (key, rest) => [...new Set(data.runs.filter(rest).map(r => r[key]))];
  const [title, other] = [state.method, run.method].map(method => inline(data.methods[method].title));
  const instead = run.dataset === state.dataset && run.method === state.method ? ""
    : `No run of ${title} on ${inline(state.dataset)}; shown is ${other} on ${inline(run.dataset)}. `;
  setOptions(form.dataset, of("dataset", () => true).map(d => [d, d]), run.dataset);
  setOptions(form.method, of("method", r => r.dataset === run.dataset).map(m => [m, data.methods[m].title]), run.method);
  setOptions(form.seed, of("seed", r => r.dataset === run.dataset && r.method === run.method).map(s => [s, s]), run.seed);
  setOptions(form.engine, rows.map(row => [row.engine, row.engine]), state.engine);
  const figures = run.figures.honest;
  const cover = run.half === null ? "" : ` The ${Math.round(100 * run.level)} % interval is ± ${run.half} cycles${run.low || run.widths ? " on average" : ""} and held ${(100 * run.coverage).toFixed(0)} % of the test engines.`;
  const kept = run.best < 0 ? "Fitted in one go, without epochs." : `Epoch ${run.best} was kept (dotted line).`;
  $("run-words").textContent = `${instead}${kept}${figures ? ` Test RMSE ${figures[0].toFixed(2)} cycles, NASA score ${figures[1].toFixed(0)}, labels capped.` : ""}${cover}`
    + (run.told?.length ? ` On held-out engines: ${run.told.join("; ")}.` : "");
  $("engine-words").textContent = engineWords(rows.find(row => row.engine === state.engine), run);
  return rows;
}

function epochCard(name) {
  const [title, chart] = data.epochs[name];
  const host = make("div", { className: "chart" });
  const card = make("article", { className: "card" }, make("h4", { textContent: title }), host);
  $("epoch-cards").append(card);
  return async () => {
    const run = data.runs[state.run];
    const rows = EPOCHS[name](run).filter(row => row.value > 0 || chart !== "epochs_log");
    card.hidden = !rows.length;
    const signals = { kept: run.best, colour: data.methods[run.method].colour };
    if (rows.length) await draw(host, chart, `${title} over the epochs of the run`, { epochs: rows }, signals);
  };
}

function engineCard(chart, words) {
  const host = make("div", { className: "chart" });
  $("engine-cards").append(make("article", { className: "card" }, host));
  return rows => {
    const most = Math.max(1, ...rows.map(row => row.true));
    const extra = chart === "predicted" ? { diagonal: [0, most].map(at => ({ true: at, target: at })) } : {};
    return draw(host, chart, words, { engines: rows, ...extra }, { engine: state.engine }, datum => {
      if (datum.engine !== undefined) select({ engine: datum.engine });
    });
  };
}

function beginPanels() {
  setOptions($("filled"), [...data.diagnoses.map((d, i) => [i, `${d.dataset}, ${d.recipe}`]), [-1, "your own"]], state.diagnosis);
  setOptions($("wizard").elements.recipe, data.decision.recipes.map(recipe => [recipe, recipe]), "joint");
  state.evidence = { rho: 0.1, low: 0.02, high: 0.18, inits: 8, ratio: 500, near_failure_share: 0.15, conditions: 1, tasks: 2, recipe: "joint", reliable: true };
  fill(state.diagnosis);
  $("filled").addEventListener("change", () => diagnosed(Number($("filled").value)));
  $("wizard").addEventListener("input", event => { if (event.target.name && event.target.name !== "rule") typed(event.target); });
  $("wizard").addEventListener("change", event => {
    if (event.target.name === "rule") { state.rule = event.target.value; render(); }
  });
  for (const form of [$("wizard"), $("run"), $("views")]) form.addEventListener("submit", event => event.preventDefault());
  const charts = Object.keys(EPOCHS).map(epochCard);
  const engines = [engineCard("predicted", "predicted against true RUL"), engineCard("errors", "error against true RUL")];
  panels.push(async () => {
    const rows = runPanel();
    await Promise.all([...charts.map(chart => chart()), ...engines.map(engine => engine(rows))]);
  });
  $("run").addEventListener("change", event => {
    const { dataset, method, seed, engine } = $("run").elements;
    if (event.target === engine) return select({ engine: Number(engine.value) });
    select({ dataset: dataset.value, method: method.value, seed: Number(seed.value) });
  });
}

begin();
beginPanels();
beginSelection();
state.drawing = false;
await render();
if (state.panel) go(state.panel, "instant");
