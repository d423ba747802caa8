// More lines in a table of readings, and a column or block pasted from a spreadsheet.
"use strict";
(() => {
  const form = document.querySelector("[data-entering]"), body = form && form.querySelector("[data-rows]");
  if (!body) return;
  function add() {
    if (body.rows.length >= Number(form.dataset.most)) return false;
    const line = body.rows.length, row = body.rows[line - 1].cloneNode(true);
    row.cells[0].textContent = line + 1;
    for (const wrong of row.querySelectorAll(".wrong")) wrong.remove();
    for (const cell of row.querySelectorAll(".has-wrong")) cell.classList.remove("has-wrong");
    for (const field of row.querySelectorAll("input, select")) {
      field.name = field.id = field.name.replace(/^row\.\d+\./, "row." + line + ".");
      field.value = "";
      field.removeAttribute("aria-invalid");
      field.removeAttribute("aria-describedby");
    }
    body.append(row);
    return true;
  }
  form.querySelector("[data-add]").addEventListener("click", () => { if (add()) body.rows[body.rows.length - 1].querySelector("input, select").focus(); });
  body.addEventListener("paste", event => {
    const text = event.clipboardData.getData("text").replace(/\r?\n$/, "");
    if (!/[\t\n]/.test(text) || !event.target.matches("input")) return;
    event.preventDefault();
    const cell = event.target.closest("td"), first = cell.parentElement.rowIndex - 1, column = cell.cellIndex;
    text.split(/\r?\n/).forEach((line, r) => {
      while (first + r >= body.rows.length) if (!add()) return;
      line.split("\t").forEach((part, c) => {
        const place = body.rows[first + r].cells[column + c], field = place && place.querySelector("input, select");
        if (field) field.value = part.trim();
      });
    });
  });
})();
