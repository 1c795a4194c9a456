// The report: numbers, distribution, and the samples in the order and choice of the reader.
(() => {
  const STEP = 20; // cards that are made at a time
  const LAYERS = { truth: "truth", answer: "answer", map: "map", points: "points" };
  const data = JSON.parse(document.getElementById("data").textContent);
  const at = (id) => document.getElementById(id);
  const { make, ink, board, near } = drawing;

  const plural = (count, word) => `${count.toLocaleString("en")} ${word}${count === 1 ? "" : "s"}`;

  // Numbers, distribution, facts

  function drawNumbers() {
    at("title").textContent = data.title;
    document.title = `${data.title} – Pinpoint report`;
    const shown = data.samples.length;
    const parts = [plural(data.total, "question")];
    if (shown < data.total) parts.push(`${plural(shown, "sample")} shown: the worst, the best and some between`);
    if (data.failed) parts.push(`${data.failed.toLocaleString("en")} failed`);
    at("summary").textContent = parts.join(" · ");
    if (data.numbers) {
      const kinds = new Set(data.samples.map((sample) => sample.kind));
      const head = make("tr", {}, make("th", { scope: "col", text: "" }), ...data.numbers.columns.map((name) => make("th", { scope: "col", text: name })));
      const rows = data.numbers.rows.map(([name, ...values]) => {
        const link = kinds.has(name) ? make("button", { type: "button", text: name, on: { click: () => choose({ kind: name }) } }) : name;
        return make("tr", {}, make("th", { scope: "row" }, link), ...values.map(cell));
      });
      at("numbers").append(make("thead", {}, head), make("tbody", {}, ...rows));
      at("numbers-part").hidden = false;
    }
    if (data.bins.some((count) => count)) drawBins();
    if (data.facts.length) {
      at("facts").append(...data.facts.flatMap(([name, value]) => [make("dt", { text: name }), make("dd", { text: value })]));
      at("facts-part").hidden = false;
    }
  }

  // A value in words, or two: with its interval.
  function cell([value, interval]) {
    return make("td", { text: value }, interval ? make("small", { text: interval }) : null);
  }

  function drawBins() {
    const most = Math.max(...data.bins);
    data.bins.forEach((count, index) => {
      const [low, high] = [index / data.bins.length, (index + 1) / data.bins.length];
      const bar = make("i");
      bar.style.height = `${(80 * count) / most}%`;
      const labels = index % 4 === 0 ? [make("span", { text: low.toFixed(1) })] : [];
      if (index === data.bins.length - 1) labels.push(make("span", { text: "1" }));
      at("bins").append(make("button", {
        type: "button", title: `${plural(count, "question")} with IoU ${low.toFixed(2)} to ${high.toFixed(2)}`,
        "aria-label": `${plural(count, "question")} with IoU ${low.toFixed(2)} to ${high.toFixed(2)}: show`,
        on: { click: () => choose({ low, high }) },
      }, make("b", { text: count ? String(count) : "" }), bar, ...labels));
    });
    at("bins-part").hidden = false;
  }

  // Words

  function badge(index, text) {
    const [red, green, blue] = ink(index);
    const node = make("span", { class: "number", text });
    node.style.background = `rgb(${red} ${green} ${blue})`;
    node.style.color = 0.3 * red + 0.59 * green + 0.11 * blue > 115 ? "#000" : "#fff";
    return node;
  }

  const gone = (text = "not here") => make("span", { class: "number none", text });

  // An answer with a numbered badge for each of its marks; `colours` are theirs.
  function marked(text, colours) {
    let count = 0;
    const pieces = text.split(/(<SEG>|<REJ>)/).map((piece) => {
      if (piece === "<REJ>") { count++; return gone(); }
      if (piece !== "<SEG>") return piece;
      const colour = colours[count++];
      return colour === undefined ? "<SEG>" : badge(colour, String(colour + 1));
    });
    return pieces;
  }

  function verdict(sample) {
    if (sample.error !== null) return make("span", { class: "score flag", text: "failed" });
    if (sample.score === null) return null;
    if (sample.words !== null) return make("span", { class: `score ${sample.words ? "fine" : "flag"}`, text: sample.words ? "right" : "wrong" });
    return make("span", { class: "score", text: `IoU ${sample.score.toFixed(3)}` });
  }

  function head(sample) {
    const flags = [];
    if (sample.missed) flags.push("there, but none found");
    if (sample.invented) flags.push("absent, but found");
    return make("div", { class: "head" }, verdict(sample), ...flags.map((text) => make("span", { class: "flag", text })),
      make("span", { text: sample.kind }), sample.area === null ? null : make("span", { text: `target ${(100 * sample.area).toFixed(sample.area < 0.1 ? 1 : 0)} %` }),
      make("span", { text: sample.id }));
  }

  function words(sample) {
    const nodes = [make("p", { class: "question", text: sample.question })];
    if (sample.error !== null) nodes.push(make("p", { class: "flag", text: sample.error }));
    else nodes.push(make("p", { class: "said" }, make("span", { class: "who", text: "answer" }), ...marked(sample.answer, sample.given.map((one) => one.colour))));
    if (sample.truth !== null) nodes.push(make("p", { class: "true" }, make("span", { class: "who", text: "truth" }), ...marked(sample.truth, sample.targets.map((_, index) => index))));
    return nodes;
  }

  function layersOf(mark) {
    const shares = Object.entries(mark.layers || {}).sort((a, b) => b[1] - a[1]);
    if (!shares.length) return "";
    if (shares[0][1] > 0.995) return `layer ${shares[0][0]}`;
    const named = shares.slice(0, 3).map(([layer, share]) => `${layer} (${Math.round(100 * share)} %)`);
    return `layers ${named.join(", ")}${shares.length > 3 ? ", ..." : ""}`;
  }

  // The marks of an answer; pressing one shows its map and points.
  function marks(sample, choose, chosen) {
    if (!sample.given.length) return null;
    const buttons = sample.given.map((one, index) => {
      const facts = [one.rejected ? "not here" : null, one.iou === null || one.iou === undefined ? null : `IoU ${one.iou.toFixed(2)}`,
        one.rejected ? null : `own estimate ${one.score.toFixed(2)}`, layersOf(one)].filter(Boolean);
      return make("button", { type: "button", "aria-pressed": String(index === chosen), on: { click: () => {
        buttons.forEach((button, other) => button.setAttribute("aria-pressed", String(other === index)));
        choose(index);
      } } }, one.rejected ? gone("–") : badge(one.colour, String(one.colour + 1)), ` ${one.phrase || "this"} `, make("small", { text: facts.join(" · ") }));
    });
    return make("ul", { class: "marks", "aria-label": "marks of the answer" }, ...buttons.map((button) => make("li", {}, button)));
  }

  function card(sample) {
    let chosen = 0;
    const kinds = [["picture", []]];
    if (sample.truth !== null) kinds.push(["truth", ["truth"]]);
    kinds.push(["answer", ["answer"]]);
    if (sample.given.some((one) => one.map || one.points)) kinds.push(["map and points", ["map", "points"]]);
    const boards = kinds.map(([, layers]) => board(sample, new Set(layers), () => chosen));
    const panels = make("div", { class: "panels" }, ...boards.map((canvas, index) => make("button", {
      type: "button", class: "panel", "aria-label": `${kinds[index][0]}: enlarge`, on: { click: () => enlarge(sample, kinds[index][1], chosen) },
    }, canvas, make("span", { text: kinds[index][0] + (index === 0 && sample.picture === null ? " (not at hand)" : "") }))));
    const list = marks(sample, (index) => { chosen = index; boards[boards.length - 1].draw(); }, chosen);
    const made = make("li", { class: "card" }, make("div", { class: "text" }, head(sample), ...words(sample), list), panels);
    boards.forEach((canvas) => near.observe(canvas));
    return made;
  }

  // Order and filters

  const form = at("filters");
  let found = [], made = 0;
  const value = (sample) => (sample.score === null ? -1 : sample.score);
  const byId = (a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);
  const ORDERS = {
    worst: (a, b) => (a.error === null) - (b.error === null) || value(a) - value(b) || byId(a, b),
    best: (a, b) => value(b) - value(a) || byId(a, b),
    large: (a, b) => (b.area || 0) - (a.area || 0) || byId(a, b),
    small: (a, b) => (a.area === null) - (b.area === null) || a.area - b.area || byId(a, b),
    id: byId,
  };
  const SIZES = {
    small: [`small: below ${100 * data.small} %`, (area) => area !== null && area < data.small],
    medium: ["medium", (area) => area !== null && area >= data.small && area <= data.large],
    large: [`large: above ${100 * data.large} %`, (area) => area !== null && area > data.large],
    none: ["none: nothing to find", (area) => area === null],
  };
  const REJECTIONS = {
    wrong: (sample) => sample.missed || sample.invented, missed: (sample) => sample.missed,
    invented: (sample) => sample.invented, right: (sample) => !sample.missed && !sample.invented,
  };

  function choose(values) {
    form.reset();
    for (const [name, value] of Object.entries(values)) form.elements[name].value = value;
    find();
    at("samples").focus({ preventScroll: true });
    at("samples").scrollIntoView({ block: "start" });
  }

  function find() {
    const wish = Object.fromEntries(new FormData(form));
    const low = Number(wish.low) || 0, high = wish.high === "" ? 1 : Number(wish.high), text = wish.words.trim().toLowerCase();
    const everything = low <= 0 && high >= 1;
    found = data.samples.filter((sample) => (!wish.kind || sample.kind === wish.kind)
      && (!wish.size || SIZES[wish.size][1](sample.area)) && (!wish.rejection || REJECTIONS[wish.rejection](sample))
      // A bar's own upper edge belongs to the next one, but for the last.
      && (everything || (sample.score !== null && sample.words === null && sample.score >= low && (sample.score < high || high >= 1)))
      && (!text || [sample.question, sample.answer, sample.id].some((words) => words.toLowerCase().includes(text))));
    found.sort(ORDERS[wish.order]);
    made = 0;
    near.disconnect();
    at("cards").replaceChildren();
    at("count").textContent = `${plural(found.length, "sample")}${found.length < data.samples.length ? ` of ${data.samples.length.toLocaleString("en")}` : ""}`;
    if (!found.length) at("cards").append(make("li", { class: "empty", text: "No sample is like that." }));
    more();
  }

  function more() {
    at("cards").append(...found.slice(made, made + STEP).map(card));
    made = Math.min(found.length, made + STEP);
    at("more").hidden = made >= found.length;
  }

  function drawFilters() {
    const kinds = [...new Set(data.samples.map((sample) => sample.kind))].sort();
    form.elements.kind.append(...kinds.map((kind) => make("option", { value: kind, text: kind || "(none)" })));
    form.elements.size.append(...Object.entries(SIZES).map(([name, [text]]) => make("option", { value: name, text })));
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("input", find);
    form.addEventListener("reset", () => setTimeout(find));
    at("more").addEventListener("click", () => {
      const first = made;
      more();
      at("cards").children[first].querySelector("button")?.focus({ preventScroll: true });
    });
    new IntersectionObserver(([{ isIntersecting }]) => isIntersecting && made < found.length && more(), { rootMargin: "800px" }).observe(at("more"));
  }

  // One sample, large

  const large = at("large");
  const shown = new Set();
  let current = null;

  function enlarge(sample, layers, chosen) {
    shown.clear();
    layers.forEach((layer) => shown.add(layer));
    if (!large.open) large.showModal();
    display(sample, chosen);
  }

  function display(sample, chosen = 0) {
    current = sample;
    const boxes = Object.entries(LAYERS).filter(([layer]) => layer !== "truth" || sample.truth !== null).map(([layer, text]) => {
      const box = make("input", { type: "checkbox", on: { change: () => { shown[box.checked ? "add" : "delete"](layer); canvas.draw(); } } });
      box.checked = shown.has(layer);
      return make("label", {}, box, text);
    });
    const canvas = board(sample, shown, () => chosen);
    at("large-head").textContent = sample.image;
    at("large-canvas").replaceChildren(canvas);
    at("layers").replaceChildren(at("layers").querySelector("legend"), ...boxes);
    const list = marks(sample, (index) => { chosen = index; canvas.draw(); }, chosen);
    at("large-text").replaceChildren(...[head(sample), ...words(sample), list].filter(Boolean));
    const place = found.indexOf(sample);
    at("previous").disabled = place <= 0;
    at("next").disabled = place < 0 || place >= found.length - 1;
    canvas.draw();
  }

  at("close").addEventListener("click", () => large.close());
  at("previous").addEventListener("click", () => display(found[found.indexOf(current) - 1]));
  at("next").addEventListener("click", () => display(found[found.indexOf(current) + 1]));

  let waiting = 0;
  window.addEventListener("resize", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => document.querySelectorAll("canvas").forEach((canvas) => canvas.width && canvas.draw()), 150);
  });

  drawNumbers();
  drawFilters();
  find();
})();
