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
  const head = make("tr", {}, ...["method", "cost", "minus the least"].map(text => make("th", { scope: "col", textContent: text })));
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
  const none = make("p", { className: "note" });
  card.append(host, list, none);
  return async () => {
    const rows = costRows(dataset);
    list.replaceChildren(costTable(dataset, rows));
    for (const node of [host, list]) node.hidden = !rows.length;
    none.hidden = rows.length > 0;
    none.textContent = state.protocol === "source" ? "The records keep no predictions of the epoch that the test set chose." : "The records keep no test predictions here.";
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
});
