// The page: one state, one function a panel that draws it. Names come from files, so they are set as text, never as markup.
const $ = id => document.getElementById(id);

async function unpacked(text) { // base64 of zlib's stream of JSON, see page.py
  const bytes = Uint8Array.from(atob(text), letter => letter.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"))).json();
}

const data = await unpacked($("data").textContent);
globalThis.graceData = data; // for the console
const state = {
  shown: new Set(data.datasets), whose: "ours", protocol: "honest", labels: "capped", seeds: false,
  comparison: "differences", reference: "", // none: what is advised on each data set
  method: "", w: 0.91, rule: "study", diagnosis: data.diagnoses.length ? 0 : -1, evidence: null, run: 0, engine: -1,
  drawing: true, stale: false, // true until everything is set up
};
const panels = [];
const views = new Map();

function make(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

function name(text) { // names from files keep their own direction of writing
  return make("bdi", { textContent: text });
}

function inline(text) { // the same inside a sentence: isolated where it could turn the rest around
  return /^[\x20-\x7e]*$/.test(text) ? text : `\u2068${text.replaceAll("\u2069", "")}\u2069`;
}

function swatch(method, hollow = false) {
  const { colour, shape } = data.methods[method];
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  svg.setAttribute("viewBox", "-1.6 -1.6 3.2 3.2");
  svg.setAttribute("class", "swatch");
  svg.setAttribute("aria-hidden", "true");
  path.setAttribute("d", shape);
  path.style.fill = hollow ? "none" : colour;
  if (hollow) Object.assign(path.style, { stroke: colour, strokeWidth: 0.35 });
  svg.append(path);
  return svg;
}

async function draw(host, chart, words, rows, signals = {}, onClick = null) {
  if (!views.has(host)) {
    const spec = { ...data.specs[chart], description: words, config: data.config, datasets: rows };
    // ast: expressions are interpreted, as the page's policy forbids to make code of text; 1: errors, not notes on empty data
    const options = { actions: false, renderer: "svg", ast: true, defaultStyle: false, logLevel: 1, tooltip: { theme: "custom" } };
    const { view } = await vegaEmbed(host, spec, options);
    if (onClick) view.addEventListener("click", (event, item) => item?.datum && onClick(item.datum));
    host.setAttribute("role", "img"); // one picture with a name, not a tree of nameless marks
    host.querySelector("svg").setAttribute("aria-hidden", "true");
    views.set(host, view);
  }
  const view = views.get(host);
  for (const [source, values] of Object.entries(rows)) view.data(source, values);
  for (const [signal, value] of Object.entries(signals)) view.signal(signal, value);
  await view.resize().runAsync();
}

// A card in `where` for each data set that `has` something; `fill(card, dataset, index)` builds it and returns what draws it.
function cards(where, has, fill) {
  data.datasets.forEach((dataset, index) => {
    if (!has(dataset)) return;
    const card = make("article", { className: "card" }, make("h3", {}, name(dataset)));
    const drawing = fill(card, dataset, index);
    $(where).append(card);
    panels.push(() => {
      card.hidden = !state.shown.has(dataset);
      return card.hidden ? null : drawing();
    });
  });
}

const viewName = () => state.protocol === "source" ? "source" : state.labels === "capped" ? "honest" : "honest-uncapped";
const ours = (dataset, view = viewName()) => data.points.filter(p => p.dataset === dataset && p.view === view);
const theirs = dataset => data.published.filter(p => p.dataset === dataset);
const byOrder = rows => Object.keys(data.methods).flatMap(method => rows.filter(row => row.method === method));

function shownPoints(dataset) {
  if (state.comparison === "differences") return byOrder(ours(dataset));
  return byOrder([...(state.whose === "published" ? [] : ours(dataset)), ...(state.whose === "ours" ? [] : theirs(dataset))]);
}

const MOST_SEEDS = 200; // dots of a card; more are a cloud that nobody can read, and slow: those of the chosen method then

function runsWithFigures(dataset) {
  return data.runs.filter(run => run.dataset === dataset && run.figures[viewName()]);
}

function seedPoints(dataset) {
  if (!state.seeds || state.whose === "published") return [];
  const every = runsWithFigures(dataset);
  const runs = every.length > MOST_SEEDS ? every.filter(run => run.method === state.method) : every;
  return runs.map(run => {
    const [rmse, score] = run.figures[viewName()];
    return { method: run.method, title: data.methods[run.method].title, seed: run.seed, rmse, score };
  });
}

function choose(method, dataset) {
  state.method = method;
  $("status").textContent = `${inline(dataset)}: ${differences(dataset).join(" ")}`;
  render();
}

function differences(dataset) {
  const title = inline(data.methods[state.method].title);
  const lines = [];
  if (state.comparison === "differences") return differencesTo(dataset, title);
  const row = ours(dataset).find(p => p.method === state.method);
  const published = theirs(dataset).find(p => p.method === state.method);
  const reference = theirs(dataset).find(p => p.method === "baseline");
  if (state.whose !== "published") {
    if (row) lines.push(`${title}: RMSE ${row.rmse_words}; NASA score ${row.score_words}.`);
    lines.push(!row ? `No run of ${title} here that holds these figures.`
      : row.to_baseline ? `${title} to Baseline: ${row.to_baseline.join("; ")}.`
        : state.method === "baseline" ? "Baseline, which the others are compared with." : `${title}: no seed in common with Baseline.`);
  }
  if (state.whose !== "ours" && published) {
    const words = !reference || published === reference ? ""
      : ` to Baseline's ${reference.rmse_words} and ${reference.score_words}, of unknown noise`;
    lines.push(`Published: ${title} RMSE ${published.rmse_words}, score ${published.score_words}${words}.`);
  }
  return lines.length ? lines : [`Nothing published of ${title} here that holds both figures.`];
}

const answer = dataset => data.answers.find(found => found.dataset === dataset);
const reference = dataset => state.reference || answer(dataset)?.method || "baseline";
const FIGURES = { rmse: 2, score: 0 };

// Paired differences of a data set to its reference, of one figure: the reference itself is a row at 0.
function paired(dataset, figure) {
  const place = Object.keys(FIGURES).indexOf(figure);
  return byOrder(ours(dataset)).flatMap(({ method, title }) => {
    if (method === reference(dataset)) return [{ method, title, mean: 0, verdict: "reference", words: "the reference" }];
    const found = difference(dataset, method, place);
    return found ? [{ method, title, ...found, words: intervalOf(found, FIGURES[figure]) }] : [];
  });
}

const VERDICTS = { l: "lower", h: "higher", u: "unclear" };

function difference(dataset, method, place) { // each two methods are held once, in one direction
  const of = data.differences[viewName()]?.[dataset] ?? {}, to = reference(dataset);
  const [mean, low, high, n, verdict] = of[method]?.[to]?.[place] ?? [];
  if (n) return { mean, low: low ?? undefined, high: high ?? undefined, n, verdict: VERDICTS[verdict] };
  const [other, least, most, seeds, , turned] = of[to]?.[method]?.[place] ?? [];
  if (!seeds) return null;
  const ends = least === null ? {} : { low: -most, high: -least };
  return { mean: -other, ...ends, n: seeds, verdict: VERDICTS[turned] };
}

function intervalOf({ mean, low, high }, digits) {
  const text = value => `${value > 0 ? "+" : value < 0 ? "-" : ""}${Math.abs(value).toFixed(digits)}`;
  return low === undefined ? text(mean) : `${text(mean)} [${text(low)}, ${text(high)}]`;
}

function scaleOf(figure) { // one for all data sets that are shown, with 0 in it
  const ends = data.datasets.filter(dataset => state.shown.has(dataset)).flatMap(dataset => paired(dataset, figure))
    .flatMap(row => [row.mean, row.low ?? row.mean, row.high ?? row.mean]);
  const [least, most] = [Math.min(0, ...ends), Math.max(0, ...ends)];
  const margin = 0.04 * (most - least || 1);
  return { least: least - margin, most: most + margin };
}

function cellsOf(row, dataset) {
  if (state.comparison === "tradeoff") return ["rmse_interval", "engines", "score_interval"].map(key => [row[key], ""]);
  return Object.keys(FIGURES).map(figure => {
    const found = paired(dataset, figure).find(one => one.method === row.method);
    return found ? [found.words, found.verdict] : ["no seed in common", ""];
  });
}

function methodTable(card, dataset, index) {
  const body = make("tbody");
  const head = make("tr");
  const titles = { tradeoff: ["method", "RMSE [95\u00a0%]", "SE", "score [95\u00a0%]"], differences: ["method", "RMSE, difference", "score, difference"] };
  card.append(make("div", { className: "scroll" }, make("table", {}, make("thead", {}, head), body)));
  let built = "";
  return () => {
    const rows = shownPoints(dataset);
    const now = [viewName(), state.whose, state.comparison, reference(dataset)].join();
    if (built !== now) { // else the focus would be lost
      built = now;
      head.replaceChildren(...titles[state.comparison].map(text => make("th", { scope: "col", textContent: text })));
      body.replaceChildren(...rows.map(row => {
        const input = make("input", { type: "radio", name: `method-${index}`, value: `${row.method}` });
        input.addEventListener("change", () => choose(row.method, dataset));
        const notes = [row.whose === "published" ? "published" : "", row.frontier && state.comparison === "tradeoff" ? "frontier" : ""].filter(Boolean).join(", ");
        const label = make("label", {}, input, swatch(row.method, row.whose === "published"), make("span", {}, name(row.title), " ", make("small", { textContent: notes })));
        const cells = cellsOf(row, dataset).map(([text, verdict]) => make("td", { textContent: text.replace(", ", ",\u00a0"), className: verdict }));
        return make("tr", {}, make("td", {}, label), ...cells);
      }));
    }
    const inputs = [...body.querySelectorAll("input")];
    for (const input of inputs) input.closest("tr").classList.toggle("chosen", input.value === state.method);
    const mine = inputs.filter(input => input.value === state.method); // two where ours and theirs are shown
    if (!mine.some(input => input.checked)) inputs.forEach(input => { input.checked = input === mine[0]; });
  };
}

function differencesTo(dataset, title) { // the chosen method against the reference, in words
  const to = inline(data.methods[reference(dataset)]?.title ?? "none");
  const row = ours(dataset).find(p => p.method === state.method);
  if (!row) return [`No run of ${title} here that holds these figures.`];
  if (state.method === reference(dataset)) return [`${title} is the reference here: RMSE ${row.rmse_words}; NASA score ${row.score_words}.`];
  const [rmse, score] = Object.keys(FIGURES).map(figure => paired(dataset, figure).find(one => one.method === state.method));
  if (!rmse) return [`${title}: no seed in common with ${to}.`];
  const told = { lower: "measurably lower", higher: "measurably higher", unclear: "no measurable difference" };
  return [`${title} minus ${to}: RMSE ${rmse.words} cycles (${told[rmse.verdict]}); NASA score ${score.words} (${told[score.verdict]}); ${rmse.n} seeds.`];
}

const trained = dataset => data.points.some(point => point.dataset === dataset);

cards("pareto-cards", trained, (card, dataset, index) => {
  const host = make("div", { className: "chart" });
  const hosts = Object.keys(FIGURES).map(figure => [figure, make("div", { className: "chart" })]);
  const pair = make("div", { className: "pair" }, ...hosts.map(([, one]) => one));
  const detail = make("p", { className: "detail" });
  const slot = make("div"); // holds what is shown alone
  card.append(slot);
  const listed = methodTable(card, dataset, index);
  card.append(detail);
  return async () => {
    listed();
    const compared = state.comparison === "differences";
    if (slot.firstChild !== (compared ? pair : host)) slot.replaceChildren(compared ? pair : host);
    detail.replaceChildren(...differences(dataset).map(line => make("span", { textContent: line, dir: "auto" })));
    if (compared) {
      await Promise.all(hosts.map(([figure, one]) => draw(one, `${figure}_differences`,
        `${dataset}: ${figure} of each method minus that of ${inline(data.methods[reference(dataset)]?.title ?? "none")}; the list below holds the same figures`,
        { differences: paired(dataset, figure) }, { selected: state.method, ...scaleOf(figure) }, datum => datum.method && choose(datum.method, dataset))));
      return;
    }
    const rows = { points: shownPoints(dataset), seeds: seedPoints(dataset) };
    await draw(host, "pareto", `${dataset}: RMSE against NASA score by method; the list below holds the same figures`, rows,
      { selected: state.method }, datum => datum.method && choose(datum.method, dataset));
  };
});

// J(w): both figures on a scale from 0 (least of the data set's methods) to 1 (largest).
const J = (row, w) => w * row.share[1] + (1 - w) * row.share[0];

// How a row stands at w, as grace.report.standing has computed it; what is not named here is the first, or told from it.
const MARKS = {
  "?": ["≈", "one seed in common with the first, or none: it cannot be told from it"],
  "=": ["≈", "cannot be told from the first"],
  "~": ["(≈)", "told from the first by its own interval, but not after Benjamini-Hochberg"],
};
const standing = new Map(data.points.map(row => [row, row.standing.split(",").map(run => run[0].repeat(run.slice(1))).join("")]));
const stands = row => standing.get(row)[Math.round(100 * state.w)];

cards("cost-cards", trained, (card, dataset) => {
  const host = make("div", { className: "chart" });
  const list = make("ol", { className: "ranking" });
  card.append(host, list);
  return async () => {
    const ranked = byOrder(ours(dataset)).sort((a, b) => J(a, state.w) - J(b, state.w));
    list.replaceChildren(...ranked.map(row => {
      const bar = make("span", { className: "bar" }, make("span"));
      bar.firstChild.style.inlineSize = `${100 * J(row, state.w)}%`;
      bar.firstChild.style.background = data.methods[row.method].colour;
      const [tie, title] = MARKS[stands(row)] ?? ["", ""];
      const item = make("li", {}, swatch(row.method), name(row.title), bar,
        make("span", { className: "tie", textContent: tie, title }),
        make("span", { className: "figure", textContent: J(row, state.w).toFixed(2) }));
      item.classList.toggle("chosen", row.method === state.method);
      return item;
    }));
    const lines = ranked.flatMap(row => [0, 1].map(w => ({ method: row.method, title: row.title, w, j: J(row, w) })));
    await draw(host, "cost", `${dataset}: J of each method against w; the list below ranks them at the chosen w`, { lines },
      { w: state.w, selected: state.method });
  };
});

panels.push(() => {
  const ratio = state.w / (1 - state.w);
  $("w").value = state.w;
  $("w").setAttribute("aria-valuetext", `${state.w}`);
  $("w-words").textContent = state.w === 1 ? "w = 1: only late failures cost." : state.w === 0 ? "w = 0: the score does not count."
    : `w = ${state.w.toFixed(2)}: a late failure costs ${ratio < 10 ? ratio.toFixed(1) : Math.round(ratio)} times an early one.`;
  const marks = data.points.filter(p => p.view === viewName()).map(stands);
  const [own, left] = ["~<", "<"].map(kind => marks.filter(mark => kind.includes(mark)).length);
  $("tie-words").textContent = `${marks.filter(mark => "=~<".includes(mark)).length} differences to the first looked at, all data sets: ${own} beyond noise, `
    + `${left} after Benjamini-Hochberg at 5\u00a0%.`;
  for (const button of $("regimes").children) button.setAttribute("aria-pressed", Number(button.value) === state.w);
  const uncapped = state.protocol === "source";
  for (const input of $("labels").querySelectorAll("input")) input.disabled = uncapped;
  const absolute = state.comparison === "tradeoff";
  for (const id of ["whose", "seeds", "tradeoff-words"]) $(id).hidden = !absolute;
  for (const id of ["against", "differences-words"]) $(id).hidden = absolute;
  const words = [
    state.protocol === "source" ? "Best epoch chosen on the test set, as the source does: optimistic, and its labels are capped." : "",
    absolute && state.whose !== "ours" && state.protocol === "honest" ? "The published figures were chosen on the test set; ours here were not." : "",
    absolute && state.whose !== "ours" && viewName() === "honest-uncapped" ? "The source does not say that its labels are uncapped." : "",
    absolute && state.seeds && data.datasets.some(dataset => runsWithFigures(dataset).length > MOST_SEEDS) ? "Each seed is shown of the chosen method." : "",
  ].filter(Boolean).join(" ");
  $("caution").hidden = !words;
  $("caution").textContent = words;
});

async function render() { // one drawing at a time; what changes meanwhile is drawn next
  state.stale = true;
  if (state.drawing) return;
  state.drawing = true;
  document.body.setAttribute("aria-busy", "true");
  while (state.stale) {
    state.stale = false;
    await Promise.all(panels.map(panel => panel()));
  }
  state.drawing = false;
  document.body.setAttribute("aria-busy", "false");
}

function begin() {
  const dark = $("theme");
  const setTheme = on => {
    document.documentElement.style.colorScheme = on ? "dark" : "light";
    dark.setAttribute("aria-pressed", on);
  };
  setTheme(matchMedia("(prefers-color-scheme: dark)").matches);
  dark.addEventListener("click", () => setTheme(dark.getAttribute("aria-pressed") !== "true"));
  $("answers").hidden = !data.answers.length;
  document.querySelector('nav a[href="#answers"]').hidden = !data.answers.length;
  const roomy = matchMedia("(min-width: 40rem)").matches; // on a phone all answers stand on the first screen, their reasons folded
  $("answer-cards").append(...data.answers.map(answer => make("details", { className: "card answer", open: roomy },
    make("summary", {}, make("h3", {}, name(answer.dataset)), make("span", { className: "big", textContent: answer.headline, dir: "auto" }),
      make("span", { className: "brief", textContent: answer.brief, dir: "auto" })),
    make("p", { textContent: answer.sure, dir: "auto" }),
    make("p", { className: "note", textContent: answer.evidence, dir: "auto" }),
    make("p", { className: "note", textContent: answer.by_score, dir: "auto", hidden: !answer.by_score }), make("pre", { textContent: answer.command }))));
  $("scope").textContent = data.scope;
  $("summary").append(...data.summary.map(line => make("li", { textContent: line, dir: "auto" })));
  $("version").textContent = data.version;
  $("left-out").hidden = !data.left_out.length;
  $("left-out").querySelector("ul").append(...data.left_out.map(item => make("li", {}, name(item.name), ": ", name(item.reason))));
  $("datasets").append(...data.datasets.map(dataset =>
    make("label", {}, make("input", { type: "checkbox", name: "dataset", value: dataset, checked: true }), " ", name(dataset))));
  $("regimes").append(...Object.entries(data.regimes).map(([label, w]) =>
    make("button", { type: "button", value: w, textContent: `${label} ${w}`, onclick: () => { state.w = w; render(); } })));
  $("w").addEventListener("input", () => { state.w = Number($("w").value); render(); });
  $("views").addEventListener("change", () => {
    const form = new FormData($("views"));
    Object.assign(state, { whose: form.get("whose"), protocol: form.get("protocol"), seeds: form.has("seeds") });
    Object.assign(state, { comparison: form.get("comparison"), reference: form.get("reference") });
    state.labels = form.get("labels") ?? state.labels;
    state.shown = new Set(form.getAll("dataset"));
    render();
  });
  const known = new Set(data.points.map(point => point.method));
  $("against").querySelector("select").append(make("option", { value: "", textContent: "what is advised" }),
    ...Object.keys(data.methods).filter(method => known.has(method)).map(method =>
      make("option", { value: method, textContent: data.methods[method].title })));
  state.method = ["grace", ...known, "baseline"].find(method => known.has(method)) ?? "baseline";
}
