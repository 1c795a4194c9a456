// What is drawn on canvases: a picture with masks, a map and points. Text is set as text, never as markup.
"use strict";
const drawing = (() => {
  // Okabe and Ito (2008), told apart by colour-blind eyes; as app/drawing.py has them.
  const PALETTE = [[230, 159, 0], [86, 180, 233], [0, 158, 115], [240, 228, 66], [0, 114, 178], [213, 94, 0], [204, 121, 167]];
  // The map: dark to light as the similarity rises, so that it reads without colour, too (stops of matplotlib's inferno).
  const HEAT = [[0, 0, 4], [87, 16, 110], [188, 55, 84], [249, 142, 9], [252, 255, 164]];
  const KEPT = 64; // pictures that stay decoded
  const pictures = new Map();
  const ink = (number) => PALETTE[number % PALETTE.length];

  function make(tag, attributes = {}, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name === "text") node.textContent = value;
      else if (name === "on") for (const [event, act] of Object.entries(value)) node.addEventListener(event, act);
      else if (value !== null && value !== false) node.setAttribute(name, value === true ? "" : value);
    }
    node.append(...children.filter((child) => child !== null));
    return node;
  }

  function picture(index) {
    if (index === null) return Promise.resolve(null);
    if (!pictures.has(index)) {
      const image = new Image();
      image.src = document.getElementById(`picture-${index}`).textContent;
      pictures.set(index, image.decode().then(() => image, () => null));
      if (pictures.size > KEPT) pictures.delete(pictures.keys().next().value);
    }
    return pictures.get(index);
  }

  // COCO run lengths: five bits a character, low ones first; from the fourth run on, the difference to the run two before.
  function decode(rle) {
    const [height, width] = rle.size, text = rle.counts, inside = new Uint8Array(height * width);
    let place = 0, at = 0, before = 0, last = 0;
    for (let run = 0; place < text.length; run++) {
      let value = 0, shift = 0, more = true;
      while (more && place < text.length) {
        const bits = text.charCodeAt(place++) - 48;
        value |= (bits & 31) << shift;
        more = Boolean(bits & 32);
        shift += 5;
        if (!more && bits & 16) value |= -1 << shift;
      }
      if (run > 2) value += before;
      if (run % 2) for (let i = at; i < at + value && i < inside.length; i++) inside[(i % height) * width + Math.floor(i / height)] = 1;
      at += value;
      [before, last] = [last, value];
    }
    return { height, width, inside };
  }

  // A mask as a canvas: a translucent fill, a line of its colour round it and a thin white one round that.
  function painted(rle, [red, green, blue], hatched = false) {
    const { height, width, inside } = decode(rle);
    const canvas = make("canvas", { width, height });
    const pixels = new ImageData(width, height), line = Math.max(1, Math.round(Math.max(width, height) / 190));
    const within = (x, y) => x >= 0 && y >= 0 && x < width && y < height && inside[y * width + x] === 1;
    const beside = (x, y, d, wanted) => within(x - d, y) === wanted || within(x + d, y) === wanted || within(x, y - d) === wanted || within(x, y + d) === wanted;
    for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) {
      const i = 4 * (y * width + x);
      if (!within(x, y)) { if (!hatched && beside(x, y, line, true)) pixels.data.set([255, 255, 255, 255], i); }
      else if (hatched) pixels.data.set([red, green, blue, (x + y) % 8 < 3 ? 220 : 70], i);
      else pixels.data.set([red, green, blue, beside(x, y, line, false) ? 255 : 130], i);
    }
    canvas.getContext("2d").putImageData(pixels, 0, 0);
    return canvas;
  }

  function heated(mark) {
    const [height, width] = mark.grid, levels = atob(mark.map), pixels = new ImageData(width, height);
    for (let i = 0; i < width * height; i++) {
      const level = (levels.charCodeAt(i) / 255) * (HEAT.length - 1), low = Math.min(HEAT.length - 2, Math.floor(level));
      const mixed = HEAT[low].map((value, channel) => value + (HEAT[low + 1][channel] - value) * (level - low));
      pixels.data.set([...mixed, 255], 4 * i);
    }
    const canvas = make("canvas", { width, height });
    canvas.getContext("2d").putImageData(pixels, 0, 0);
    return canvas;
  }

  // Draws a sample with some layers; `chosen` is the mark whose map and points are shown.
  async function paint(canvas, sample, layers, chosen) {
    const image = await picture(sample.picture);
    const [high, wide] = sample.size, room = canvas.getBoundingClientRect(), dense = Math.min(2, window.devicePixelRatio || 1);
    if (!room.width || !canvas.isConnected) return;
    canvas.width = Math.round(room.width * dense);
    canvas.height = Math.round(room.height * dense);
    const pen = canvas.getContext("2d");
    const scale = Math.min(canvas.width / wide, canvas.height / high);
    pen.translate((canvas.width - wide * scale) / 2, (canvas.height - high * scale) / 2);
    pen.beginPath();
    pen.rect(0, 0, wide * scale, high * scale);
    pen.clip();
    const lay = (what) => pen.drawImage(what, 0, 0, wide * scale, high * scale);
    const mark = sample.given[chosen];
    const warm = layers.has("map") && mark && mark.map;
    if (image) lay(image);
    else { pen.fillStyle = "#888"; pen.fillRect(0, 0, wide * scale, high * scale); }
    if (layers.size) veil(pen, wide * scale, high * scale, warm ? 1 : 0.7);
    if (warm) {
      const [left, top, right, bottom] = mark.edges.length ? mark.edges : [0, 0, wide, high];
      pen.globalAlpha = 0.72;
      pen.drawImage(heated(mark), left * scale, top * scale, (right - left) * scale, (bottom - top) * scale);
      pen.globalAlpha = 1;
    }
    if (layers.has("truth")) {
      sample.targets.forEach((target, index) => target.mask && lay(painted(target.mask, ink(index))));
      if (sample.void) lay(painted(sample.void, [128, 128, 128], true));
    }
    if (layers.has("answer")) sample.given.forEach((one) => one.mask && lay(painted(one.mask, ink(one.colour))));
    if (layers.has("points") && mark && mark.points) mark.points.forEach((point) => spot(pen, point, scale, canvas.width));
  }

  // Takes colour, and a little contrast, out of the picture, so that what is laid on it stands out. (A canvas's `filter`
  // would do it, but not in every browser.)
  function veil(pen, width, height, grey) {
    pen.save();
    pen.globalCompositeOperation = "saturation";
    pen.globalAlpha = grey;
    pen.fillStyle = "#808080";
    pen.fillRect(0, 0, width, height);
    pen.globalCompositeOperation = "source-over";
    pen.globalAlpha = 0.25;
    pen.fillRect(0, 0, width, height);
    pen.restore();
  }

  // A point inside is a filled disc, one outside a cross: told apart by shape.
  function spot(pen, [x, y, label], scale, width) {
    const [cx, cy, r] = [(x + 0.5) * scale, (y + 0.5) * scale, Math.max(3, width / 90)];
    const shape = new Path2D();
    if (label) shape.arc(cx, cy, r, 0, 7);
    else { shape.moveTo(cx - r, cy - r); shape.lineTo(cx + r, cy + r); shape.moveTo(cx - r, cy + r); shape.lineTo(cx + r, cy - r); }
    pen.lineCap = "round";
    pen.strokeStyle = label ? "#fff" : "#000";
    pen.lineWidth = label ? r * 0.9 : r * 1.2;
    pen.stroke(shape);
    if (label) { pen.fillStyle = "rgb(0 158 115)"; pen.fill(shape); }
    else { pen.strokeStyle = "#fff"; pen.lineWidth = r * 0.55; pen.stroke(shape); }
  }

  // Canvases are drawn when they come near and let go when they are far: a thousand cards would not fit in memory.
  const near = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting) target.draw();
      else if (target.width) target.width = target.height = 0;
    }
  }, { rootMargin: "600px" });

  function board(sample, layers, mark) {
    const canvas = make("canvas", { "aria-hidden": "true", width: 0, height: 0 });
    const [high, wide] = sample.size;
    canvas.style.aspectRatio = String(Math.min(2.2, Math.max(0.6, wide / high)));
    canvas.draw = () => paint(canvas, sample, layers, mark());
    return canvas;
  }

  return { make, ink, board, near };
})();
