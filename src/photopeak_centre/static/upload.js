// Sends files one by one in pieces; asks first how much of each has arrived, so that an interrupted upload goes on.
"use strict";
(() => {
  const box = document.querySelector("[data-upload]");
  if (!box) return;
  const PIECE = 4 * 1024 * 1024;
  const said = box.querySelector("[data-said]"), bar = box.querySelector("[data-progress]");
  const token = box.querySelector("[name=csrfmiddlewaretoken]").value;
  const address = (name, file, offset) => box.dataset.upload + "?" + new URLSearchParams({
    name, size: file.size, changed: file.lastModified, offset });

  async function send(name, file, moved) {
    let { have, taken } = await (await fetch(address(name, file, 0))).json();
    moved(have);
    while (!taken) {
      const body = file.slice(have, have + PIECE);
      const answer = await fetch(address(name, file, have), {
        method: "POST", body, headers: { "X-CSRFToken": token, "Content-Type": "application/octet-stream" } });
      if (!answer.ok && answer.status !== 409) throw new Error(String(answer.status));
      const state = await answer.json();
      moved(state.have - have);
      ({ have, taken } = state);
    }
  }

  async function all(files) {
    const total = files.reduce((sum, [, file]) => sum + file.size, 0) || 1;
    let sent = 0, done = 0;
    box.setAttribute("aria-busy", "true");
    try {
      for (const [name, file] of files) {
        await send(name, file, bytes => { sent += bytes; bar.value = sent / total; });
        done += 1;
        said.textContent = box.dataset.reading.replace("{a}", done).replace("{b}", files.length);
      }
      bar.value = 1;
      said.textContent = box.dataset.done;
      box.dataset.arrived = files.length;
    } catch (error) {
      said.textContent = box.dataset.broken;
    }
    box.removeAttribute("aria-busy");
  }

  for (const input of box.querySelectorAll("[data-files], [data-folder]"))
    input.addEventListener("change", () => all([...input.files].map(file => [file.webkitRelativePath || file.name, file])));

  async function walk(entry, prefix) {
    if (entry.isFile) return [[prefix + entry.name, await new Promise((yes, no) => entry.file(yes, no))]];
    const reader = entry.createReader(), found = [];
    for (;;) {
      const some = await new Promise((yes, no) => reader.readEntries(yes, no));
      if (!some.length) return found;
      for (const one of some) found.push(...await walk(one, prefix + entry.name + "/"));
    }
  }
  box.addEventListener("dragover", event => { event.preventDefault(); box.classList.add("over"); });
  box.addEventListener("dragleave", () => box.classList.remove("over"));
  box.addEventListener("drop", async event => {
    event.preventDefault();
    box.classList.remove("over");
    const entries = [...event.dataTransfer.items].map(item => item.webkitGetAsEntry()).filter(Boolean);
    const files = [];
    for (const entry of entries) files.push(...await walk(entry, ""));
    all(files);
  });
})();
