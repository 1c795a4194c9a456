// What a person does on the picture: with a mouse, a finger, the keyboard, or a file.

// Where an event falls, in original pixels; an integer is a pixel's centre.
function placed(stage, data, event) {
  const box = stage.getBoundingClientRect();
  const x = ((event.clientX - box.left) / box.width) * data.width - 0.5;
  const y = ((event.clientY - box.top) / box.height) * data.height - 0.5;
  return [within(x, data.width), within(y, data.height)];
}

function within(value, size) {
  return Math.round(Math.min(Math.max(value, 0), size - 1) * 100) / 100;
}

function sorted(a, b) {
  return [Math.min(a[0], b[0]), Math.min(a[1], b[1]), Math.max(a[0], b[0]), Math.max(a[1], b[1])];
}

const SLIP = 5; // pixels of the screen that a hand may move between press and release and still mean a click

function pointer(stage, band, on, state, data, act) {
  let start = null;
  const stop = () => { start = null; band.hidden = true; };
  on(stage, "contextmenu", (event) => { if (data.masks.length) event.preventDefault(); });
  on(stage, "pointerdown", (event) => {
    if (!data.masks.length || !event.isPrimary) return;
    start = { at: placed(stage, data, event), x: event.clientX, y: event.clientY, button: event.button, moved: false };
    if (event.pointerType === "mouse" || state.mode === "box") stage.setPointerCapture(event.pointerId);
  });
  on(stage, "pointermove", (event) => {
    if (!start) return;
    start.moved ||= Math.hypot(event.clientX - start.x, event.clientY - start.y) > SLIP;
    if (!start.moved || start.button !== 0 || (event.pointerType !== "mouse" && state.mode !== "box")) return;
    const [left, top, right, bottom] = sorted(start.at, placed(stage, data, event));
    Object.assign(band.style, {
      left: `${((left + 0.5) / data.width) * 100}%`, top: `${((top + 0.5) / data.height) * 100}%`,
      width: `${((right - left) / data.width) * 100}%`, height: `${((bottom - top) / data.height) * 100}%`,
    });
    band.hidden = false;
  });
  on(stage, "pointerup", (event) => {
    if (!start) return;
    const [begun, end] = [start, placed(stage, data, event)];
    stop();
    if (begun.moved) {
      if (begun.button === 0) act({ kind: "box", mask: state.chosen, box: sorted(begun.at, end) });
      return;
    }
    if (begun.button !== 0 && begun.button !== 2) return;
    const outside = begun.button === 2 || event.shiftKey || state.mode === "outside";
    act({ kind: "point", mask: state.chosen, x: end[0], y: end[1], inside: !outside });
  });
  on(stage, "pointercancel", stop);
}

function keys(stage, cross, on, state, data, act, say) {
  const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const show = () => {
    const [x, y] = state.cross;
    cross.style.left = `${((x + 0.5) / data.width) * 100}%`;
    cross.style.top = `${((y + 0.5) / data.height) * 100}%`;
    cross.hidden = false;
    say(`x ${Math.round(x)}, y ${Math.round(y)}${state.corner ? "; B sets the other corner" : ""}`);
  };
  on(stage, "keydown", (event) => {
    if (!data.masks.length || event.ctrlKey || event.metaKey || event.altKey) return;
    state.cross ??= [Math.floor(data.width / 2), Math.floor(data.height / 2)];
    state.cross = [within(state.cross[0], data.width), within(state.cross[1], data.height)];
    const step = steps[event.key];
    if (step) {
      const pace = Math.max(1, Math.round(Math.max(data.width, data.height) / (event.shiftKey ? 16 : 128)));
      state.cross = [within(state.cross[0] + step[0] * pace, data.width), within(state.cross[1] + step[1] * pace, data.height)];
      show();
    } else if (event.key === "Enter" || event.key === " ") {
      const [x, y] = state.cross;
      show();
      act({ kind: "point", mask: state.chosen, x, y, inside: !event.shiftKey && state.mode !== "outside" });
    } else if (event.key.toLowerCase() === "b") {
      if (state.corner) act({ kind: "box", mask: state.chosen, box: sorted(state.corner, state.cross) });
      state.corner = state.corner ? null : state.cross;
      if (state.corner) show();
    } else if (event.key === "Escape") {
      state.corner = null;
      cross.hidden = true;
      say("");
      return;
    } else return;
    event.preventDefault();
  });
}

// A picture that is pasted anywhere on the page, or dropped on the one that is shown.
function files(stage, on, data, setTriggerValue, say) {
  const take = (list) => {
    const file = [...(list ?? [])].find((one) => one.type.startsWith("image/"));
    if (!file || !data.takes) return false;
    if (file.size > data.takes) {
      say(`${file.name}: has ${Math.ceil(file.size / 1e6)} MB; give one of at most ${Math.floor(data.takes / 1e6)}.`, true);
      return true;
    }
    say("Reading the picture ...");
    const reader = new FileReader();
    reader.onload = () => setTriggerValue("given", { name: file.name, content: reader.result.split(",")[1] ?? "" });
    reader.onerror = () => say(`${file.name}: could not be read.`, true);
    reader.readAsDataURL(file);
    return true;
  };
  on(document, "paste", (event) => { if (take(event.clipboardData?.files)) event.preventDefault(); });
  on(stage, "dragover", (event) => { if (data.takes) { event.preventDefault(); stage.classList.add("dropping"); } });
  on(stage, "dragleave", () => stage.classList.remove("dropping"));
  on(stage, "drop", (event) => {
    stage.classList.remove("dropping");
    if (data.takes && take(event.dataTransfer?.files)) event.preventDefault();
  });
}
