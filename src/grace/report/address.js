// One selection (data set, method, reference, run, engine) and the panel that is looked at: shown everywhere and kept in the
// address, as in `#FD003/grace/rul-only/42/17/cost`; the back button goes to the one before.
const UNCHOSEN = "-"; // the default reference, or no engine
const PANELS = [...document.querySelectorAll("main > section")].map(section => section.id);
const narrow = matchMedia("(max-width: 40rem)"); // one panel and one data set at a time
const start = {}; // the selection of an address that names none

function address() {
  const engine = state.engine < 0 ? UNCHOSEN : state.engine;
  const parts = [state.dataset, state.method, state.reference || UNCHOSEN, state.seed, engine, state.panel];
  return `#${parts.map(part => encodeURIComponent(part)).join("/").replace(/\/$/, "")}`;
}

function parse(hash) { // what an address selects; what it does not know is left as it was at the start
  let parts = [];
  try { parts = hash.slice(1).split("/").map(decodeURIComponent); } catch { /* not an address of ours */ }
  if (parts.length === 1 && PANELS.includes(parts[0])) return { ...start, panel: parts[0] };
  const [dataset, method, other, seed, engine, panel] = parts;
  const known = (found, fallback) => found ? found : fallback;
  return {
    dataset: known(data.datasets.includes(dataset) && dataset, start.dataset),
    method: known(Object.hasOwn(data.methods, method ?? "") && method, start.method),
    reference: known(Object.hasOwn(data.methods, other ?? "") && other, ""),
    seed: known(/^\d+$/.test(seed ?? "") && Number(seed), start.seed),
    engine: /^\d+$/.test(engine ?? "") ? Number(engine) : -1,
    panel: known(PANELS.includes(panel) && panel, ""),
  };
}

function nearestRun() { // the run that is most like what is selected
  const likeness = run => ["dataset", "method", "seed"].reduce((sum, key, i) => sum + (run[key] === state[key] ? 4 >> i : 0), 0);
  return data.runs.reduce((a, b) => likeness(b) > likeness(a) ? b : a);
}

function apply(changes) {
  const before = state.dataset;
  Object.assign(state, changes);
  const run = nearestRun();
  const rows = engineRows(run);
  state.run = data.runs.indexOf(run);
  state.seed = run.seed;
  if (!rows.some(row => row.engine === state.engine)) state.engine = rows.reduce((a, b) => b.error > a.error ? b : a, rows[0])?.engine ?? -1;
  if (state.dataset !== before) diagnosisOf(state.dataset);
  render();
}

function select(changes) {
  const before = address();
  apply(changes);
  if (address() !== before) history.pushState(null, "", address());
}

function choose(method, dataset, more = {}) {
  select({ method, dataset, ...more });
  $("status").textContent = `${inline(dataset)}: ${differences(dataset).join(" ")}`;
}

function measureStuck() { // how much of the window what stays at its top covers: no heading goes under it
  const stuck = [...document.querySelectorAll(".sticky")].filter(node => getComputedStyle(node).position === "sticky");
  document.documentElement.style.setProperty("--stuck", `${stuck.reduce((sum, node) => sum + node.offsetHeight, 0)}px`);
}

function go(panel, behavior = "auto") { // to a panel: its heading is focused, so that Tab goes on from there
  measureStuck(); // its observer may not have seen it yet
  const heading = $(panel).querySelector("h2");
  heading.tabIndex = -1;
  heading.focus({ preventScroll: true });
  heading.scrollIntoView({ behavior });
}

function tabs() { // the panel that a narrow window shows, and the data set
  const links = [...document.querySelectorAll("#panels a")];
  const of = id => id && !$(id).hidden && links.some(link => link.hash === `#${id}`) ? id : links.find(link => !link.hidden).hash.slice(1);
  const current = of(state.panel);
  for (const section of document.querySelectorAll("main > section")) section.classList.toggle("current", section.id === current);
  for (const link of links) {
    const here = narrow.matches && link.hash === `#${current}`;
    if (here && !link.hasAttribute("aria-current")) link.parentNode.scrollLeft = link.offsetLeft - link.parentNode.clientWidth / 2;
    if (here) link.setAttribute("aria-current", "true"); else link.removeAttribute("aria-current");
  }
  document.body.dataset.panel = current;
  for (const button of $("dataset-tabs").children) button.setAttribute("aria-pressed", button.value === state.dataset);
  $("settings").open ||= !narrow.matches;
}

function beginSelection() {
  const known = new Set(data.points.map(point => point.method));
  const dataset = data.runs.some(run => run.dataset === data.datasets[0]) ? data.datasets[0] : data.runs[0].dataset;
  const method = ["grace", ...known, "baseline"].find(one => known.has(one)) ?? "baseline";
  const seed = data.runs.find(run => run.dataset === dataset && run.method === method)?.seed ?? data.runs[0].seed;
  Object.assign(start, { dataset, method, reference: "", seed, engine: -1, panel: "" });
  $("dataset-tabs").append(...data.datasets.map(one => make("button", { type: "button", value: one, onclick: () => select({ dataset: one }) }, name(one))));
  $("dataset-tabs").hidden = data.datasets.length < 2;
  $("settings").open = !narrow.matches;
  for (const kind of ["pointerdown", "focusin", "change"]) { // where something is chosen is the panel that is looked at
    document.querySelector("main").addEventListener(kind, event => { state.panel = event.target.closest("section")?.id ?? state.panel; }, true);
  }
  for (const link of document.querySelectorAll("#panels a, .skip")) {
    link.addEventListener("click", async event => {
      event.preventDefault();
      select({ panel: link.hash.slice(1) });
      await settled();
      go(state.panel);
    });
  }
  $("panels").addEventListener("focusin", event => event.target.scrollIntoView({ block: "nearest", inline: "nearest" }));
  window.addEventListener("popstate", () => apply({ ...parse(location.hash), first: "" }));
  narrow.addEventListener("change", () => render());
  for (const node of document.querySelectorAll(".sticky")) new ResizeObserver(measureStuck).observe(node);
  apply(parse(location.hash));
}
