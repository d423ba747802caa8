// The picture as measured: window and level, palettes, outlines, a profile, read-out under the pointer, all by keyboard too.
"use strict";
for (const box of document.querySelectorAll("[data-viewer]")) {
  const canvas = box.querySelector(".pane canvas"), scale = box.querySelector(".bar-of-colours"), profile = box.querySelector(".profile");
  const low = box.querySelector("[data-low]"), high = box.querySelector("[data-high]");
  const buttons = [...box.querySelectorAll("[data-pixels]")];
  const cache = new Map();
  let now = null, palette = "grey", overlay = true, line = null, showProfile = false;
  const write = (name, text) => { box.querySelector("[data-" + name + "]").textContent = text; };
  const say = value => Number.isFinite(value) ? Number(value.toPrecision(5)).toLocaleString("en-US", { maximumFractionDigits: 6 }).replaceAll(",", " ").replace("-", "−") : "—";

  function colour(t) {
    t = Math.min(1, Math.max(0, t));
    if (palette === "inverse") t = 1 - t;
    if (palette !== "deviation") return [255 * t, 255 * t, 255 * t];
    const blue = [28, 79, 130], paper = [255, 255, 255], brown = [184, 86, 15];
    const [from, to, s] = t < 0.5 ? [blue, paper, 2 * t] : [paper, brown, 2 * t - 1];
    return from.map((c, n) => c + (to[n] - c) * s);
  }

  async function open(n) {
    const button = buttons[(n + buttons.length) % buttons.length];
    buttons.forEach(one => one.toggleAttribute("aria-current", one === button));
    if (!cache.has(button)) {
      const about = JSON.parse(document.getElementById(button.dataset.about).textContent);
      const bytes = await (await fetch(button.dataset.pixels)).arrayBuffer();
      const values = new Float32Array(bytes);
      let least = Infinity, most = -Infinity;
      for (const v of values) if (v === v) { if (v < least) least = v; if (v > most) most = v; }
      const [a, b] = about.window, room = 0.1 * (b - a);
      cache.set(button, { about, values, least: Math.min(least, a - room), most: Math.max(most, b + room), window: [a, b], n: buttons.indexOf(button), title: button.title });
    }
    now = cache.get(button);
    palette = { inverse: "inverse", deviation: "deviation" }[now.about.palette] || "grey";
    line = null;
    sliders();
    write("title", now.title);
    draw();
    box.dataset.shown = String(now.n);
  }

  const fraction = value => Math.round(1000 * (value - now.least) / (now.most - now.least || 1));
  function sliders() { low.value = fraction(now.window[0]); high.value = fraction(now.window[1]); }
  function moved() {
    const at = input => now.least + (now.most - now.least) * input.value / 1000;
    now.window = [Math.min(at(low), at(high)), Math.max(at(low), at(high))];
    draw();
  }

  function draw() {
    const { about, values, window: [a, b] } = now, { rows, columns } = about;
    const zoom = Math.max(1, Math.round(640 / columns));
    canvas.width = columns * zoom;
    canvas.height = Math.round(rows * zoom * about.pixel_mm[0] / about.pixel_mm[1]);
    const image = new ImageData(columns, rows);
    for (let i = 0; i < values.length; i++) {
      const v = values[i];
      if (v !== v) continue;
      const [r, g, bl] = colour((v - a) / (b - a || 1));
      image.data[4 * i] = r; image.data[4 * i + 1] = g; image.data[4 * i + 2] = bl; image.data[4 * i + 3] = 255;
    }
    const small = document.createElement("canvas");
    small.width = columns; small.height = rows;
    small.getContext("2d").putImageData(image, 0, 0);
    const pen = canvas.getContext("2d");
    pen.imageSmoothingEnabled = false;
    pen.drawImage(small, 0, 0, canvas.width, canvas.height);
    if (overlay) for (const one of about.overlays) outline(pen, one, canvas.width / columns, canvas.height / rows);
    if (showProfile && line !== null) cross(pen, canvas.height / rows);
    legend();
    for (const button of box.querySelectorAll("[data-palette]")) button.setAttribute("aria-pressed", button.dataset.palette === palette);
    write("window", say(a) + " – " + say(b) + " " + unit());
  }
  const unit = () => now.about.unit[document.documentElement.lang.startsWith("en") ? "en" : "zh"] || "";

  function outline(pen, one, sx, sy) {
    pen.beginPath();
    if (one.kind === "outline") for (const loop of one.loops) { loop.forEach(([x, y], n) => n ? pen.lineTo(x * sx, y * sy) : pen.moveTo(x * sx, y * sy)); pen.closePath(); }
    else if (one.kind === "circle") pen.ellipse(one.x * sx, one.y * sy, one.radius * sx, one.radius * sx, 0, 0, 7);
    else { pen.arc(one.x * sx, one.y * sy, 9, 0, 7); pen.moveTo(one.x * sx - 5, one.y * sy); pen.lineTo(one.x * sx + 5, one.y * sy); if (one.sign === "+") { pen.moveTo(one.x * sx, one.y * sy - 5); pen.lineTo(one.x * sx, one.y * sy + 5); } }
    pen.setLineDash([]);
    pen.strokeStyle = "#000a"; pen.lineWidth = 4.5; pen.stroke();
    pen.setLineDash({ dashed: [9, 6], background: [7, 4], dotted: [2, 4] }[one.style] || []);
    pen.strokeStyle = "#ffd166"; pen.lineWidth = 2; pen.stroke();
    pen.setLineDash([]);
  }

  function legend() {
    const pen = scale.getContext("2d");
    for (let y = 0; y < scale.height; y++) { pen.fillStyle = "rgb(" + colour(1 - y / (scale.height - 1)).map(Math.round) + ")"; pen.fillRect(0, y, scale.width, 1); }
  }

  function cross(pen, sy) {
    pen.strokeStyle = "#ffd166"; pen.lineWidth = 1.5;
    pen.beginPath(); pen.moveTo(0, (line + 0.5) * sy); pen.lineTo(canvas.width, (line + 0.5) * sy); pen.stroke();
    const { values, about: { columns }, window: [a, b] } = now, own = profile.getContext("2d");
    own.clearRect(0, 0, profile.width, profile.height);
    own.strokeStyle = getComputedStyle(document.documentElement).getPropertyValue("--accent");
    own.lineWidth = 1.5;
    own.beginPath();
    for (let c = 0; c < columns; c++) {
      const v = values[line * columns + c], y = profile.height * (1 - (v - Math.min(0, a)) / (1.05 * b - Math.min(0, a) || 1));
      own.lineTo((c + 0.5) * profile.width / columns, v === v ? y : profile.height);
    }
    own.stroke();
  }

  function point(event) {
    if (!now) return;
    const place = canvas.getBoundingClientRect(), { rows, columns, pixel_mm, left_mm, top_mm } = now.about;
    const c = Math.floor((event.clientX - place.left) / place.width * columns), r = Math.floor((event.clientY - place.top) / place.height * rows);
    if (c < 0 || r < 0 || c >= columns || r >= rows) return;
    const value = now.values[r * columns + c];
    write("x", "x " + say(Math.round(left_mm + (c + 0.5) * pixel_mm[1])) + " mm");
    write("y", "y " + say(Math.round(top_mm + (r + 0.5) * pixel_mm[0])) + " mm");
    write("value", say(value) + " " + unit());
    if (showProfile) { line = r; draw(); }
  }

  function toggle(name, value) { box.querySelector("[data-" + name + "]").setAttribute("aria-pressed", value); }
  function setProfile(value) { showProfile = value; profile.hidden = !value; toggle("profile", value); if (value && line === null) line = now.about.rows >> 1; draw(); }
  function setOverlay(value) { overlay = value; toggle("overlay", value); draw(); }
  function narrow() { const middle = (now.window[0] + now.window[1]) / 2, half = (now.window[1] - now.window[0]) / 2;
    now.window = half < 0.05 * (now.most - now.least) ? [...now.about.window] : [middle - half / 1.5, middle + half / 1.5]; sliders(); draw(); }

  low.addEventListener("input", moved); high.addEventListener("input", moved);
  canvas.addEventListener("pointermove", point);
  buttons.forEach((button, n) => button.addEventListener("click", () => open(n)));
  for (const button of box.querySelectorAll("[data-palette]")) button.addEventListener("click", () => { palette = button.dataset.palette; draw(); });
  box.querySelector("[data-overlay]").addEventListener("click", () => setOverlay(!overlay));
  box.querySelector("[data-profile]").addEventListener("click", () => setProfile(!showProfile));
  box.addEventListener("keydown", event => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, textarea, select")) return;
    const act = { ArrowLeft: () => open(now.n - 1), ArrowRight: () => open(now.n + 1), o: () => setOverlay(!overlay), p: () => setProfile(!showProfile),
      w: narrow, f: () => document.fullscreenElement ? document.exitFullscreen() : box.requestFullscreen() }[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (act && now) { event.preventDefault(); act(); }
  });
  if (buttons.length) open(0);
}
