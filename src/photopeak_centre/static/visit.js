// The sheet of a site visit. Every entry is first kept in this phone's database under an identifier of its own, then sent; sent again it
// changes nothing. Points are reckoned in hundredths, as whole numbers, so that the total is the one the centre reckons.
"use strict";
(() => {
  const boot = JSON.parse(document.getElementById("sheet").textContent);
  const KEY = boot.person + "/" + boot.visit, SYNC = `/visits/${boot.visit}/sync/`, LONG_SIDE = 1600, AGAIN_MS = 20000, TYPED_MS = 700;
  const LANGUAGE = document.documentElement.lang.startsWith("en") ? "en" : "zh";
  const $ = (what, within = document) => within.querySelector(what), $$ = (what, within = document) => [...within.querySelectorAll(what)];
  const items = new Map();
  for (const section of boot.checklist.sections)
    for (const item of section.items)
      items.set(item.number, { section: section.number, veto: item.veto, words: item.words,
        points: hundredths(item.points), each: item.each === null ? null : hundredths(item.each), floor: hundredths(item.floor), need: hundredths(item.need) });

  function hundredths(text) { return Math.round(Number(text) * 100); }
  function plain(number) { return String(number / 100); }
  function score(item, answer) {
    if (answer.answer === "met") return item.points;
    if (answer.answer === "not_met") return 0;
    if (answer.answer === "partial") return Math.max(item.floor, item.points - item.each * answer.occurrences);
    return null;
  }
  function newId() {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    bytes[6] = bytes[6] & 15 | 64;
    bytes[8] = bytes[8] & 63 | 128;
    const hex = [...bytes].map(byte => byte.toString(16).padStart(2, "0")).join("");
    return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
  }

  // -- what this phone keeps -----------------------------------------------------------------------------------------------------
  let base = null, state = boot.state, entries = [], problem = "", last = null, busy = false, finishing = "";
  const wait = request => new Promise((yes, no) => { request.onsuccess = () => yes(request.result); request.onerror = () => no(request.error); });
  function open() {
    const request = indexedDB.open("photopeak-visits", 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore("sheets", { keyPath: "key" });
      request.result.createObjectStore("entries", { keyPath: "id" }).createIndex("key", "key");
    };
    return wait(request);
  }
  async function put(store, row) {
    const change = base.transaction(store, "readwrite", { durability: "strict" });
    change.objectStore(store).put(row);
    await new Promise((yes, no) => { change.oncomplete = yes; change.onerror = change.onabort = () => no(change.error); });
  }
  // one thing after another: what is entered next must see what was entered before, or it would seem to come from another phone
  let queue = Promise.resolve();
  const inOrder = work => { const made = queue.then(work); queue = made.catch(() => {}); return made; };
  const rowOf = fields => ({ key: KEY, person: boot.person, order: (entries.at(-1)?.order ?? 0) + 1, sent: false, ...fields });

  async function enter(kind, item, value, more = {}) {
    const made = new Date().toISOString(), { blob = null, ...rest } = more;
    const entry = { id: newId(), kind, item, value, base: null, made, ...rest };
    const row = rowOf({ id: entry.id, entry, blob });
    try { await put("entries", row); } catch (error) { problem = "full"; show(); throw error; }
    entries.push(row);
    show();
    send();
    return entry;
  }

  // -- the sheet as it stands: the centre's state, then what was entered here since ------------------------------------------------
  function standing() {
    const answers = new Map(Object.entries(state.answers)), photographs = [...state.photographs], withdrawn = new Set();
    let finished = null;
    const conflicts = new Map(state.conflicts.map(one => [one.id, one]));
    for (const row of entries) {
      if (row.sent || row.refused) continue;
      const { kind, item, value, id, made, settles = [] } = row.entry;
      if (kind === "answer") {
        answers.set(item, { id, item, made, by: boot.name, ...value });
        for (const one of settles) conflicts.delete(one);
      }
      if (kind === "photograph" && !photographs.some(one => one.id === id)) photographs.push({ id, item, made, by: boot.name, ...value, blob: row.blob });
      if (kind === "withdraw") withdrawn.add(row.entry.base);
      if (kind === "finish") finished = row;
    }
    return { answers, conflicts: [...conflicts.values()], photographs: photographs.filter(one => !withdrawn.has(one.id)), finished,
      locked: state.state === "signed" || finished !== null };
  }
  const sheetOf = answers => Object.fromEntries([...answers].map(([item, one]) => [item, one.id]));

  // -- showing -------------------------------------------------------------------------------------------------------------------
  const urls = new Map();
  function show() {
    const now = standing(), sums = new Map();
    let total = 0, possible = 0, fails = 0, out = 0, left = 0;
    const deductions = [];
    document.body.classList.toggle("locked", now.locked);
    for (const [number, item] of items) {
      const answer = now.answers.get(number), box = $(`[data-item="${number}"]`), points = answer ? score(item, answer) : undefined;
      const failing = points !== null && points !== undefined && points < item.need;
      const sum = sums.get(item.section) ?? { points: 0, possible: 0 };
      sums.set(item.section, sum);
      if (points === undefined) left += 1;
      else if (points === null) out += 1;
      else {
        total += points; possible += item.points; sum.points += points; sum.possible += item.points; fails += failing;
        if (points < item.points) deductions.push(`${number} ${item.words[LANGUAGE]} · ${plain(points)}/${plain(item.points)}${answer.note ? " · " + answer.note : ""}`);
      }
      box.classList.toggle("failing", failing);
      $("[data-points]", box).textContent = points === undefined || points === null ? "–" : plain(points);
      for (const button of $$("[data-answer]", box)) {
        button.setAttribute("aria-checked", String(answer?.answer === button.dataset.answer));
        button.disabled = now.locked || button.dataset.answer === "partial" && item.each === null;
      }
      const count = $("[data-count]", box), note = $("[data-note]", box);
      if (count) {
        count.hidden = answer?.answer !== "partial";
        $("output", count).textContent = answer?.occurrences ?? 1;
        for (const button of $$("button", count)) button.disabled = now.locked;
      }
      if (document.activeElement !== note) note.value = answer?.note ?? "";
      note.readOnly = now.locked;
      if (answer?.note || answer && answer.answer !== "met" && !now.locked) note.hidden = false;
      $("[data-write]", box).hidden = now.locked || !answer;
      $("[data-photo]", box).closest("label").hidden = now.locked;
      shots($("[data-shots]", box), now.photographs.filter(one => one.item === number), now.locked);
      beside($("[data-conflicts]", box), now.conflicts.filter(one => one.item === number), answer, now.locked);
    }
    for (const [section, sum] of sums)
      for (const box of $$(`[data-section-total="${section}"]`)) box.textContent = `${plain(sum.points)} / ${plain(sum.possible)}`;
    $("[data-total]").textContent = plain(total);
    $("[data-possible]").textContent = plain(possible);
    const about = $("[data-percent]"), told = possible ? [`${(100 * total / possible).toFixed(1)}%`] : [];
    if (LANGUAGE === "en" && told.length) told[0] = told[0].replace("%", " %");
    if (out) told.push(about.dataset.na.replace("{n}", out));
    if (left) told.push(about.dataset.left.replace("{n}", left));
    about.textContent = told.join(" · ");
    $("[data-fails]").hidden = !fails;
    $("[data-fail-count]").textContent = fails;
    $("[data-deductions]").replaceChildren(...deductions.map(text => Object.assign(document.createElement("li"), { textContent: text })));
    $("[data-finish]").disabled = now.locked;
    $("[data-signing]").hidden = now.locked;
    $("[data-signed-part]").hidden = !now.locked;
    if (now.locked) signed(now);
    $("[data-again]").hidden = now.locked || !state.refused_finish;
    $("[data-again-why]").textContent = boot.why[finishing] || boot.why.sheet;
    status(now);
    return { now, total, possible, left };
  }

  function source(one) {
    if (!one.blob) return one.url;
    if (!urls.has(one.id)) urls.set(one.id, URL.createObjectURL(one.blob));
    return urls.get(one.id);
  }
  const clock = made => new Date(made).toLocaleTimeString("zh-CN", { hour: "2-digit", minute: "2-digit", hour12: false });
  function shots(box, found, locked) {
    const shown = found.map(one => one.id + locked).join();
    if (box.dataset.shown === shown) return;
    box.dataset.shown = shown;
    box.replaceChildren(...found.map((one, n) => {
      const figure = $("[data-shot]").content.cloneNode(true).firstElementChild;
      const kept = entries.find(row => row.id === one.id && row.blob);
      $("img", figure).src = source(kept ? { id: one.id, blob: kept.blob } : one);
      $("img", figure).alt = $("figcaption", figure).textContent = `IMG ${n + 1} · ${clock(one.made)}${one.caption ? " · " + one.caption : ""}`;
      const remove = $("[data-remove]", figure);
      remove.hidden = locked;
      remove.addEventListener("click", () => inOrder(() => enter("withdraw", "", {}, { base: one.id })));
      return figure;
    }));
  }
  function beside(box, found, current, locked) {
    box.replaceChildren(...found.map(one => {
      const said = $("[data-conflict]").content.cloneNode(true).firstElementChild;
      $("[data-other]", said).textContent = `${boot.answers[one.answer]}${one.answer === "partial" ? " × " + one.occurrences : ""} · ${one.by} · ${clock(one.made)}`;
      $("[data-other-note]", said).textContent = one.note;
      const take = value => inOrder(() => enter("answer", one.item, value, { base: standing().answers.get(one.item)?.id ?? null, settles: [one.id] }));
      const valueOf = ({ answer, occurrences, note }) => ({ answer, occurrences, note });
      $("[data-take]", said).addEventListener("click", () => take(valueOf(one)));
      $("[data-stay]", said).addEventListener("click", () => take(valueOf(current ?? one)));
      $$("button", said).forEach(button => { button.disabled = locked; });
      return said;
    }));
  }
  function signed(now) {
    const here = entries.filter(row => row.entry.kind === "signature" && now.finished?.entry.value.signatures.includes(row.id));
    const found = here.length ? here.map(row => ({ id: row.id, blob: row.blob, made: row.entry.made, ...row.entry.value })) : state.signatures;
    $("[data-signatures]").replaceChildren(...found.map(one => {
      const kept = entries.find(row => row.id === one.id && row.blob), figure = document.createElement("figure"), image = new Image(), words = document.createElement("figcaption");
      figure.className = "signed-by";
      image.src = source(kept ? { id: one.id, blob: kept.blob } : one);
      image.alt = words.textContent = `${one.name} · ${clock(one.made)}`;
      figure.append(image, words);
      return figure;
    }));
  }

  function status(now) {
    const bar = $("[data-status]"), waiting = entries.filter(row => !row.sent && !row.refused);
    const photographs = waiting.filter(row => row.entry.kind === "photograph").length, refused = entries.filter(row => row.refused);
    const told = problem === "out" || problem === "barred" ? problem : "";
    let name = !waiting.length ? "sent" : told ? told : navigator.onLine && problem !== "offline" ? "waiting" : "offline";
    if (now.locked) name = state.state === "signed" && !waiting.length ? "signed" : told && waiting.length ? told : "signedHere";
    if (!waiting.length && !navigator.onLine) name = now.locked ? name : "offline";
    if (refused.length) name = "refused";
    if (problem === "full") name = "full";
    bar.className = `off ${{ sent: "fine", signed: "fine", refused: "bad", full: "bad", barred: "bad" }[name] ?? ""}`;
    bar.dataset.now = name;
    bar.textContent = bar.dataset[name].replace("{n}", name === "refused" ? refused.length : waiting.length - photographs).replace("{m}", photographs)
      .replace("{t}", last ? clock(last) : "–").replace("{why}", refused.map(row => boot.why[row.refused] || row.refused).join("; "));
  }

  // -- sending -------------------------------------------------------------------------------------------------------------------
  const cookie = name => document.cookie.split("; ").find(one => one.startsWith(name + "="))?.slice(name.length + 1);
  const asText = blob => new Promise((yes, no) => {
    const reader = new FileReader();
    reader.onload = () => yes(reader.result.slice(reader.result.indexOf(",") + 1));
    reader.onerror = () => no(reader.error);
    reader.readAsDataURL(blob);
  });

  async function ask(body) {
    const options = body === null ? {} : { method: "POST", body: JSON.stringify(body) };
    const answer = await fetch(SYNC, { ...options, redirect: "manual", headers: { "X-CSRFToken": cookie("csrftoken") || boot.token, "Content-Type": "application/json" } });
    const ours = (answer.headers.get("Content-Type") || "").includes("json");
    if (answer.status === 403 && ours) throw Object.assign(new Error("barred"), { told: "barred" });
    if (answer.type === "opaqueredirect" || answer.status === 403) throw Object.assign(new Error("out"), { told: "out" });
    if (!answer.ok) throw new Error(String(answer.status));
    return answer.json();
  }
  async function took(answer) {
    last = new Date().toISOString();
    if (answer.state.version >= state.version) state = answer.state;
    boot.token = answer.token || boot.token;
    await put("sheets", { key: KEY, person: boot.person, visit: boot.visit, state });
    for (const result of answer.results) {
      const row = entries.find(one => one.id === result.id);
      if (!row) continue;
      if (row.entry.kind === "finish" && result.is === "conflict") finishing = result.why || finishing;
      if (result.is === "refused") row.refused = result.why;
      else row.sent = true;
      await put("entries", row);
    }
  }
  async function send() {
    if (busy || !base) return;
    busy = true;
    try {
      for (;;) {
        const waiting = entries.filter(row => !row.sent && !row.refused);
        if (!waiting.length) {
          await took(await ask(null));
          break;
        }
        const upTo = waiting.findIndex(row => row.blob), some = upTo === 0 ? waiting.slice(0, 1) : waiting.slice(0, upTo < 0 ? 50 : Math.min(upTo, 50));
        const body = { entries: [] };
        for (const row of some) body.entries.push(row.blob ? { ...row.entry, data: await asText(row.blob) } : row.entry);
        await took(await ask(body));
        problem = "";
        show();
      }
      problem = "";
    } catch (error) {
      problem = error.told || "offline";
    }
    busy = false;
    show();
    if (!problem && entries.some(row => !row.sent && !row.refused)) send();
  }

  // -- entering ------------------------------------------------------------------------------------------------------------------
  const answer = (number, change) => inOrder(() => {
    const now = standing(), current = now.answers.get(number);
    if (now.locked) return null;
    if (typeof change === "function") change = change(current);
    const value = { answer: current?.answer ?? "met", occurrences: current?.occurrences ?? 0, note: current?.note ?? "", ...change };
    value.occurrences = value.answer === "partial" ? Math.max(1, value.occurrences) : 0;
    if (current && ["answer", "occurrences", "note"].every(key => current[key] === value[key])) return null;
    return enter("answer", number, value, { base: current?.id ?? null });
  });
  async function smaller(file) {
    const picture = await createImageBitmap(file, { imageOrientation: "from-image" });
    const scale = Math.min(1, LONG_SIDE / Math.max(picture.width, picture.height)), canvas = document.createElement("canvas");
    canvas.width = Math.max(1, Math.round(picture.width * scale));
    canvas.height = Math.max(1, Math.round(picture.height * scale));
    canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
    return new Promise(yes => canvas.toBlob(yes, "image/jpeg", 0.85));
  }
  for (const box of $$("[data-item]")) {
    const number = box.dataset.item, note = $("[data-note]", box);
    for (const button of $$("[data-answer]", box)) {
      button.addEventListener("click", () => answer(number, { answer: button.dataset.answer }));
      button.addEventListener("keydown", event => {
        const way = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
        const all = $$("[data-answer]:not(:disabled)", box);
        if (way) { event.preventDefault(); all[(all.indexOf(button) + way + all.length) % all.length].focus(); }
      });
    }
    const step = by => answer(number, current => ({ occurrences: Math.max(1, (current?.occurrences ?? 1) + by) }));
    $("[data-less]", box)?.addEventListener("click", () => step(-1));
    $("[data-more]", box)?.addEventListener("click", () => step(1));
    $("[data-write]", box).addEventListener("click", () => { note.hidden = false; note.focus(); });
    let typing = 0;
    const noted = () => { clearTimeout(typing); answer(number, { note: note.value }); };
    note.addEventListener("change", noted);
    note.addEventListener("input", () => { clearTimeout(typing); typing = setTimeout(noted, TYPED_MS); });
    $("[data-photo]", box).addEventListener("change", async event => {
      const file = event.target.files[0];
      event.target.value = "";
      if (!file) return;
      const blob = await smaller(file);
      inOrder(() => enter("photograph", number, { caption: "" }, { blob }));
    });
  }
  document.addEventListener("visibilitychange", () => {
    if (document.hidden && document.activeElement?.matches?.("[data-note]")) document.activeElement.dispatchEvent(new Event("change"));
  });

  // -- signing: what is on the pad is what was drawn on it, nothing else ----------------------------------------------------------
  const pads = new Map();
  for (const pad of $$("[data-pad]")) {
    const canvas = $("canvas", pad), pen = canvas.getContext("2d");
    let drawing = false;
    pads.set(pad.dataset.pad, { canvas, name: $("[data-name]", pad), written: () => pad.classList.contains("written") });
    pen.lineWidth = 4.5; pen.lineCap = pen.lineJoin = "round"; pen.strokeStyle = "#17212b";
    const at = event => {
      const place = canvas.getBoundingClientRect();
      return [(event.clientX - place.left) * canvas.width / place.width, (event.clientY - place.top) * canvas.height / place.height];
    };
    canvas.addEventListener("pointerdown", event => {
      drawing = true;
      canvas.setPointerCapture(event.pointerId);
      pen.beginPath();
      pen.moveTo(...at(event));
    });
    canvas.addEventListener("pointermove", event => {
      if (!drawing) return;
      pen.lineTo(...at(event));
      pen.stroke();
      pad.classList.add("written");
    });
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => { drawing = false; });
    $("[data-clear]", pad).addEventListener("click", () => {
      pen.clearRect(0, 0, canvas.width, canvas.height);
      pad.classList.remove("written");
    });
  }
  $("[data-finish]").addEventListener("click", () => inOrder(async () => {
    const { now, total, possible } = show(), wrong = $("[data-wrong]");
    const open = [...items.keys()].filter(number => !now.answers.has(number)), differing = now.conflicts.map(one => one.item);
    const ready = [...pads.values()].every(pad => pad.written() && pad.name.value.trim());
    wrong.hidden = !open.length && !differing.length && ready;
    wrong.textContent = open.length ? wrong.dataset.open + open.join(" ") : differing.length ? wrong.dataset.beside + differing.join(" ") : wrong.dataset.empty;
    if (!wrong.hidden) {
      (open.length || differing.length ? $(`[data-item="${open[0] ?? differing[0]}"]`) : $("[data-signing]")).scrollIntoView({ block: "center" });
      return;
    }
    const sheet = sheetOf(now.answers), signatures = [];
    for (const [side, pad] of pads) {
      const blob = await new Promise(yes => pad.canvas.toBlob(yes, "image/png"));
      signatures.push((await enter("signature", "", { side, name: pad.name.value.trim(), sheet }, { blob })).id);
    }
    await enter("finish", "", { sheet, signatures, score: plain(total), possible: plain(possible) });
    for (const pad of $$("[data-pad]")) $("[data-clear]", pad).click();
  }));

  // -- sections, network, beginning -----------------------------------------------------------------------------------------------
  const tabs = $$("[data-tab]");
  const seen = new IntersectionObserver(found => {
    for (const one of found) if (one.isIntersecting) for (const tab of tabs) {
      if (tab.dataset.tab === one.target.id.slice(1)) tab.setAttribute("aria-current", "true"); else tab.removeAttribute("aria-current");
    }
  }, { rootMargin: "-60px 0px -70% 0px" });
  for (const section of $$("main section[id]")) seen.observe(section);
  window.addEventListener("online", send);
  window.addEventListener("offline", () => { problem = "offline"; show(); });
  setInterval(send, AGAIN_MS);

  (async () => {
    base = await open();
    const kept = await wait(base.transaction("sheets").objectStore("sheets").get(KEY));
    if (kept && kept.state.version > state.version) state = kept.state;
    await put("sheets", { key: KEY, person: boot.person, visit: boot.visit, state });
    entries = (await wait(base.transaction("entries").objectStore("entries").index("key").getAll(KEY))).sort((a, b) => a.order - b.order);
    show();
    document.body.dataset.ready = "1";
    if (navigator.serviceWorker) {
      try {
        await navigator.serviceWorker.register("/visits/worker.js");
        await navigator.serviceWorker.ready;
        if (!navigator.serviceWorker.controller) await new Promise(yes => navigator.serviceWorker.addEventListener("controllerchange", yes, { once: true }));
        const page = await fetch(location.pathname, { cache: "reload" });
        const owner = page.headers.get("X-Photopeak-Keep");
        if (page.ok && !page.redirected && owner === String(boot.person)) await (await caches.open("photopeak-pages-" + owner)).put(location.origin + location.pathname, page);
        document.body.dataset.kept = "1";
      } catch (error) { document.body.dataset.kept = navigator.onLine ? "" : "1"; }
    }
    send();
  })();
})();
