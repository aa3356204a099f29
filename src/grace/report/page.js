// The page: one state, one function a panel that draws it. Names come from files, so they are set as text, never as markup.
const $ = id => document.getElementById(id);

async function unpacked(text) { // base64 of zlib's stream of JSON, see page.py
  const bytes = Uint8Array.from(atob(text), letter => letter.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"))).json();
}

const data = await unpacked($("data").textContent);
globalThis.graceData = data; // for the console
const state = {
  dataset: "", method: "", reference: "", seed: 0, engine: -1, panel: "", // the selection, see address.js; no reference: the default
  shown: new Set(data.datasets), whose: "ours", protocol: "honest", labels: "capped", seeds: false,
  comparison: "differences", first: "", // first: a mark of the trade-off that was clicked, and may be compared with a second
  price: data.prices.indexOf(10), rule: "study", diagnosis: data.diagnoses.length ? 0 : -1, evidence: null, run: 0,
  drawing: true, stale: false, // true until everything is set up
};
const panels = [];
const views = new Map();
const drawnAs = new Map();

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
  if (!host.getClientRects().length) return; // of a panel that is not looked at, which has no width
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
  const now = JSON.stringify([rows, signals, host.clientWidth]);
  if (drawnAs.get(host) === now) return; // a slider that moves one panel leaves the others as they are
  drawnAs.set(host, now);
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
      card.hidden = !isShown(dataset);
      card.classList.toggle("selected", dataset === state.dataset);
      return card.hidden ? null : drawing();
    });
  });
}

const isShown = dataset => narrow.matches ? dataset === state.dataset : state.shown.has(dataset);

// what all rows of points have in common is said once, here
for (const [whose, rows] of Object.entries({ ours: data.points, published: data.published })) {
  for (const row of rows) {
    Object.assign(row, data.methods[row.method], { whose, score_words: row.score_interval });
    row.rmse_words = row.engines ? `${row.rmse_interval}, SE over engines ${row.engines}` : row.rmse_interval;
  }
}

const viewName = () => state.protocol === "source" ? "source" : state.labels === "capped" ? "honest" : "honest-uncapped";
const ours = (dataset, view = viewName()) => data.points.filter(p => p.dataset === dataset && p.view === view);
const theirs = dataset => data.published.filter(p => p.dataset === dataset);
const byOrder = rows => Object.keys(data.methods).flatMap(method => rows.filter(row => row.method === method));

const trained = dataset => data.points.some(point => point.dataset === dataset);

function intervalOf({ mean, low, high }, digits) {
  const text = value => `${value > 0 ? "+" : value < 0 ? "-" : ""}${Math.abs(value).toFixed(digits)}`;
  return low === undefined ? text(mean) : `${text(mean)} [${text(low)}, ${text(high)}]`;
}

function scaleOf(rowsOf) { // one for all data sets that are shown, with 0 in it
  const ends = data.datasets.filter(isShown).flatMap(rowsOf)
    .flatMap(row => [row.mean, row.low ?? row.mean, row.high ?? row.mean]);
  const [least, most] = [Math.min(0, ...ends), Math.max(0, ...ends)];
  const margin = 0.04 * (most - least || 1);
  return { least: least - margin, most: most + margin };
}

panels.push(() => {
  const uncapped = state.protocol === "source";
  for (const input of $("labels").querySelectorAll("input")) input.disabled = uncapped;
  const absolute = state.comparison === "tradeoff";
  for (const id of ["whose", "seeds", "tradeoff-words"]) $(id).hidden = !absolute;
  $("differences-words").hidden = absolute;
  const select = $("against").querySelector("select");
  select.options[0].textContent = absolute && data.points.some(row => row.method === "baseline") ? "Baseline" : "what is advised";
  select.value = state.reference;
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
    tabs(); // first: what is not looked at is not drawn
    await Promise.all(panels.map(panel => panel()));
  }
  state.drawing = false;
  document.body.setAttribute("aria-busy", "false");
  document.dispatchEvent(new Event("drawn"));
}

const settled = () => state.drawing ? new Promise(done => document.addEventListener("drawn", done, { once: true })) : Promise.resolve();

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
  const toPrice = place => { state.price = place; render(); };
  $("prices").append(...[1, 3, 10, 30, 100].map(price => [data.prices.indexOf(price), price]).map(([place, price]) =>
    make("button", { type: "button", value: place, textContent: price === 1 ? "the same" : `${price} times`, onclick: () => toPrice(place) })));
  $("price").max = data.prices.length - 1;
  $("price").addEventListener("input", () => toPrice(Number($("price").value)));
  $("views").addEventListener("change", () => {
    const form = new FormData($("views"));
    Object.assign(state, { whose: form.get("whose"), protocol: form.get("protocol"), seeds: form.has("seeds") });
    Object.assign(state, { comparison: form.get("comparison"), first: "" });
    state.labels = form.get("labels") ?? state.labels;
    state.shown = new Set(form.getAll("dataset"));
    select({ reference: form.get("reference") });
  });
  const known = new Set(data.points.map(point => point.method));
  $("against").querySelector("select").append(make("option", { value: "", textContent: "what is advised" }),
    ...Object.keys(data.methods).filter(method => known.has(method)).map(method =>
      make("option", { value: method, textContent: data.methods[method].title })));
}
