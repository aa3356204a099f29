// The comparison of methods: paired differences, or the trade-off; page.js holds what the panels share.
function shownPoints(dataset) {
  if (state.comparison === "differences") return byOrder(ours(dataset));
  return byOrder([...(state.whose === "published" ? [] : ours(dataset)), ...(state.whose === "ours" ? [] : theirs(dataset))]);
}

// The chosen method and its reference in the trade-off, where both have both figures: ours, or published where those alone are shown.
function pairOf(dataset) {
  const rows = state.whose === "published" ? theirs(dataset) : ours(dataset);
  const [chosen, other] = [state.method, reference(dataset)].map(method => rows.find(row => row.method === method && "rmse" in row && "score" in row));
  return [...(other ? [{ ...other, chosen: false }] : []), ...(chosen && chosen !== other ? [{ ...chosen, chosen: true }] : [])];
}

function clicked(method, dataset) { // the first mark is compared with Baseline, a second one with the first
  const second = state.first && state.first !== method;
  const other = second ? state.first : "";
  state.first = second ? "" : method;
  choose(method, dataset, { reference: other });
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
    return { method: run.method, ...data.methods[run.method], seed: run.seed, rmse, score };
  });
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

function reference(dataset) { // by default Baseline in the trade-off, and else what is advised
  const has = method => ours(dataset).some(row => row.method === method);
  return state.reference || (state.comparison === "tradeoff" && has("baseline") ? "baseline" : answer(dataset)?.method) || "baseline";
}

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

function cellsOf(row, dataset) {
  if (state.comparison === "tradeoff") return ["rmse_interval", "engines", "score_interval"].map(key => [row[key], row[key].startsWith("not given") ? "lacking" : key]);
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
      head.replaceChildren(...titles[state.comparison].map(text => make("th", { scope: "col", textContent: text, className: text === "SE" ? "engines" : "" })));
      body.replaceChildren(...rows.map(row => {
        const input = make("input", { type: "radio", name: `method-${index}`, value: `${row.method}` });
        input.addEventListener("change", () => { state.first = ""; choose(row.method, dataset); });
        const notes = [row.whose === "published" ? "published" : "", state.comparison === "tradeoff" && row.frontier ? "frontier" : "", state.comparison === "tradeoff" && row.method === reference(dataset) ? "reference" : ""].filter(Boolean).join(", ");
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

cards("pareto-charts", trained, (card, dataset) => {
  const host = make("div", { className: "chart" });
  const hosts = Object.keys(FIGURES).map(figure => [figure, make("div", { className: "chart" })]);
  const pair = make("div", { className: "pair" }, ...hosts.map(([, one]) => one));
  const detail = make("p", { className: "detail" });
  const slot = make("div"); // holds what is shown alone
  card.append(slot, detail);
  return async () => {
    const compared = state.comparison === "differences";
    if (slot.firstChild !== (compared ? pair : host)) slot.replaceChildren(compared ? pair : host);
    detail.replaceChildren(...differences(dataset).map(line => make("span", { textContent: line, dir: "auto" })));
    if (compared) {
      await Promise.all(hosts.map(([figure, one]) => draw(one, `${figure}_differences`,
        `${dataset}: ${figure} of each method minus that of ${inline(data.methods[reference(dataset)]?.title ?? "none")}; the list below holds the same figures`,
        { differences: paired(dataset, figure) }, { selected: state.method, ...scaleOf(one => paired(one, figure)) }, datum => datum.method && choose(datum.method, dataset))));
      return;
    }
    const names = pairOf(dataset);
    const points = shownPoints(dataset).sort((a, b) => (a.method === state.method) - (b.method === state.method)); // the chosen one on top
    const rows = { points, seeds: seedPoints(dataset), pair: names.length === 2 ? names : [], names };
    await draw(host, "pareto", `${dataset}: RMSE against NASA score by method; the list below holds the same figures`, rows,
      { selected: state.method }, datum => datum.method && clicked(datum.method, dataset));
  };
});

cards("pareto-cards", trained, methodTable);
