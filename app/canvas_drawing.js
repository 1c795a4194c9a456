// What the canvas draws: masks as fills with a coloured line round them and a thin white one round that, and clicks.

const shapes = new WeakMap(); // a mask's picture -> { key, fill, edge }: made once for each size on the screen

function layer(width, height) {
  const made = document.createElement("canvas");
  made.width = width;
  made.height = height;
  return made;
}

// The mask at the size of the screen, its soft edge cut in the middle, so that a small mask has no steps.
function solid(picture, width, height, colour) {
  const made = layer(width, height);
  const pen = made.getContext("2d", { willReadFrequently: true });
  pen.imageSmoothingQuality = "high";
  pen.drawImage(picture, 0, 0, width, height);
  const pixels = pen.getImageData(0, 0, width, height);
  const bytes = pixels.data;
  for (let i = 0; i < bytes.length; i += 4) {
    const inside = bytes[i + 3] > 127;
    bytes[i] = colour[0];
    bytes[i + 1] = colour[1];
    bytes[i + 2] = colour[2];
    bytes[i + 3] = inside ? 255 : 0;
  }
  pen.putImageData(pixels, 0, 0);
  return made;
}

// A band of `near`..`far` pixels outside a shape, in one colour.
function band(fill, far, ink) {
  const made = layer(fill.width, fill.height);
  const pen = made.getContext("2d");
  for (let step = 0; step < 16; step++) {
    const angle = (step / 16) * 2 * Math.PI;
    pen.drawImage(fill, far * Math.cos(angle), far * Math.sin(angle));
  }
  if (ink) {
    pen.globalCompositeOperation = "source-in";
    pen.fillStyle = ink;
    pen.fillRect(0, 0, made.width, made.height);
  }
  return made;
}

function shape(picture, width, height, colour, thick) {
  const key = [width, height, colour, thick].join();
  const known = shapes.get(picture);
  if (known && known.key === key) return known;
  const fill = solid(picture, width, height, colour);
  const edge = layer(width, height);
  const pen = edge.getContext("2d");
  pen.drawImage(band(fill, 1.6 * thick, "#ffffff"), 0, 0);
  pen.drawImage(band(fill, thick, null), 0, 0);
  pen.globalCompositeOperation = "destination-out";
  pen.drawImage(fill, 0, 0);
  const made = { key, fill, edge };
  shapes.set(picture, made);
  return made;
}

// Masks, the highlighted one last and strongest; then the clicks of the one that is corrected.
function paint(ink, masks, looks) {
  const pen = ink.getContext("2d");
  pen.clearRect(0, 0, ink.width, ink.height);
  const order = masks.map((_, number) => number).filter((number) => masks[number].picture && !looks.hidden.has(number));
  if (looks.bright !== null) order.sort((a, b) => (a === looks.bright) - (b === looks.bright));
  for (const number of order) {
    const mask = masks[number];
    const drawn = shape(mask.picture, ink.width, ink.height, mask.colour, 2 * looks.scale);
    const lit = looks.bright === number;
    const dimmed = looks.bright !== null && !lit;
    pen.globalAlpha = lit ? Math.max(0.6, looks.opacity) : looks.opacity * (dimmed ? 0.3 : 1);
    pen.drawImage(drawn.fill, 0, 0);
    pen.globalAlpha = dimmed ? 0.35 : 1;
    if (looks.outline || lit) pen.drawImage(drawn.edge, 0, 0);
  }
  pen.globalAlpha = 1;
  const chosen = masks[looks.chosen];
  if (chosen && looks.marks && !looks.hidden.has(looks.chosen)) clicks(pen, chosen, ink, looks);
}

function clicks(pen, mask, ink, looks) {
  const [across, down] = [ink.width / looks.width, ink.height / looks.height];
  const place = ([x, y]) => [(x + 0.5) * across, (y + 0.5) * down]; // an integer is a pixel's centre
  if (mask.box) {
    const [left, top] = place(mask.box.slice(0, 2));
    const [right, bottom] = place(mask.box.slice(2));
    for (const [ink, dash] of [["#ffffff", []], ["#000000", [6 * looks.scale, 5 * looks.scale]]]) {
      pen.strokeStyle = ink;
      pen.lineWidth = 2 * looks.scale;
      pen.setLineDash(dash);
      pen.strokeRect(left, top, right - left, bottom - top);
    }
    pen.setLineDash([]);
  }
  for (const [x, y, inside] of mask.clicks) {
    const [cx, cy] = place([x, y]);
    const radius = 7 * looks.scale;
    pen.beginPath();
    pen.arc(cx, cy, radius, 0, 2 * Math.PI);
    pen.fillStyle = inside ? "#ffffff" : "#000000";
    pen.fill();
    pen.strokeStyle = inside ? "#000000" : "#ffffff";
    pen.lineWidth = 1.8 * looks.scale;
    pen.stroke();
    pen.beginPath();
    pen.moveTo(cx - radius * 0.55, cy);
    pen.lineTo(cx + radius * 0.55, cy);
    if (inside) {
      pen.moveTo(cx, cy - radius * 0.55);
      pen.lineTo(cx, cy + radius * 0.55);
    }
    pen.stroke();
  }
}
