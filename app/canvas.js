// The picture with its masks: drawn, shown, hidden and highlighted here, without the server. What a person does to a
// mask goes to Python as one event at a time, in original pixels; the next waits until the page has come back.

const states = new WeakMap(); // root -> what outlives a rerun of the page

function fresh() {
  return {
    opacity: 0.45, outline: true, marks: true, mode: "inside", hidden: new Set(), bright: null, chosen: 0,
    turn: null, revision: null, busy: false, queue: [], cross: null, corner: null, pictures: new Map(), masks: [],
  };
}

export default function (component) {
  const { data, parentElement: root, setTriggerValue } = component;
  const find = (selector) => root.querySelector(selector);
  const state = states.get(root) ?? fresh();
  states.set(root, state);
  state.ended?.abort(); // Streamlit may draw anew before it takes the last drawing down: no key is heard twice
  const ended = state.ended = new AbortController();
  const on = (target, name, act, options = {}) => target.addEventListener(name, act, { signal: ended.signal, ...options });
  const stage = find(".stage"), ink = find(".ink"), status = find(".status"), cross = find(".cross");

  if (state.turn !== data.turn) Object.assign(state, { turn: data.turn, hidden: new Set(), bright: null, chosen: 0, corner: null });
  if (state.revision !== data.revision) state.busy = false;
  state.revision = data.revision;

  const say = (text, problem = false) => {
    if (status.textContent !== text) status.textContent = text;
    status.classList.toggle("problem", problem);
  };
  const act = (event) => {
    state.queue.push({ ...event, turn: data.turn });
    next();
  };
  const next = () => {
    if (state.busy || !state.queue.length) return;
    state.busy = true;
    say("Working ...");
    setTriggerValue("act", state.queue.shift());
  };

  const redraw = () => {
    const box = stage.getBoundingClientRect();
    if (!box.width) return;
    const ratio = Math.min(window.devicePixelRatio || 1, 1600 / Math.max(box.width, box.height));
    const [width, height] = [Math.max(1, Math.round(box.width * ratio)), Math.max(1, Math.round(box.height * ratio))];
    if (ink.width !== width || ink.height !== height) Object.assign(ink, { width, height });
    paint(ink, state.masks, { ...state, scale: ratio, width: data.width, height: data.height });
    ink.dataset.bright = state.bright ?? "";
    ink.dataset.drawn = state.masks.filter((mask, number) => mask.picture && !state.hidden.has(number)).length;
  };
  const highlight = (number) => {
    state.bright = number;
    redraw();
  };

  load(state, data, redraw);
  lay(find, state, data);
  legend(find(".legend"), state, data, { act, highlight, redraw, again: () => settle(find, state, data) });
  settle(find, state, data);
  tools(root, find, on, state, data, { act, redraw });
  pointer(stage, find(".band"), on, state, data, act);
  keys(stage, cross, on, state, data, act, say);
  files(stage, on, data, setTriggerValue, say);
  on(stage, "focusout", () => (cross.hidden = true));
  // Phrases in the conversation light their masks; they are outside this component.
  for (const [name, lit] of [["mouseover", true], ["mouseout", false]]) {
    on(document, name, (event) => {
      const phrase = event.target.closest?.("[data-mask]");
      if (phrase && phrase.dataset.turn === data.turn) highlight(lit ? Number(phrase.dataset.mask) : null);
    });
  }
  const watcher = new ResizeObserver(redraw);
  watcher.observe(stage);
  say(state.busy ? "Working ..." : data.problem ?? "", !state.busy && !!data.problem);
  next();
  ended.signal.addEventListener("abort", () => watcher.disconnect());
  return () => ended.abort();
}

// The masks' pictures; one that is known is not decoded again.
function load(state, data, redraw) {
  const kept = new Map();
  state.masks = data.masks.map((mask) => {
    const made = { colour: mask.colour, clicks: mask.clicks, box: mask.box, picture: null };
    if (mask.png) {
      const picture = state.pictures.get(mask.png) ?? Object.assign(new Image(), { src: mask.png });
      kept.set(mask.png, picture);
      if (picture.complete && picture.naturalWidth) made.picture = picture;
      else picture.decode().then(() => { made.picture = picture; redraw(); }, () => {});
    }
    return made;
  });
  state.pictures = kept;
  requestAnimationFrame(redraw);
}

// The picture takes its place before it is loaded: the ratio is known.
function lay(find, state, data) {
  const stage = find(".stage"), picture = find(".picture");
  stage.style.aspectRatio = `${data.width} / ${data.height}`;
  stage.style.width = `min(100%, calc(${data.tall} * ${data.width / data.height}))`;
  stage.setAttribute("aria-label", `Picture: ${data.name}`);
  stage.classList.toggle("live", data.masks.length > 0);
  if (picture.getAttribute("src") !== data.picture) picture.src = data.picture;
  picture.alt = data.name;
  find(".size").textContent = `The picture has ${data.width} x ${data.height} pixels; 0, 0 is the top left one.`;
}

// One line for each thing the answer names. All text is set as text.
function legend(list, state, data, { act, highlight, redraw, again }) {
  const focused = list.getRootNode().activeElement?.dataset?.at;
  list.replaceChildren(...data.masks.map((mask, number) => {
    const line = document.createElement("li");
    const name = document.createElement("button");
    Object.assign(name, { type: "button", className: "name" });
    name.dataset.at = `name-${number}`;
    const dot = document.createElement("span");
    dot.className = mask.png ? "dot" : "dot none";
    if (mask.png) {
      dot.textContent = mask.ink;
      const [red, green, blue] = mask.colour; // the dark blue alone wants white
      Object.assign(dot.style, { background: `rgb(${mask.colour})`, color: red * 2 + green * 5 + blue < 850 ? "#fff" : "#000" });
    }
    const words = document.createElement("span");
    words.textContent = mask.name;
    const small = document.createElement("small");
    small.textContent = mask.rejected ? "not here" : `score ${mask.score.toFixed(2)}`;
    if (mask.overridden) small.textContent += ", drawn although the model said that it is not here";
    name.append(dot, words, small);
    name.onmouseenter = name.onfocus = () => highlight(number);
    name.onmouseleave = name.onblur = () => highlight(null);
    name.onclick = () => { state.chosen = number; again(); redraw(); };
    line.append(name);
    if (mask.rejected) {
      const anyway = document.createElement("button");
      Object.assign(anyway, { type: "button", className: "again", textContent: "Segment it anyway" });
      anyway.dataset.at = `anyway-${number}`;
      anyway.setAttribute("aria-label", `Segment it anyway: ${mask.name}`);
      anyway.onclick = () => { state.chosen = number; act({ kind: "anyway", mask: number }); };
      const why = document.createElement("p");
      why.className = "why";
      why.textContent = mask.why;
      line.append(anyway, why);
    } else {
      const label = document.createElement("label");
      const shown = Object.assign(document.createElement("input"), { type: "checkbox", checked: !state.hidden.has(number) });
      shown.dataset.at = `shown-${number}`;
      shown.setAttribute("aria-label", `Show ${mask.name}`);
      shown.onchange = () => { state.hidden[shown.checked ? "delete" : "add"](number); redraw(); };
      label.append(shown, "show");
      line.append(label);
    }
    return line;
  }));
  if (focused) list.querySelector(`[data-at="${focused}"]`)?.focus();
}

// What depends on the mask that is corrected.
function settle(find, state, data) {
  if (state.chosen >= data.masks.length) state.chosen = 0;
  const chosen = data.masks[state.chosen];
  find(".tools").hidden = !chosen;
  for (const name of find(".legend").querySelectorAll(".name")) {
    name.setAttribute("aria-pressed", String(name.dataset.at === `name-${state.chosen}`));
  }
  if (!chosen) return;
  find(".who").textContent = `A click on the picture, for “${chosen.name}”:`;
  for (const name of ["undo", "redo", "reset"]) find(`[data-act="${name}"]`).disabled = !chosen[name];
}

function tools(root, find, on, state, data, { act, redraw }) {
  const opacity = find(".opacity"), stage = find(".stage");
  opacity.value = Math.round(state.opacity * 100);
  on(opacity, "input", () => { state.opacity = opacity.value / 100; redraw(); });
  for (const name of ["outline", "marks"]) {
    find(`.${name}`).checked = state[name];
    on(find(`.${name}`), "change", (event) => { state[name] = event.target.checked; redraw(); });
  }
  for (const radio of root.querySelectorAll('[name="mode"]')) {
    radio.checked = radio.value === state.mode;
    on(radio, "change", () => { state.mode = radio.value; stage.classList.toggle("boxing", state.mode === "box"); });
  }
  for (const button of root.querySelectorAll("[data-act]")) {
    on(button, "click", () => act({ kind: button.dataset.act, mask: state.chosen }));
  }
  const number = (form, name) => (form.elements[name].value.trim() === "" ? null : Number(form.elements[name].value));
  on(find("form.point"), "submit", (event) => {
    event.preventDefault();
    const inside = event.submitter?.value !== "outside";
    const [x, y] = [number(event.target, "x"), number(event.target, "y")];
    act({ kind: "point", mask: state.chosen, x, y, inside });
  });
  on(find("form.box"), "submit", (event) => {
    event.preventDefault();
    const box = ["left", "top", "right", "bottom"].map((name) => number(event.target, name));
    act({ kind: "box", mask: state.chosen, box });
  });
}
