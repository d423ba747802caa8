// "?" lists the keys of the page, "/" goes to the search; single letters can be switched off.
"use strict";
(() => {
  const dialog = document.querySelector("[data-key-list]"), letters = document.querySelector("[data-letters]");
  if (!dialog) return;
  const list = dialog.querySelector("dl");
  for (const one of document.querySelectorAll("template[data-keys]")) list.append(one.content.cloneNode(true));
  letters.checked = localStorage.getItem("letters") !== "off";
  letters.addEventListener("change", () => localStorage.setItem("letters", letters.checked ? "on" : "off"));
  const show = () => dialog.open ? dialog.close() : dialog.showModal();
  document.querySelector("[data-show-keys]").addEventListener("click", show);
  document.addEventListener("keydown", event => {
    if (event.target.matches("input:not([type=range]):not([type=checkbox]), textarea, select") || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "?") { event.preventDefault(); show(); return; }
    if (event.key.length !== 1 || dialog.open || localStorage.getItem("letters") === "off") return;
    const target = document.querySelector('[data-key="' + CSS.escape(event.key.toLowerCase()) + '"]');
    if (!target) return;
    event.preventDefault();
    if (target.matches("a[href]")) target.click(); else target.focus();
  });
})();
