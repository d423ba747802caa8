// On every page: what a phone keeps of one person's visits goes when he signs out or another signs in. Entries that were not sent yet
// stay, unseen, until the same person signs in again.
"use strict";
(() => {
  const person = document.body.dataset.person || "";
  const PAGES = "photopeak-pages-";

  async function forget(keepFor) {
    if (window.caches)
      for (const name of await caches.keys()) if (name.startsWith(PAGES) && name !== PAGES + keepFor) await caches.delete(name);
    if (!window.indexedDB || !indexedDB.databases) return;
    if (!(await indexedDB.databases()).some(one => one.name === "photopeak-visits")) return;
    const opening = indexedDB.open("photopeak-visits");
    opening.onsuccess = () => {
      const base = opening.result;
      if (!base.objectStoreNames.contains("sheets")) return base.close();
      const change = base.transaction(["sheets", "entries"], "readwrite");
      for (const [store, gone] of [["sheets", () => true], ["entries", row => row.sent]])
        change.objectStore(store).openCursor().onsuccess = event => {
          const cursor = event.target.result;
          if (!cursor) return;
          if (String(cursor.value.person) !== keepFor && gone(cursor.value)) cursor.delete();
          cursor.continue();
        };
      change.oncomplete = () => base.close();
    };
  }

  forget(person);
  for (const form of document.querySelectorAll("[data-sign-out]"))
    form.addEventListener("submit", async event => {
      event.preventDefault();
      try { await forget(""); } finally { form.submit(); }
    });
})();
