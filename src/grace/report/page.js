// The page: one state, one function a panel that draws it. Names come from files, so they are set as text, never as markup.
const $ = id => document.getElementById(id);
const data = JSON.parse($("data").textContent);
const state = {
  shown: new Set(data.datasets), whose: "ours", protocol: "honest", labels: "capped", seeds: false,
  comparison: "differences", reference: "", // none: what is advised on each data set
  method: "", price: data.prices.indexOf(10), rule: "study", diagnosis: data.diagnoses.length ? 0 : -1, evidence: null, run: 0, engine: -1,
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

function shownPoints(dataset) {
  if (state.comparison === "differences") return byOrder(ours(dataset));
  return byOrder([...(state.whose === "published" ? [] : ours(dataset)), ...(state.whose === "ours" ? [] : theirs(dataset))]);
}

function seedPoints(dataset) {
  if (!state.seeds || state.whose === "published") return [];
  return data.runs.filter(run => run.dataset === dataset && run.figures[viewName()]).map(run => {
    const [rmse, score] = run.figures[viewName()];
    return { method: run.method, ...data.methods[run.method], seed: run.seed, rmse, score };
  });
}

function choose(method, dataset) {
  state.method = method;
  $("status").textContent = `${inline(dataset)}: ${differences(dataset).join(" ")}`;
  render();
}

function differences(dataset) {
  const title = inline(data.methods[state.method].title);
  const lines = state.comparison === "differences" || state.whose !== "published" ? differencesTo(dataset, title) : [];
  const published = theirs(dataset).find(p => p.method === state.method);
  const other = theirs(dataset).find(p => p.method === reference(dataset));
  if (state.comparison === "tradeoff" && state.whose !== "ours") {
    lines.push(!published ? `Nothing published of ${title} here.` : `Published: ${title} RMSE ${published.rmse_words}, score ${published.score_words}`
      + (other && other !== published ? `; ${inline(other.title)} RMSE ${other.rmse_words}, score ${other.score_words}.` : "."));
  }
  return lines;
}

const answer = dataset => data.answers.find(found => found.dataset === dataset);
const reference = dataset => state.reference || (state.comparison === "tradeoff" ? "baseline" : answer(dataset)?.method) || "baseline";
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

function scaleOf(rowsOf) { // one for all data sets that are shown, with 0 in it
  const ends = data.datasets.filter(dataset => state.shown.has(dataset)).flatMap(rowsOf)
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

const TOLD = { lower: "measurably lower", higher: "measurably higher", unclear: "no measurable difference" };

function told({ low, high, verdict }) { // adjusted; what its own interval alone would say is not kept back
  const own = low > 0 || high < 0;
  return verdict === "unclear" && own ? "not measurable after Benjamini-Hochberg, though its own interval leaves out 0"
    : verdict === "unclear" && low === undefined ? "one seed tells nothing of the noise" : TOLD[verdict];
}

function differencesTo(dataset, title) { // the chosen method against the reference, in words
  const to = inline(data.methods[reference(dataset)]?.title ?? "none");
  const row = ours(dataset).find(p => p.method === state.method);
  if (!row) return [`No run of ${title} here that holds these figures.`];
  const own = `RMSE ${row.rmse_words}; NASA score ${row.score_words}.`;
  if (state.method === reference(dataset)) return [`${title} is the reference here: ${own}`];
  const [rmse, score] = Object.keys(FIGURES).map(figure => paired(dataset, figure).find(one => one.method === state.method));
  if (!rmse) return [`${title}: ${own} No seed in common with ${to}.`];
  return [`${title} minus ${to}: RMSE ${rmse.words} cycles (${told(rmse)}); NASA score ${score.words} (${told(score)}); ${rmse.n} seeds.`, `${title}: ${own}`];
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
        { differences: paired(dataset, figure) }, { selected: state.method, ...scaleOf(one => paired(one, figure)) }, datum => datum.method && choose(datum.method, dataset))));
      return;
    }
    const rows = { points: shownPoints(dataset), seeds: seedPoints(dataset) };
    await draw(host, "pareto", `${dataset}: RMSE against NASA score by method; the list below holds the same figures`, rows,
      { selected: state.method }, datum => datum.method && choose(datum.method, dataset));
  };
});

// The cost at the slider's price of a cycle late, as grace.report.cost has computed it at each of its positions.
const GROUPS = { "tied best": "1=", worse: "<", "too few seeds in common": "?" };
const costs = dataset => data.costs[viewName()]?.[dataset] ?? {};
const standing = cost => (cost.marks ??= cost.standing.split(",").map(run => run[0].repeat(run.slice(1))).join(""))[state.price];
const money = value => value.toFixed(data.prices[state.price] < data.many ? 2 : 0);

function costRows(dataset) {
  const of = costs(dataset), price = data.prices[state.price];
  const at = ([early, late]) => early + price * late;
  return Object.keys(data.methods).filter(method => of[method]).map(method => {
    const [, ...line] = of[method].lines.findLast(([place]) => place <= state.price);
    const [half, mark] = [of[method].half[state.price], standing(of[method])];
    const mean = line[0] === null ? null : at(line);
    const ends = half === null || mark === "1" ? {} : { low: mean - half, high: mean + half };
    const verdict = { 1: "reference", "<": "higher" }[mark] ?? "unclear";
    const words = mark === "1" ? "the least" : mean === null ? "no seed in common" : intervalOf({ mean, ...ends }, price < data.many ? 2 : 0);
    return { method, title: data.methods[method].title, mean, ...ends, mark, verdict, words, cost: at(of[method].cycles) };
  }).sort((a, b) => a.cost - b.cost);
}

function costTable(dataset, rows) {
  const head = make("tr", {}, ...["method", "cost an engine", "minus the least [95\u00a0%]"].map(text => make("th", { scope: "col", textContent: text })));
  const bodies = Object.entries(GROUPS).map(([words, marks]) => [words, rows.filter(row => marks.includes(row.mark))]).filter(([, some]) => some.length);
  return make("table", {}, make("thead", {}, head), ...bodies.map(([words, some]) => make("tbody", {},
    make("tr", {}, make("th", { scope: "rowgroup", colSpan: 3, className: "group", textContent: `${words} (${some.length})` })),
    ...some.map(row => make("tr", { className: row.method === state.method ? "chosen" : "" },
      make("td", {}, make("span", { className: "who" }, swatch(row.method), name(row.title))), make("td", { textContent: money(row.cost) }),
      make("td", { textContent: row.words.replace(", ", ",\u00a0"), className: row.verdict }))))));
}

cards("cost-cards", trained, (card, dataset) => {
  const host = make("div", { className: "chart" });
  const list = make("div", { className: "scroll" });
  const none = make("p", { className: "note", textContent: "The records keep no predictions of the epoch that the test set chose." });
  card.append(host, list, none);
  return async () => {
    const rows = costRows(dataset);
    list.replaceChildren(costTable(dataset, rows));
    for (const node of [host, list]) node.hidden = !rows.length;
    none.hidden = rows.length > 0;
    if (rows.length) await draw(host, "cost", `${dataset}: cost of each method minus the least; the list below holds the same figures`,
      { differences: rows.filter(row => row.mean !== null) }, { selected: state.method, ...scaleOf(costRows) }, datum => datum.method && choose(datum.method, dataset));
  };
});

panels.push(() => {
  const price = data.prices[state.price];
  const times = price < 1 ? `A cycle early costs ${(1 / price).toPrecision(2)} times a cycle late.` : price === 1 ? "A cycle late costs as much as a cycle early."
    : `A cycle late costs ${price} times a cycle early.`;
  $("price").value = state.price;
  $("price").setAttribute("aria-valuetext", times);
  $("price-words").textContent = times;
  const marks = Object.keys(data.costs[viewName()] ?? {}).flatMap(dataset => costRows(dataset).map(row => row.mark));
  $("tie-words").textContent = `${marks.filter(mark => "=<".includes(mark)).length} differences to the least looked at, all data sets: `
    + `${marks.filter(mark => mark === "<").length} measurably worse after Benjamini-Hochberg at 5\u00a0%.`;
  for (const button of $("prices").children) button.setAttribute("aria-pressed", Number(button.value) === state.price);
  const uncapped = state.protocol === "source";
  for (const input of $("labels").querySelectorAll("input")) input.disabled = uncapped;
  const absolute = state.comparison === "tradeoff";
  for (const id of ["whose", "seeds", "tradeoff-words"]) $(id).hidden = !absolute;
  for (const id of ["against", "differences-words"]) $(id).hidden = absolute;
  const words = [
    state.protocol === "source" ? "Best epoch chosen on the test set, as the source does: optimistic, and its labels are capped." : "",
    absolute && state.whose !== "ours" && state.protocol === "honest" ? "The published figures were chosen on the test set; ours here were not." : "",
    absolute && state.whose !== "ours" && viewName() === "honest-uncapped" ? "The source does not say that its labels are uncapped." : "",
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
  const toPrice = place => { state.price = place; render(); };
  $("prices").append(...[1, 3, 10, 30, 100].map(price => [data.prices.indexOf(price), price]).map(([place, price]) =>
    make("button", { type: "button", value: place, textContent: price === 1 ? "the same" : `${price} times`, onclick: () => toPrice(place) })));
  $("price").max = data.prices.length - 1;
  $("price").addEventListener("input", () => toPrice(Number($("price").value)));
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
