// The table of a figure for the chosen facets, as real table elements.

import { cellText } from "./format.js";
import { chosenRows, shownColumns } from "./rows.js";

export function tableElement(figure, choice) {
  const shown = shownColumns(figure);
  const table = document.createElement("table");
  const head = table.createTHead().insertRow();
  for (const column of shown) {
    const cell = document.createElement("th");
    cell.scope = "col";
    cell.className = column.format === "text" ? "t" : "n";
    cell.textContent = column.label;
    head.append(cell);
  }
  const body = table.createTBody();
  const rows = chosenRows(figure, choice);
  for (const row of rows) {
    const line = body.insertRow();
    for (const column of shown) {
      const cell = line.insertCell();
      cell.className = column.format === "text" ? "t" : "n";
      cell.textContent = cellText(row[column.index], column.format);
    }
  }
  if (!rows.length) {
    const cell = body.insertRow().insertCell();
    cell.colSpan = shown.length;
    cell.textContent = "No rows.";
  }
  return table;
}
