/* The gallery, the comparison of groups and the light switch of the caption report.
   All text reaches the page as text nodes, never as markup: captions are written by models and are not to be trusted. */
"use strict";
(() => {
  const PER_PAGE = 24, PAUSE = 120, MOST_GROUPS = 30;
  const root = document.documentElement;
  const byId = (id) => document.getElementById(id);
  const read = (id) => JSON.parse(byId(id).textContent);
  const served = root.dataset.served !== undefined; // by `just view`, which can show more than this file holds
  root.classList.add("script");

  /* Elements: make("p", {class: "hint"}, "text", child, ...). */
  const make = (name, attributes = {}, ...children) => fill(document.createElement(name), attributes, children);
  const draw = (name, attributes = {}, ...children) =>
    fill(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
  function fill(element, attributes, children) {
    for (const [key, value] of Object.entries(attributes)) {
      if (value === true) element.setAttribute(key, "");
      else if (value !== undefined && value !== null && value !== false) element.setAttribute(key, value);
    }
    element.append(...children.flat().filter((one) => one !== undefined && one !== null && one !== ""));
    return element;
  }

  /* ---- light and dark ---- */
  const themeButton = byId("theme");
  const systemDark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : systemDark.matches);
  function keepTheme(value) {
    try {
      if (value) localStorage.setItem("cutroom-theme", value);
      return localStorage.getItem("cutroom-theme");
    } catch {
      return value; // a file opened from a disk may have no storage
    }
  }
  function showTheme() {
    themeButton.setAttribute("aria-pressed", String(isDark()));
  }
  const kept = keepTheme();
  if (kept === "light" || kept === "dark") root.dataset.theme = kept;
  themeButton.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    keepTheme(root.dataset.theme);
    showTheme();
  });
  systemDark.addEventListener("change", showTheme);
  showTheme();

  /* ---- measures per bucket and source ---- */
  const groups = read("data-groups");
  const groupsBox = byId("measures-groups");
  let chosenMeasure = "", allGroups = false;
  function showGroups(kind) {
    byId("measures-all").hidden = kind !== "all";
    groupsBox.hidden = kind === "all";
    if (kind === "all") return;
    const names = [...new Set(groups[kind].flatMap((group) => Object.keys(group.measures)))];
    if (!names.includes(chosenMeasure)) chosenMeasure = names[0];
    const select = make("select", { id: "measure" },
      names.map((name) => make("option", { value: name, selected: name === chosenMeasure }, name.replaceAll("_", " "))));
    select.addEventListener("change", () => { chosenMeasure = select.value; showGroups(kind); byId("measure").focus(); });
    const rows = groups[kind].filter((group) => group.measures[chosenMeasure])
      .map((group) => ({ name: group.name, ...group.measures[chosenMeasure] }))
      .sort((one, other) => (other.value ?? -1) - (one.value ?? -1) || one.name.localeCompare(other.name));
    const shown = allGroups ? rows : rows.slice(0, MOST_GROUPS);
    const share = rows.every((row) => (row.unit === "share" || row.unit === "score") && row.high <= 1);
    const most = share ? 1 : 1.05 * Math.max(...rows.map((row) => row.high ?? 0));
    const wide = (text) => (text === "" || text === "95 % interval" ? "wide" : undefined);
    const head = make("tr", {}, [kind, "value", "95 % interval", "", "samples"].map((text) => make("th", { scope: "col", class: wide(text) }, text)));
    const table = make("table", {}, make("thead", {}, head), make("tbody", {}, shown.map((row) => make("tr", {},
      make("th", { scope: "row" }, row.name),
      make("td", { class: "value" }, row.shown + (share ? "" : ` ${row.unit}`), make("small", { class: "narrow" }, row.range)),
      make("td", { class: "number wide" }, row.range),
      make("td", { class: "drawn" }, interval(row, most)),
      make("td", { class: "number" }, row.count.toLocaleString("en"))))));
    const scroll = make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": `Measures by ${kind}` }, table);
    const more = make("button", { type: "button" }, `Show all ${rows.length}`);
    more.addEventListener("click", () => { allGroups = true; showGroups(kind); });
    const field = make("div", { class: "tools" }, make("label", {}, make("span", {}, "measure"), select));
    groupsBox.replaceChildren(field, scroll, shown.length < rows.length ? more : "");
  }
  function interval(row, most) {
    if ([row.value, row.low, row.high].some((one) => one === null) || !(most > 0)) return "";
    const place = (value) => 6 + 148 * Math.min(Math.max(value / most, 0), 1);
    return draw("svg", { viewBox: "0 0 160 16", class: "interval", "aria-hidden": "true" },
      draw("line", { class: "axis", x1: 6, x2: 154, y1: 8, y2: 8 }),
      draw("line", { class: "range", x1: place(row.low), x2: place(row.high), y1: 8, y2: 8 }),
      draw("circle", { class: "dot", cx: place(row.value), cy: 8, r: 4 }));
  }
  document.querySelectorAll("input[name=group]").forEach((input) => {
    input.addEventListener("change", () => { allGroups = false; showGroups(input.value); });
  });

  /* ---- the gallery ---- */
  const samples = read("data-samples").samples;
  const pictures = read("data-pictures");
  for (const image of document.querySelectorAll("img[data-still]")) pictures[image.dataset.still] = image.src.split(",")[1];
  const search = byId("search"), sort = byId("sort"), cards = byId("cards"), pager = byId("pager"), found = byId("found");
  const filters = {
    finding: (sample) => (sample.findings ?? []).map((one) => one.check),
    bucket: (sample) => [sample.bucket].filter(Boolean),
    source: (sample) => [sample.source],
  };
  const texts = new Map();
  let page = 0, matching = [];

  function textOf(sample) {
    if (!texts.has(sample.id)) {
      const frames = (sample.frames ?? []).map((frame) => frame.text);
      texts.set(sample.id, [sample.id, sample.source, sample.dense, sample.short, sample.medium, sample.overview, sample.error, ...frames]
        .filter(Boolean).join("\n").toLowerCase());
    }
    return texts.get(sample.id);
  }
  const words = () => search.value.toLowerCase().split(/\s+/).filter(Boolean);

  function offerFilters() {
    for (const [name, values] of Object.entries(filters)) {
      const counts = new Map();
      for (const sample of samples) for (const value of new Set(values(sample))) counts.set(value, (counts.get(value) ?? 0) + 1);
      const ordered = [...counts].sort((one, other) => (name === "finding" ? other[1] - one[1] : 0) || one[0].localeCompare(other[0]));
      const select = byId(`filter-${name}`);
      select.append(...ordered.map(([value, count]) => make("option", { value }, `${value} (${count.toLocaleString("en")})`)));
      if (name === "finding") select.append(make("option", { value: " none" }, "nothing found"));
      select.addEventListener("change", () => show(0));
    }
  }
  function passes(sample, wanted) {
    for (const [name, values] of Object.entries(filters)) {
      const value = byId(`filter-${name}`).value;
      if (value === " none" ? values(sample).length : value && !values(sample).includes(value)) return false;
    }
    return wanted.every((word) => textOf(sample).includes(word));
  }
  const orders = {
    suspicion: (one, other) => other.suspicion - one.suspicion || (one.id < other.id ? -1 : 1),
    calm: (one, other) => one.suspicion - other.suspicion || (one.id < other.id ? -1 : 1),
    id: (one, other) => (one.id < other.id ? -1 : 1),
  };

  function show(wantedPage) {
    const wanted = words();
    matching = samples.filter((sample) => passes(sample, wanted)).sort(orders[sort.value]);
    turn(wantedPage);
  }
  function turn(wantedPage) {
    const pages = Math.max(1, Math.ceil(matching.length / PER_PAGE));
    page = Math.min(Math.max(wantedPage, 0), pages - 1);
    const first = page * PER_PAGE, wanted = words();
    const shown = matching.slice(first, first + PER_PAGE);
    cards.replaceChildren(...shown.map((sample) => card(sample, wanted)));
    const many = matching.length.toLocaleString("en");
    found.textContent = !matching.length ? "No sample fits; change the words or the filters."
      : `${many} ${matching.length === 1 ? "sample" : "samples"}, showing ${(first + 1).toLocaleString("en")} to ${(first + shown.length).toLocaleString("en")}`;
    pager.hidden = pages === 1;
    const step = (text, to, name) => {
      const button = make("button", { type: "button", disabled: to < 0 || to >= pages, "aria-label": name }, text);
      button.addEventListener("click", () => { turn(to); byId("gallery").scrollIntoView(); focusPager(name); });
      return button;
    };
    pager.replaceChildren(step("«", page ? 0 : -1, "first page"), step("‹ Previous", page - 1, "previous page"),
      make("span", {}, `page ${page + 1} of ${pages}`), step("Next ›", page + 1, "next page"),
      step("»", page < pages - 1 ? pages - 1 : pages, "last page"));
  }
  function focusPager(name) {
    const button = [...pager.children].find((one) => one.getAttribute("aria-label") === name && !one.disabled);
    (button ?? cards).focus({ preventScroll: true });
  }

  /* What was searched for is marked in the text. */
  function marked(text, wanted) {
    if (!wanted.length) return [text];
    const pattern = wanted.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("|");
    return text.split(new RegExp(`(${pattern})`, "gi")).map((part, place) => (place % 2 ? make("mark", {}, part) : part));
  }
  const seconds = (value) => `${value.toFixed(1)} s`;
  const pairs = (values) => make("dl", { class: "pairs" },
    Object.entries(values).flatMap(([name, value]) => [make("dt", {}, name.replaceAll("_", " ")), make("dd", {}, value)]));
  function still(id, time) {
    if (!pictures[id]) return "";
    const image = make("img", { src: `data:image/jpeg;base64,${pictures[id]}`, alt: `still at ${seconds(time)}`, decoding: "async" });
    if (!served) return image;
    const button = make("button", { type: "button", class: "open", title: "show the still in full size" }, image);
    button.addEventListener("click", () => openViewer([make("img", { src: `/stills/${encodeURIComponent(id)}`, alt: image.alt })]));
    return button;
  }
  const level = (value) => (value >= 2 / 3 ? "high" : value >= 1 / 3 ? "middle" : "low");

  function card(sample, wanted) {
    const frames = sample.frames ?? [], findings = sample.findings ?? [];
    const times = new Map(frames.map((frame) => [frame.still, frame.time ?? 0]));
    const stills = (sample.stills ?? []).map((id) => still(id, times.get(id) ?? 0)).filter(Boolean);
    const strip = stills.length ? make("div", { class: "strip", tabindex: stills.length > 1 ? "0" : undefined, role: "group", "aria-label": "stills" }, stills)
      : make("p", { class: "strip none" }, "no picture on this page");
    const said = sample.error ? make("p", { class: "error" }, `No caption: ${sample.error}`)
      : make("blockquote", {}, marked(sample.dense ?? "(empty)", wanted));
    const facts = [sample.seconds ? seconds(sample.seconds) : "picture", sample.bucket, sample.length].filter(Boolean).join(" · ");
    const chips = findings.length ? make("ul", { class: "chips" }, findings.map((one) => make("li", {}, make("span", { class: "chip", title: one.why }, one.check)))) : "";
    const play = served && sample.dense ? make("button", { type: "button", class: "play" }, "Play the sample") : "";
    if (play) play.addEventListener("click", () => openSample(sample));
    const lengths = { ...(sample.short && { short: sample.short }), ...(sample.medium && { medium: sample.medium }), ...(sample.overview && { overview: sample.overview }) };
    return make("li", { class: "card" },
      strip,
      make("div", { class: "head" }, make("h3", {}, marked(sample.id, wanted)),
        make("span", { class: `suspicion ${level(sample.suspicion ?? 0)}`, title: "suspicion, 0 to 1" }, (sample.suspicion ?? 0).toFixed(2))),
      make("p", { class: "facts" }, marked(sample.source, wanted), make("br"), facts),
      said, chips, play,
      findings.length ? expand(`Why (${findings.length})`, () => make("ul", { class: "why" }, findings.map((one) =>
        make("li", {}, make("span", { class: "chip" }, one.check), " ", one.why)))) : "",
      frames.length ? expand(`Frame captions (${frames.length})`, () => make("ol", { class: "frames" }, frames.map((frame) =>
        make("li", {}, make("time", {}, seconds(frame.time ?? 0)), make("span", {}, marked(frame.text ?? "(none)", wanted),
          frame.labels ? make("small", {}, frame.labels.join(", ")) : ""))))) : "",
      Object.keys(lengths).length ? expand("Other lengths", () => pairs(lengths)) : "",
      expand("Measured and made by", () => pairs({ ...sample.measured, ...sample.fields, ...(sample.fallback && { fallback: sample.fallback }), ...sample.lineage })));
  }
  /* Most of what can be opened never is, so it is made when it is. */
  function expand(title, content) {
    const details = make("details", {}, make("summary", {}, title));
    details.addEventListener("toggle", () => { if (details.open && details.children.length === 1) details.append(content()); });
    return details;
  }

  /* ---- only where `just view` serves the page: stills in full size, samples as films ---- */
  function openViewer(content) {
    const close = make("button", { type: "button", class: "close", "aria-label": "close" }, "×");
    const dialog = make("dialog", { class: "viewer", "aria-label": "viewer" }, close, ...content);
    close.addEventListener("click", () => dialog.close());
    dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
    dialog.addEventListener("close", () => dialog.remove());
    document.body.append(dialog);
    dialog.showModal();
  }
  function openSample(sample) {
    const src = `/samples/${encodeURIComponent(sample.id)}`;
    const media = sample.seconds ? make("video", { src, controls: true, loop: true, autoplay: true, muted: true, playsinline: true })
      : make("img", { src, alt: sample.id });
    if (sample.seconds) media.muted = true;
    media.addEventListener("error", () => media.replaceWith(make("p", {}, "This sample was not packed.")));
    openViewer([make("figure", {}, media, make("figcaption", {}, `${sample.id} · ${sample.bucket}`))]);
  }
  if (served) {
    for (const image of document.querySelectorAll("img[data-still]")) image.replaceWith(still(image.dataset.still, parseFloat(image.alt.split(" at ")[1])));
  }

  let pause = 0;
  search.addEventListener("input", () => { clearTimeout(pause); pause = setTimeout(() => show(0), PAUSE); });
  search.form.addEventListener("submit", (event) => { event.preventDefault(); show(0); });
  sort.addEventListener("change", () => show(0));
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-find]");
    if (!button) return;
    for (const name of Object.keys(filters)) byId(`filter-${name}`).value = "";
    search.value = button.dataset.find;
    show(0);
    byId("gallery").scrollIntoView();
    search.focus({ preventScroll: true });
  });
  cards.tabIndex = -1;
  offerFilters();
  show(0);
})();
